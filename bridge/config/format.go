package config

import (
	"strconv"
	"strings"
	"time"
)

// format is a sort of value: how it is read, how it is written, and what the JSON Schema says of it.
type format[T any] struct {
	read func(*node) (T, bool)
	// write returns nil for a value that stands for a key left out.
	write   func(T) *node
	form    form
	example string
}

// words is the format of text. Empty text stands for a key left out.
func words(read func(*node) (string, bool)) format[string] {
	return format[string]{read: read, form: textForm, write: func(text string) *node {
		if text == "" {
			return nil
		}
		return textNode(text)
	}}
}

// wordOf is the format of one of some words.
func wordOf[T ~string](d *decoder, known []T) format[T] {
	return format[T]{read: oneOf(d, known), form: wordForm(known...), write: func(word T) *node { return textNode(string(word)) }}
}

// flag is the format of true and false.
func (d *decoder) flag() format[bool] {
	return format[bool]{read: d.boolean, form: boolForm, write: func(value bool) *node { return textNode(strconv.FormatBool(value)) }}
}

// either is the format of two words, the second of which is true.
func (d *decoder) either(no, yes string) format[bool] {
	return format[bool]{read: d.choice(no, yes), form: wordForm(no, yes), write: func(value bool) *node {
		if value {
			return textNode(yes)
		}
		return textNode(no)
	}}
}

// durations is the format of durations.
func durations(read func(*node) (time.Duration, bool)) format[time.Duration] {
	return format[time.Duration]{read: read, form: durationForm, write: func(value time.Duration) *node { return textNode(durationText(value)) }}
}

// timeOrOff is the format of durations and `off`, which is 0.
func (d *decoder) timeOrOff() format[time.Duration] {
	return format[time.Duration]{read: d.durationOrOff, form: anyOf(durationForm, wordForm(off)), write: durationNode}
}

// sizes is the format of numbers of bytes.
func sizes(read func(*node) (Size, bool)) format[Size] {
	return format[Size]{read: read, form: sizeForm, write: func(value Size) *node { return textNode(value.String()) }}
}

// count is the format of whole numbers of at least 1.
func (d *decoder) count() format[int] {
	return format[int]{read: d.atLeast(1), form: countForm, write: func(value int) *node { return textNode(strconv.Itoa(value)) }}
}

// countOrWord is the format of whole numbers of at least 1 and a word, which is 0.
func (d *decoder) countOrWord(word string) format[int] {
	return format[int]{read: d.countOr(word), form: anyOf(countForm, wordForm(word)), write: func(value int) *node {
		if value == 0 {
			return textNode(word)
		}
		return textNode(strconv.Itoa(value))
	}}
}

// texts is the format of lists of text.
func texts(example string, element form, read func(*node) ([]string, bool)) format[[]string] {
	return format[[]string]{read: read, write: listNode, form: listForm(element), example: example}
}

// someTexts is the format of lists of text that are not empty.
func someTexts(example string, element form, read func(*node) ([]string, bool)) format[[]string] {
	f := texts(example, element, read)
	f.form = func() map[string]any {
		schema := listForm(element)()
		schema["minItems"] = 1
		return schema
	}
	return f
}

// form returns what JSON Schema says of a value. Text may hold a reference to the environment wherever it stands.
type form func() map[string]any

// textForm describes a value that is read as text, though it looks like a number, say.
func textForm() map[string]any {
	return map[string]any{"type": []string{"string", "number", "boolean"}}
}

// wordForm describes one of some words. `false` counts as `off`.
func wordForm[T ~string](words ...T) form {
	return func() map[string]any {
		values := make([]any, 0, len(words))
		for _, word := range words {
			values = append(values, string(word))
			if word == off {
				values = append(values, false, "false")
			}
		}
		return alternatives(map[string]any{"enum": values}, environmentForm())
	}
}

func boolForm() map[string]any {
	return alternatives(map[string]any{"type": "boolean"}, map[string]any{"enum": []any{"true", "false"}}, environmentForm())
}

func durationForm() map[string]any {
	return alternatives(
		map[string]any{"type": "string", "pattern": `^[-+]?(0|([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+$`},
		map[string]any{"const": 0}, environmentForm())
}

func sizeForm() map[string]any {
	return alternatives(
		map[string]any{"type": "string", "pattern": `^[0-9]+(KiB|MiB|GiB)?$`},
		map[string]any{"type": "integer", "minimum": 1}, environmentForm())
}

func countForm() map[string]any {
	return alternatives(
		map[string]any{"type": "integer", "minimum": 1},
		map[string]any{"type": "string", "pattern": "^[0-9]+$"}, environmentForm())
}

// defaultsForm describes the keys of a route, but for those that each route needs for itself.
func defaultsForm() map[string]any {
	return map[string]any{"allOf": []map[string]any{
		{"$ref": "#/definitions/route"},
		{"properties": map[string]any{"name": false, "path": false}},
	}}
}

// pathForm describes the path of a route.
func pathForm() map[string]any {
	return alternatives(map[string]any{"type": "string", "pattern": "^/"}, environmentForm())
}

// rpcForm describes package.Service/Method.
func rpcForm() map[string]any {
	return alternatives(map[string]any{"type": "string", "pattern": `^[A-Za-z_][A-Za-z0-9_.]*/[A-Za-z_][A-Za-z0-9_]*$`}, environmentForm())
}

// textsForm describes a mapping of names to text.
func textsForm() map[string]any {
	return map[string]any{"type": "object", "additionalProperties": textForm()}
}

// settingsForm describes a mapping of names to values of any kind but none.
func settingsForm() map[string]any {
	return map[string]any{"type": "object", "additionalProperties": map[string]any{
		"type": []string{"string", "number", "boolean", "array", "object"},
	}}
}

func listForm(element form) form {
	return func() map[string]any { return map[string]any{"type": "array", "items": element()} }
}

// environmentForm describes text that the environment has a part in: what it comes to is not known to a schema.
func environmentForm() map[string]any {
	return map[string]any{"type": "string", "pattern": `\$\{env\.`}
}

// anyOf describes a value that may have several forms.
func anyOf(forms ...form) form {
	return func() map[string]any {
		schemas := make([]map[string]any, 0, len(forms))
		for _, f := range forms {
			schemas = append(schemas, f())
		}
		return alternatives(schemas...)
	}
}

// alternatives joins schemas into one, each of them listed once.
func alternatives(schemas ...map[string]any) map[string]any {
	var all []map[string]any
	for _, schema := range schemas {
		if inner, ok := schema["anyOf"].([]map[string]any); ok {
			all = append(all, inner...)
			continue
		}
		all = append(all, schema)
	}
	kept, environment := all[:0:0], false
	for _, schema := range all {
		if pattern, _ := schema["pattern"].(string); strings.HasPrefix(pattern, `\$`) {
			environment = true
			continue
		}
		kept = append(kept, schema)
	}
	if environment {
		kept = append(kept, environmentForm())
	}
	return map[string]any{"anyOf": kept}
}
