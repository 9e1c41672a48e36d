package config_test

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v4"

	"github.com/grpcsse/grpcsse/bridge/config"
)

// everySection calls visit for each mapping and list in the files that have every key. The function with returns the file with
// another value in that place, and with no value for nil. The function without returns the file without the key.
func everySection(t *testing.T, visit func(path string, isMapping bool, with func(value *yaml.Node) string, without func() string)) {
	t.Helper()
	t.Chdir("testdata")
	for _, file := range []string{"everything.yaml", "supported.yaml", "shared.yaml"} {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		var root yaml.Node
		require.NoError(t, yaml.Unmarshal(text, &root))
		write := func() string {
			out, err := yaml.Marshal(&root)
			require.NoError(t, err)
			return string(out)
		}
		var walk func(n *yaml.Node, path string)
		walk = func(n *yaml.Node, path string) {
			for i := 0; n.Kind == yaml.MappingNode && i < len(n.Content); i += 2 {
				key, value := n.Content[i], n.Content[i+1]
				inside := path + "." + key.Value
				if value.Kind == yaml.ScalarNode || strings.HasSuffix(path, ".set") {
					continue
				}
				visit(file+inside, value.Kind == yaml.MappingNode, func(other *yaml.Node) string {
					defer func(content []*yaml.Node) { n.Content = content }(slices.Clone(n.Content))
					n.Content[i+1] = other
					return write()
				}, func() string {
					defer func(content []*yaml.Node) { n.Content = content }(slices.Clone(n.Content))
					n.Content = slices.Delete(slices.Clone(n.Content), i, i+2)
					return write()
				})
				walk(value, inside)
			}
			for i := range n.Content {
				if n.Kind == yaml.SequenceNode {
					walk(n.Content[i], fmt.Sprintf("%s[%d]", path, i))
				}
			}
		}
		walk(root.Content[0], "")
	}
}

// said is the result of loading a file, without positions: these differ where lines are missing. Warnings of empty sections are
// left out.
func said(t *testing.T, file string) (settings, problems []string) {
	t.Helper()
	cfg, err := config.Parse("a.yaml", []byte(file), config.WithEnv(testEnv))
	var found config.Problems
	if err != nil {
		require.ErrorAs(t, err, &found)
	} else {
		found = cfg.Warnings
		settings = append(settings, fmt.Sprintf("%+v", cfg.Server))
		for _, u := range cfg.Upstreams {
			settings = append(settings, fmt.Sprintf("%+v", u.WithoutSource()))
		}
		for _, r := range cfg.Routes {
			settings = append(settings, fmt.Sprintf("%+v", r.WithoutSource()))
		}
	}
	place := regexp.MustCompile(`a\.yaml:\d+:\d+`)
	for _, p := range found {
		if !strings.Contains(p.Message, "is empty and counts as left out") {
			problems = append(problems, p.Path+" "+place.ReplaceAllString(p.Message, ""))
		}
	}
	slices.Sort(problems)
	pointers := regexp.MustCompile(`0x[0-9a-f]+`)
	for i := range settings {
		settings[i] = pointers.ReplaceAllString(settings[i], "*")
	}
	return settings, problems
}

// A section in which all lines are commented out counts as left out.
func TestEmptySectionsCountAsLeftOut(t *testing.T) {
	sections := 0
	everySection(t, func(path string, _ bool, with func(*yaml.Node) string, without func() string) {
		sections++
		null := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Value: "null"}
		if strings.HasSuffix(path, "upstreams.market") || strings.HasSuffix(path, "upstreams.news") || strings.HasSuffix(path, "upstreams.plain") {
			return // an empty upstream that a route names is a problem: see empty-upstream.yaml
		}
		settings, problems := said(t, with(null))
		wantSettings, wantProblems := said(t, without())
		assert.Equal(t, wantProblems, problems, path)
		assert.Equal(t, wantSettings, settings, path)
	})
	assert.Greater(t, sections, 60)
}

// An empty section of a route does not change what `defaults` has.
func TestEmptySectionsOfARouteLeaveItsDefaults(t *testing.T) {
	cfg, err := config.Parse("a.yaml", []byte(`
upstreams: {a: {target: b}}
defaults:
  event: {id: sequence, name: kind}
  request: {query: [limit], set: {after: "${last_event_id}"}}
  share: {late_join: {latest_by: symbol}}
  cors: {origins: ["https://a.example"]}
routes:
  - path: /a
    rpc: b.C/D
    event:
      name:
        # const: quote
    request:
      query:
      # set: {after: "0"}
    share:
      late_join:
    cors:
`))
	require.NoError(t, err)
	r := cfg.Routes[0]
	assert.Equal(t, "sequence", r.Event.ID)
	assert.Equal(t, "kind", r.Event.Name)
	assert.Equal(t, []string{"limit"}, r.Request.Query)
	assert.Len(t, r.Request.Set, 1)
	require.NotNil(t, r.Share)
	assert.Equal(t, config.LateJoinLatestBy, r.Share.LateJoin.Mode)
	require.NotNil(t, r.CORS)
}

// A value of another kind in the place of a mapping gets an example of the mapping.
func TestSectionsOfAnotherKindGetAnExample(t *testing.T) {
	everySection(t, func(path string, isMapping bool, with func(*yaml.Node) string, _ func() string) {
		if !isMapping {
			return
		}
		example := regexp.MustCompile(`expected .*\{[a-zA-Z].*\}.*, found `)
		for _, wrong := range []*yaml.Node{
			{Kind: yaml.SequenceNode, Content: []*yaml.Node{{Kind: yaml.ScalarNode, Value: "x"}}},
			{Kind: yaml.ScalarNode, Value: "100"}, {Kind: yaml.ScalarNode, Value: "true"}, {Kind: yaml.ScalarNode, Value: "yes please"},
		} {
			if strings.HasSuffix(path, ".event.name") && wrong.Value == "true" {
				continue // the name of a field
			}
			_, problems := said(t, with(wrong))
			shown := slices.ContainsFunc(problems, func(p string) bool { return example.MatchString(p) })
			assert.True(t, shown, "%s: %q: %q", path, wrong.Value, problems)
		}
	})
}

// A hint must not name a key that is refused.
func TestHintsNameOnlyKeysThatAreServedAndDocumented(t *testing.T) {
	docs, err := os.ReadFile("../../docs/configuration.md")
	require.NoError(t, err)
	names := regexp.MustCompile("[a-z_]+")
	known := 0
	for _, section := range []string{
		"%s", "server: {%s}", "server: {tls: {%s}}", "server: {limits: {%s}}", "upstreams: {a: {%s}}", "upstreams: {a: {tls: {%s}}}",
		"upstreams: {a: {schema: {%s}}}", "upstreams: {a: {schema: {proto: {%s}}}}", "upstreams: {a: {keepalive: {%s}}}", "defaults: {%s}",
		"routes: [{%s}]", "routes: [{request: {%s}}]", "routes: [{metadata: {%s}}]", "routes: [{event: {%s}}]", "routes: [{event: {name: {%s}}}]",
		"routes: [{json: {%s}}]", "routes: [{share: {%s}}]", "routes: [{share: {replay: {%s}}}]", "routes: [{share: {late_join: {%s}}}]", "routes: [{share: {pace: {%s}}}]",
		"routes: [{reopen: {%s}}]", "routes: [{reopen: {backoff: {%s}}}]", "routes: [{cors: {%s}}]",
	} {
		_, err := config.Parse("a.yaml", fmt.Appendf(nil, section, "qqqqqqqqqqqq: 1"))
		var problems config.Problems
		require.ErrorAs(t, err, &problems)
		for _, p := range problems {
			list, found := strings.CutPrefix(p.Hint, "known keys here: ")
			if !found {
				continue
			}
			for _, key := range names.FindAllString(list, -1) {
				known++
				assert.Regexp(t, `(?m)(^|[^a-z_])`+key+`\b`, string(docs), section)
				_, err := config.Parse("a.yaml", fmt.Appendf(nil, section, key+": 1"))
				assert.NotContains(t, fmt.Sprint(err), "unknown key", section)
				assert.NotContains(t, fmt.Sprint(err), "can't stand in `defaults`", section)
			}
		}
	}
	assert.Greater(t, known, 70)
}
