package config_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v4"

	"github.com/grpcsse/grpcsse/bridge/config"
)

// The page about the configuration file shows every key that is served. A key with a default has its default there.
func TestTheDocumentationShowsEveryKeyAndItsDefault(t *testing.T) {
	shown := make(map[string][]string)
	for _, block := range documented(t) {
		var document yaml.Node
		if strings.HasPrefix(block.name, "configuration.md") {
			require.NoError(t, yaml.Unmarshal(block.text, &document))
			showKeys("", document.Content[0], shown)
		}
	}
	text, err := os.ReadFile("../../docs/configuration.md")
	require.NoError(t, err)
	defaults := config.Defaults()
	require.Greater(t, len(defaults), 35)
	for _, key := range config.KeyNames() {
		last := key[strings.LastIndex(key, ".")+1:]
		value, hasDefault := defaults[key]
		switch {
		case key == "route":
		case len(shown[key]) == 0:
			assert.Regexp(t, "[`{]"+last+"[`:]", string(text), "%s is not shown", key)
		case hasDefault && key != "route.cors.credentials": // the page shows an example instead of the default
			assert.Contains(t, shown[key], value, "the default of %s is not shown", key)
		}
	}
}

// showKeys records the values of all keys of a document, by the names that [config.KeyNames] gives.
func showKeys(name string, n *yaml.Node, shown map[string][]string) {
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i < len(n.Content); i += 2 {
			key := strings.TrimPrefix(name+"."+n.Content[i].Value, ".")
			switch name {
			case "upstreams":
				key = "upstream"
			case "auth.jwt", "auth.ask":
				key = name + ".*"
			}
			shown[key] = append(shown[key], "")
			if key == "defaults" {
				key = "route"
			}
			showKeys(key, n.Content[i+1], shown)
		}
	case yaml.SequenceNode:
		var texts []string
		for _, element := range n.Content {
			texts = append(texts, element.Value)
			if name == "routes" {
				showKeys("route", element, shown)
			}
		}
		shown[name] = append(shown[name], fmt.Sprint(texts))
	default:
		shown[name] = append(shown[name], n.Value)
	}
}

// The doc comment of each field with a default states the default.
func TestTheDocCommentsStateTheDefaults(t *testing.T) {
	comments := fieldComments(t, "types.go")
	maps.Copy(comments, fieldComments(t, "share.go"))
	route := config.NewRoute("/")
	route.Share = config.NewShare(config.LateJoin{Mode: config.LateJoinLatestBy})
	cfg := config.New(route)
	cfg.Upstreams = config.ForUpstream("localhost:50051").Upstreams
	stated := 0
	for name, value := range map[string]any{"Server": cfg.Server, "Upstream": *cfg.Upstreams[0], "Keepalive": cfg.Upstreams[0].Keepalive,
		"Route": *route, "Reopen": route.Reopen, "Share": *route.Share, "LateJoin": route.Share.LateJoin, "Replay": route.Share.Replay,
		"EventMapping": route.Event} {
		of := reflect.ValueOf(value)
		for i := range of.NumField() {
			field := of.Type().Field(i)
			if !field.IsExported() || slices.Contains([]string{"Mode", "Target", "Name", "Path"}, field.Name) {
				continue // these have no default
			}
			if text := stating(of.Field(i)); text != "" {
				stated++
				assert.Contains(t, comments[name+"."+field.Name], text+" by default", "%s.%s", name, field.Name)
			}
		}
	}
	assert.Greater(t, stated, 20)
}

// stating returns a value as doc comments write it, or "" for values that need no words.
func stating(v reflect.Value) string {
	text := ""
	switch value := v.Interface().(type) {
	case time.Duration:
		if text = value.String(); value%time.Minute == 0 {
			text = strings.TrimSuffix(text, "m0s") + "min"
		}
	case config.Size:
		text = value.String()
	case int:
		text = regexp.MustCompile(`(\d)(\d{3})$`).ReplaceAllString(fmt.Sprint(value), "$1,$2")
	default:
		if v.Kind() == reflect.String && v.Type() != reflect.TypeFor[string]() {
			return "[" + constantOf(v) + "]"
		}
		if v.Kind() == reflect.String && v.Len() > 0 {
			return fmt.Sprintf("%q", v.String())
		}
		return ""
	}
	if v.IsZero() {
		return ""
	}
	return regexp.MustCompile(`^([\d,]+)([a-zA-Z]+)$`).ReplaceAllString(text, "$1 $2")
}

// constantOf returns the name of the constant for a value: the name of the type, and the words of the value with capital
// letters.
func constantOf(v reflect.Value) string {
	var b strings.Builder
	b.WriteString(v.Type().Name())
	for word := range strings.SplitSeq(v.String(), "_") {
		b.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return b.String()
}

// fieldComments returns the comments of the fields in a Go file, each on one line.
func fieldComments(t *testing.T, file string) map[string]string {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments|parser.SkipObjectResolution)
	require.NoError(t, err)
	comments := make(map[string]string)
	ast.Inspect(parsed, func(n ast.Node) bool {
		spec, ok := n.(*ast.TypeSpec)
		if !ok {
			return true
		}
		if of, isStruct := spec.Type.(*ast.StructType); isStruct {
			for _, field := range of.Fields.List {
				for _, name := range slices.Clone(field.Names) {
					comments[spec.Name.Name+"."+name.Name] = strings.Join(strings.Fields(field.Doc.Text()), " ")
				}
			}
		}
		return false
	})
	return comments
}
