package config

import (
	"bytes"
	"encoding/json"
	"flag"
	"maps"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The committed schema is what the table of keys generates.
func TestTheCommittedSchemaIsFresh(t *testing.T) {
	got := generatedSchema(t)
	if flag.Lookup("update").Value.String() == "true" {
		require.NoError(t, os.WriteFile("schema.json", got, 0o644))
		jsonSchema = got
	}
	assert.Equal(t, string(got), string(jsonSchema), "run the test with -update to write it")
}

func generatedSchema(t *testing.T) []byte {
	t.Helper()
	root := sectionSchema("", everyKey())
	root["$schema"] = "http://json-schema.org/draft-07/schema#"
	root["title"] = "The configuration file of grpcsse"
	root["definitions"] = map[string]any{"route": sectionSchema("route", fieldsOf(t, "route"))}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	require.NoError(t, encoder.Encode(root))
	return out.Bytes()
}

// fieldsOf returns the keys of a section.
func fieldsOf(t *testing.T, section string) []field {
	t.Helper()
	var found []field
	eachField("", everyKey(), func(name string, f field) {
		if name == section && f.inside != nil {
			found = f.inside()
		}
	})
	require.NotEmpty(t, found, section)
	return found
}

func sectionSchema(section string, fields []field) map[string]any {
	properties, required := make(map[string]any), []string{}
	for _, f := range fields {
		properties[f.key] = f.schema(joinPath(section, f.key))
		if f.required {
			required = append(required, f.key)
		}
	}
	schema := map[string]any{"type": "object", "additionalProperties": false, "properties": properties}
	if len(required) > 0 {
		schema["required"] = required
	}
	return schema
}

// schema describes the value of a key.
func (f field) schema(name string) map[string]any {
	schema := f.value(name)
	if f.example != "" && !f.required { // a key without a value counts as left out
		schema = orNull(schema)
	}
	if f.about != "" {
		schema["description"] = f.about
	}
	if value, ok := f.defaultValue(); ok {
		schema["default"] = value
	}
	return schema
}

// orNull describes null, or a value of a schema.
func orNull(schema map[string]any) map[string]any {
	null := map[string]any{"type": "null"}
	switch kind := schema["type"].(type) {
	case string:
		if schema["anyOf"] == nil { // null would also have to match the alternatives
			schema["type"] = []string{kind, "null"}
			return schema
		}
	case []string:
		schema["type"] = append(kind, "null")
		return schema
	}
	if forms, ok := schema["anyOf"].([]map[string]any); ok && len(schema) == 1 {
		return map[string]any{"anyOf": append(slices.Clone(forms), null)}
	}
	return map[string]any{"anyOf": []map[string]any{schema, null}}
}

// value describes a value of a key other than null.
func (f field) value(name string) map[string]any {
	var schema map[string]any
	switch {
	case f.each != nil && f.each.name == "route":
		route := map[string]any{"allOf": []map[string]any{{"$ref": "#/definitions/route"}, f.each.rule()}}
		schema = map[string]any{"type": "array", "items": route}
	case f.each != nil:
		entry := *f.each
		schema = map[string]any{"type": "object", "additionalProperties": entry.schema(entry.name)}
	case f.inside != nil:
		schema = sectionSchema(name, f.inside())
		if f.rule != nil {
			maps.Copy(schema, f.rule())
		}
	default:
		return f.form()
	}
	if f.form != nil {
		schema = alternatives(schema, f.form())
	}
	return schema
}

// defaultValue returns the value of a key that is left out, if the file can have that value.
func (f field) defaultValue() (value any, ok bool) {
	around := &node{kind: mapping}
	if f.write == nil || f.inside != nil || f.required || f.key == "rpc" { // a route made in Go may have no rpc, but a route of a file must have one
		return nil, false
	}
	f.write(treeWriter{collector: &collector{}}, around)
	n := around.child(f.key)
	switch {
	case n == nil || n.kind == mapping || n.kind == list && len(n.children) == 0:
		return nil, false
	case n.kind == list:
		var texts []string
		for _, element := range n.children {
			texts = append(texts, element.text())
		}
		return texts, true
	case isJSONWord(n.text()):
		return json.RawMessage(n.text()), true
	}
	return n.text(), n.text() != ""
}

// The table of keys is complete for each key.
func TestEveryKeyIsComplete(t *testing.T) {
	count := 0
	eachField("", everyKey(), func(name string, f field) {
		count++
		assert.True(t, f.form != nil || f.inside != nil || f.each != nil, "%s has no form", name)
		if f.key == "*" || name == "route" || name == "auth.jwt.*" {
			return
		}
		assert.NotNil(t, f.decode, "%s is not read", name)
		assert.NotNil(t, f.write, "%s is not written", name)
		assert.NotEmpty(t, f.about, "%s has no description", name)
		if f.name != "" {
			assert.Equal(t, name, f.name, "the name of a section is the name of the section around it, and its key")
		}
	})
	assert.Greater(t, count, 90)
}
