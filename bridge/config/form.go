package config

import "strings"

// form returns what JSON Schema says of a value. It accepts every value that the loader accepts, and refuses as many of the
// others as a readable schema can. Text with a reference to the environment is always accepted, since the value is not known.
type form func() map[string]any

// textForm describes any text. The loader reads numbers, true and false as text too.
func textForm() map[string]any {
	return map[string]any{"type": textTypes()}
}

func textTypes() []string { return []string{"string", "number", "boolean"} }

// lineForm describes text on one line that is not blank.
func lineForm() map[string]any {
	return map[string]any{"type": textTypes(), "pattern": `^[^\r\n]*\S[^\r\n]*$`}
}

// matching describes text that matches a pattern, in the syntax that ECMA 262 and RE2 have in common.
func matching(pattern string) form {
	return func() map[string]any {
		return alternatives(map[string]any{"type": textTypes(), "pattern": pattern}, environmentForm())
	}
}

// stringMatching is matching for patterns that no number matches, nor true or false.
func stringMatching(pattern string) form {
	return func() map[string]any {
		return alternatives(map[string]any{"type": "string", "pattern": pattern}, environmentForm())
	}
}

const (
	identifierPattern = `[A-Za-z_][A-Za-z0-9_]*`
	// fieldNamePattern is one name of a request field, in the .proto file or in JSON.
	fieldNamePattern = "[^ \\t\\r\\n/{}\"`\\\\.]+"
	fieldPathPattern = `^` + fieldNamePattern + `(\.` + fieldNamePattern + `)*$`
	// headerPattern is the name of a header or of metadata.
	headerPattern = `^[A-Za-z0-9_.-]+$`
)

// messagePathForm describes a path of fields of the messages that become events.
func messagePathForm() map[string]any {
	path := map[string]any{"type": []string{"string", "boolean"}, "pattern": `^` + identifierPattern + `(\.` + identifierPattern + `)*$`}
	return alternatives(path, environmentForm())
}

// nameForm describes the name of an event.
func nameForm() map[string]any { return matching(`^[^\r\n]+$`)() }

// bodyForm describes where a body goes.
func bodyForm() map[string]any {
	name := strings.Replace(fieldNamePattern, `[^`, `[^\[`, 1)
	return matching(`^(\*|` + name + `(\.` + name + `)*)?$`)()
}

// pathForm describes the path of a route.
func pathForm() map[string]any { return stringMatching("^/")() }

// rpcForm describes package.Service/Method.
func rpcForm() map[string]any {
	return stringMatching(`^` + identifierPattern + `(\.` + identifierPattern + `)*/` + identifierPattern + `$`)()
}

// addressForm describes an address to listen on.
func addressForm() map[string]any { return stringMatching(`^([^ /:]*|\[[^ /]*\]):[0-9]{1,5}$`)() }

// targetForm describes what gRPC dials, which is neither a URL nor a path.
func targetForm() map[string]any {
	other := map[string]any{"type": "string", "pattern": `^/|^([Hh][Tt][Tt][Pp]|[Gg][Rr][Pp][Cc])[Ss]?://.*[^/]`}
	target := map[string]any{"type": textTypes(), "pattern": `^[^ \t\r\n]+$`, "not": other}
	return alternatives(target, environmentForm())
}

// authorityForm describes a host, with or without a port.
func authorityForm() map[string]any { return matching(`^[A-Za-z0-9.:_~!$%&'()*+,;=\[\]-]+$`)() }

// hostForm describes a name, an address or a range of addresses, all without a port.
func hostForm() map[string]any {
	return anyOf(
		matching(`^(\*\.)?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\.?$`),
		stringMatching(`^\[?[0-9A-Fa-f:.]+\]?$`),
		stringMatching(`^[0-9A-Fa-f:.]+/[0-9]+$`))()
}

// networkForm describes an address, or a range of addresses.
func networkForm() map[string]any {
	return anyOf(
		stringMatching(`^[0-9]{1,3}(\.[0-9]{1,3}){3}(/[0-9]{1,2})?$`),
		stringMatching(`^[0-9A-Fa-f]*:[0-9A-Fa-f:.]*(/[0-9]{1,3})?$`))()
}

// webURLForm describes a URL of the web.
func webURLForm() map[string]any {
	return stringMatching(`^[Hh][Tt][Tt][Pp][Ss]?://([A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]*)?([/?][^\s#]*)?$`)()
}

// originForm describes an origin as browsers send it.
func originForm() map[string]any { return stringMatching(`^[a-z][a-z0-9+.-]*://[a-z0-9._:\[\]-]+$`)() }

// headerForm describes the name of a header.
func headerForm() map[string]any { return matching(headerPattern)() }

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

// durationPattern is a time as Go writes it, without a sign.
const durationPattern = `(([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+$`

// durationForm describes a time that may be 0.
func durationForm() map[string]any {
	return alternatives(
		map[string]any{"type": "string", "pattern": `^\+?` + durationPattern},
		map[string]any{"type": "string", "pattern": `^[-+]?0+(ns|us|µs|μs|ms|s|m|h)?$`},
		map[string]any{"const": 0}, environmentForm())
}

// positiveForm describes a time over 0.
func positiveForm() map[string]any {
	return alternatives(
		map[string]any{"type": "string", "allOf": []map[string]any{{"pattern": `^\+?` + durationPattern}, {"pattern": "[1-9]"}}}, environmentForm())
}

func sizeForm() map[string]any {
	return alternatives(
		map[string]any{"type": "string", "pattern": `^0*[1-9][0-9]*(KiB|MiB|GiB)?$`},
		map[string]any{"type": "integer", "minimum": 1}, environmentForm())
}

func countForm() map[string]any {
	return alternatives(
		map[string]any{"type": "integer", "minimum": 1},
		map[string]any{"type": "string", "pattern": "^0*[1-9][0-9]*$"}, environmentForm())
}

// metadataForm describes a mapping of metadata names to text, which may be empty.
func metadataForm() map[string]any {
	return map[string]any{
		"type": "object", "additionalProperties": textForm(), "propertyNames": map[string]any{"pattern": headerPattern},
	}
}

// settingsForm describes a mapping of field paths to values of any kind but none.
func settingsForm() map[string]any {
	return map[string]any{
		"type": "object", "propertyNames": map[string]any{"pattern": fieldPathPattern},
		"additionalProperties": map[string]any{"type": append(textTypes(), "array", "object")},
	}
}

// defaultsForm describes the keys of a route, but for those that each route needs for itself.
func defaultsForm() map[string]any {
	return map[string]any{"allOf": []map[string]any{
		{"$ref": "#/definitions/route"},
		{"properties": map[string]any{"name": false, "path": false}},
	}}
}

func listForm(element form) form {
	return func() map[string]any { return map[string]any{"type": "array", "items": element()} }
}

// notEmptyForm describes a list that is not empty.
func notEmptyForm(list form) form {
	return func() map[string]any {
		schema := list()
		schema["minItems"] = 1
		return schema
	}
}

// setForm describes a list in which nothing stands twice.
func setForm(element form) form {
	return func() map[string]any {
		schema := listForm(element)()
		schema["uniqueItems"] = true
		return schema
	}
}

// allOrForm describes ["*"], which stands for everything, or a list in which nothing stands twice.
func allOrForm(element form) form {
	return func() map[string]any {
		all := map[string]any{"type": "array", "items": map[string]any{"const": "*"}, "minItems": 1, "maxItems": 1}
		one := element()
		one["not"] = map[string]any{"const": "*"}
		return alternatives(all, setForm(func() map[string]any { return one })())
	}
}

// environmentForm describes text that refers to the environment.
func environmentForm() map[string]any {
	return map[string]any{"type": "string", "pattern": environmentPattern}
}

const environmentPattern = `\$\{env\.`

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

// alternatives joins schemas into one, and puts text that refers to the environment at the end, once.
func alternatives(schemas ...map[string]any) map[string]any {
	var all []map[string]any
	for _, schema := range schemas {
		inner, ok := schema["anyOf"].([]map[string]any)
		if !ok || len(schema) > 1 {
			inner = []map[string]any{schema}
		}
		all = append(all, inner...)
	}
	kept, environment := all[:0:0], false
	for _, schema := range all {
		if schema["pattern"] == environmentPattern {
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
