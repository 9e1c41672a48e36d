package config_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/jsonschema-go/jsonschema"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v4"

	"github.com/grpcsse/grpcsse/bridge/config"
)

// schemaOfFiles is the committed JSON Schema, as an editor reads it.
type schemaOfFiles struct{ resolved *jsonschema.Resolved }

func newSchema(t *testing.T) schemaOfFiles {
	t.Helper()
	var parsed jsonschema.Schema
	require.NoError(t, json.Unmarshal(config.JSONSchema(), &parsed))
	resolved, err := parsed.Resolve(&jsonschema.ResolveOptions{ValidateDefaults: true})
	require.NoError(t, err)
	return schemaOfFiles{resolved}
}

// check validates a YAML file with the schema. The error comes from the schema, or from the YAML reader.
func (s schemaOfFiles) check(t *testing.T, file []byte) error {
	t.Helper()
	var document yaml.Node
	if err := yaml.Unmarshal(file, &document); err != nil {
		return err
	}
	if len(document.Content) == 0 {
		return s.resolved.Validate(nil)
	}
	return s.resolved.Validate(asJSON(t, document.Content[0]))
}

// asJSON returns the value of a YAML node, as an editor gives it to a schema.
func asJSON(t *testing.T, n *yaml.Node) any {
	t.Helper()
	switch n.Kind {
	case yaml.MappingNode:
		members := make(map[string]any)
		for i := 0; i < len(n.Content); i += 2 {
			members[n.Content[i].Value] = asJSON(t, n.Content[i+1])
		}
		return members
	case yaml.SequenceNode:
		elements := make([]any, len(n.Content))
		for i, element := range n.Content {
			elements[i] = asJSON(t, element)
		}
		return elements
	case yaml.AliasNode:
		return asJSON(t, n.Alias)
	}
	switch n.Tag {
	case "!!null":
		return nil
	case "!!bool":
		var value bool
		require.NoError(t, n.Decode(&value), n.Value)
		return value
	case "!!int", "!!float":
		var value float64
		require.NoError(t, n.Decode(&value), n.Value)
		return value
	}
	return n.Value
}

// The schema accepts each file that the loader accepts: an editor must not mark a correct file. The schema refuses each file
// that the loader refuses, unless all problems of the file are of a kind that only the loader can find.
func TestTheSchemaAgreesWithTheLoader(t *testing.T) {
	kinds := onlyTheLoader()
	a := agreement{schema: newSchema(t), kinds: kinds, met: make(map[*kindOfProblem]bool)}
	t.Run("files", a.files)
	t.Run("values", a.values)
	for _, kind := range kinds {
		assert.True(t, a.met[kind], "no problem was of the kind %q: the schema finds such problems too, so remove the entry", kind.message)
	}
}

// The schema has the same rules as the loader for keys that require or exclude each other in a section.
func TestTheSchemaHasTheRulesBetweenKeys(t *testing.T) {
	schema := newSchema(t)
	const upstream, route = "upstreams: {a: {target: b, %s}}", "upstreams: {a: {target: b}}\nroutes: [{path: /a, rpc: a.B/C, %s}]"
	for _, tt := range []struct {
		file, keys string
		right      bool
	}{
		{upstream, "tls: {cert_file: a, key_file: b}", true},
		{upstream, "tls: {cert_file: a}", false},
		{upstream, "tls: {key_file: a}", false},
		{upstream, "authority: a, tls: ", true},
		{upstream, "authority: a, tls: {}", false},
		{upstream, "schema: {reflection: true, proto: }", true},
		{upstream, "schema: {reflection: false, descriptor_set: a, proto: }", true},
		{upstream, "schema: {reflection: false, proto: {files: [a]}}", true},
		{upstream, "schema: {reflection: false}", false},
		{upstream, "schema: {reflection: true, descriptor_set: a}", false},
		{upstream, "schema: {reflection: true, proto: {files: [a]}}", false},
		{upstream, "schema: {descriptor_set: a, proto: {files: [a]}}", false},
		{upstream, "schema: {proto: {import_paths: [a]}}", false},
		{route, "share: {late_join: {latest_by: a, keys: 5}}", true},
		{route, "share: {late_join: {latest_by: a, since: a}}", false},
		{route, "share: {late_join: {since: a, keys: 5}}", false},
		{route, "share: {late_join: {keys: 5}}", false},
		{route, "share: {late_join: {}}", false},
		{route, "share: off, methods: [GET, POST]", true},
		{route, "share: {late_join: all}, methods: [GET]", true},
		{route, "share: {late_join: all}, methods: [GET, POST]", false},
		{route, "share: {late_join: all}, metadata: {expose: [set-cookie]}", false},
		{route, "methods: [POST], metadata: {expose: [set-cookie]}", true},
		{route, `body: "*", methods: [POST]`, true},
		{route, `body: "", methods: [GET]`, true},
		{route, `body: "*", methods: [GET]`, false},
		{route, `cors: {origins: ["*"]}`, true},
		{route, `cors: {origins: ["https://a.example"], credentials: true}`, true},
		{route, `cors: {origins: ["*"], credentials: true}`, false},
		{route, `cors: {origins: ["*", "https://a.example"]}`, false},
		{route, `request: {query: ["*"]}`, true},
		{route, `request: {query: ["*", a]}`, false},
		{route, `request: {query: [a, a]}`, false},
		{route, `methods: [GET, GET]`, false},
		{route, `metadata: {forward: [x-a, x-b]}`, true},
		{route, `metadata: {forward: [x-a, x-a]}`, false},
		{route, `event: {name: {}}`, false},
		{"upstreams: {a: {target: b}}\nserver: {tls: {%s}}", "cert_file: a", false},
	} {
		file := fmt.Sprintf(tt.file, tt.keys)
		_, loader := config.Parse("a.yaml", []byte(file), config.WithEnv(noEnvironment))
		complaint := schema.check(t, []byte(file))
		assert.Equal(t, tt.right, loader == nil, "%s: the loader says %v", file, loader)
		assert.Equal(t, tt.right, complaint == nil, "%s: the schema says %v", file, complaint)
	}
}

// agreement compares what the schema and the loader say about files.
type agreement struct {
	schema schemaOfFiles
	kinds  []*kindOfProblem
	// met has the kinds of problems that the loader has found and the schema has not.
	met map[*kindOfProblem]bool
}

// kindOfProblem stands for all problems whose message matches a pattern.
type kindOfProblem struct {
	message *regexp.Regexp
	// why says why a schema cannot find them.
	why string
}

// onlyTheLoader returns the kinds of problems that only the loader can find.
func onlyTheLoader() (kinds []*kindOfProblem) {
	const (
		files      = "a schema reads no other file, and does not know that a file is an included one"
		merged     = "`defaults` may have the other key, or the value that makes the route right"
		compares   = "JSON Schema compares no value with another one"
		units      = "JSON Schema computes with no units, and knows no bounds of numbers in text"
		spelling   = "a schema sees what YAML means, and not how it is written"
		unreadable = "a pattern for it would be unreadable"
	)
	for pattern, why := range map[string]string{
		`can be read|in the file|can't stand in an included file`: files,
		`no upstream:|unknown upstream|duplicate upstream`:        files,
		`is missing`:           merged,
		`takes the address of`: compares,
		`only a POST has a body|expected only GET on a shared route`:                                                      merged,
		`any origin with credentials`:                                                                                     merged,
		`duplicate|twice|can't be both|can't bind`:                                                                        compares,
		`expected at (least|most) .(base|max)|names no variable of|unknown name: expected`:                                compares,
		`can't stand in one setting`:                                                                                      compares,
		`at least (500ms|1s)|at most 5m|from 4KiB to 1GiB|found "[0-9]{13,}[KMG]iB"`:                                      units,
		`found "([-+]?[0-9_.xoe]+)"`:                                                                                      spelling,
		`anchor|alias|tag|merge key|second YAML document`:                                                                 spelling,
		`such as .*10\.0\.0\.0/8, found "[0-9A-Fa-f.:/]*"`:                                                                unreadable,
		`invalid path template|is reserved: gRPC|is the cursor|found "https?://.*:443|a gRPC target.*:[^/]*:`:             unreadable,
		`unknown reference|after (header|path|env)\.|a (reference|default) (is|can't)|\$\{[a-z_.]+\} (can't|could) stand`: unreadable,
	} {
		kinds = append(kinds, &kindOfProblem{regexp.MustCompile(pattern), why})
	}
	return kinds
}

// check validates a file with the schema, and compares the result with the error of the loader.
func (a agreement) check(t *testing.T, path string, text []byte, loader error) {
	t.Helper()
	switch complaint := a.schema.check(t, text); {
	case loader == nil:
		assert.NoError(t, complaint, "%s", text)
		return
	case complaint != nil, bytes.Contains(text, []byte("${env.")): // a schema does not know the environment
		return
	}
	var problems config.Problems
	require.ErrorAs(t, loader, &problems)
	for _, p := range problems {
		if !p.Warning && p.File == path {
			a.note(t, p, text)
		}
	}
}

// note records the kind of a problem that the schema does not find.
func (a agreement) note(t *testing.T, p *config.Problem, text []byte) {
	t.Helper()
	of := 0
	for _, kind := range a.kinds {
		if kind.message.MatchString(p.Message) {
			a.met[kind] = true
			of++
		}
	}
	assert.NotZero(t, of, "the loader refuses this file and the schema accepts it: %v\n%s", p, text)
}

// files checks the files of testdata.
func (a agreement) files(t *testing.T) {
	var files []string
	require.NoError(t, filepath.WalkDir("testdata", func(path string, _ os.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".yaml") {
			files = append(files, path)
		}
		return err
	}))
	require.Greater(t, len(files), 100)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		_, err = config.Load(file, config.WithEnv(testEnv))
		a.check(t, file, text, err)
	}
}

// values checks files in which a key has values of all kinds.
func (a agreement) values(t *testing.T) {
	taken := make(map[string]int)
	for _, trial := range trials() {
		a.check(t, trialFile, []byte(trial.file), trial.err)
		if trial.err == nil {
			taken[trial.key]++
		}
	}
	for _, key := range config.KeyNames() {
		assert.Positive(t, taken[key], "the loader accepts no value of %s", key)
	}
}
