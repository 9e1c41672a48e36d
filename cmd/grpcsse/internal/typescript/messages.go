package typescript

import (
	"fmt"
	"slices"
	"strings"

	"github.com/grpcsse/grpcsse/bridge/describe"
)

// types writes all types, sorted by their names.
func (t *text) types(all *types) {
	written := map[string]text{}
	for _, f := range append(all.forms, all.input) {
		for _, o := range f.shapes.Objects() {
			name := all.names[typeKey{o.Name, f.suffix}]
			var one text
			one.object(all, f, o, name)
			written[name] = one
		}
	}
	for key, e := range all.enums {
		var one text
		one.enum(e, all.names[key])
		written[all.names[key]] = one
	}
	for kind := range all.kinds {
		name := all.names[typeKey{knownTypes()[kind], "Json"}]
		var one text
		one.known(kind, name)
		written[name] = one
	}
	names := make([]string, 0, len(written))
	for name := range written {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		one := written[name]
		t.WriteString(one.String() + "\n")
	}
	t.helpers(all)
}

// helpers writes the types that others are made of.
func (t *text) helpers(all *types) {
	if all.any {
		t.comment("", "Any JSON.", false)
		t.line("export type JsonValue = null | boolean | number | string | JsonValue[] | {[key: string]: JsonValue};\n")
	}
	if all.oneOf {
		t.comment("", "One of the members of T, or none.", false)
		t.line("type OneOf<T> = {[K in keyof T]: Pick<T, K> & {[Other in Exclude<keyof T, K>]?: never}}[keyof T] | {[K in keyof T]?: never};\n")
	}
}

// known writes the type of a well-known type.
func (t *text) known(kind describe.Kind, name string) {
	var doc, is string
	switch kind {
	case describe.Timestamp:
		doc, is = `A time in UTC, in the format of RFC 3339: "2026-01-02T15:04:05.5Z".`, "string"
	case describe.Duration:
		doc, is = `Seconds: "1.5s".`, "string"
	case describe.FieldMask:
		doc, is = `Field paths in lowerCamelCase, with commas between them: "price,book.bestBid".`, "string"
	case describe.Struct:
		doc, is = "An object with any members.", "{[key: string]: JsonValue}"
	case describe.Value:
		doc, is = "Any JSON.", "JsonValue"
	case describe.ListValue:
		doc, is = "An array of anything.", "JsonValue[]"
	default:
		doc = "A message of any type, whose name \"@type\" ends with. {} where there is none."
		is = `{"@type": string; [key: string]: JsonValue} | {[key: string]: undefined}`
	}
	t.comment("", doc, false)
	t.line("export type %s = %s;", name, is)
}

// enum writes the type of an enum. A value that the schema does not name is a number.
func (t *text) enum(e enumType, name string) {
	t.comment("", e.Doc, e.Deprecated)
	t.line("export type %s =", name)
	for _, v := range e.Values {
		if v.Alias && !e.aliases {
			continue
		}
		value, doc := quoted(string(v.Name)), v.Doc
		if e.numbers {
			value, doc = fmt.Sprint(v.Number), strings.TrimSuffix(identifierOf(string(v.Name))+": "+v.Doc, ": ")
		}
		t.comment("  ", doc, v.Deprecated)
		t.line("  | %s", value)
	}
	t.comment("  ", "A value that has no name here.", false)
	t.line("  | number;")
}

// object writes the type of a message.
func (t *text) object(all *types, f *form, o *describe.Object, name string) {
	alternatives := unions(o)
	doc := o.Doc
	for _, oneof := range alternatives {
		if oneof.Doc != "" {
			doc = strings.TrimPrefix(doc+"\n\n"+string(oneof.Name)+": "+oneof.Doc, "\n\n")
		}
	}
	t.comment("", doc, o.Deprecated)
	var plain text
	for _, m := range membersOf(o, alternatives) {
		plain.member(all, f, m)
	}
	if o.Extensible {
		plain.comment("", "Extensions.", false)
		plain.line("[extension: `[${string}]`]: unknown;")
	}
	switch {
	case plain.Len() == 0 && len(alternatives) == 0:
		t.line("export type %s = Record<string, never>;", name)
		return
	case len(alternatives) == 0:
		t.line("export interface %s {", name)
		t.indented("  ", plain.String())
		t.line("}")
		return
	}
	t.WriteString("export type " + name + " = ")
	if plain.Len() > 0 {
		t.line("{")
		t.indented("  ", plain.String())
		t.WriteString("} & ")
	}
	for i, oneof := range alternatives {
		var inside text
		if i > 0 {
			t.WriteString(" & ")
		}
		t.line("OneOf<{")
		for _, field := range oneof.Fields {
			inside.member(all, f, member{field.Name, []*describe.Field{field}, true})
		}
		t.indented("  ", inside.String())
		t.WriteString("}>")
	}
	t.line(";")
}

// member is a member of an object that one field gives, or several with the same name.
type member struct {
	name     string
	fields   []*describe.Field
	required bool
}

// membersOf returns the members of an object that are no alternatives.
func membersOf(o *describe.Object, alternatives []*describe.Oneof) (out []member) {
	for _, f := range o.Fields {
		if f.Oneof != nil && slices.Contains(alternatives, f.Oneof) {
			continue
		}
		at := slices.IndexFunc(out, func(m member) bool { return m.name == f.Name })
		if at < 0 {
			out, at = append(out, member{name: f.Name}), len(out)
		}
		out[at].fields = append(out[at].fields, f)
		out[at].required = out[at].required || f.Required
	}
	return out
}

// member writes a member of an object.
func (t *text) member(all *types, f *form, m member) {
	var is, docs []string
	deprecated := false
	for _, field := range m.fields {
		one := all.expression(f, field.Shape)
		if field.Nullable {
			one += " | null"
		}
		if !slices.Contains(is, one) {
			is = append(is, one)
		}
		if field.Doc != "" {
			docs = append(docs, field.Doc)
		}
		deprecated = deprecated || field.Deprecated
	}
	t.comment("", strings.Join(docs, "\n\n"), deprecated)
	optional := "?"
	if m.required {
		optional = ""
	} else if inherited(m.name) {
		is = append(is, "Object["+quoted(m.name)+"]")
	}
	t.line("%s%s: %s;", property(m.name), optional, strings.Join(is, " | "))
}

// inherited reports whether each object of JavaScript has a member of this name. It is what a page finds where the JSON has none.
func inherited(name string) bool {
	switch name {
	case "constructor", "hasOwnProperty", "isPrototypeOf", "propertyIsEnumerable", "toLocaleString", "toString", "valueOf":
		return true
	}
	return false
}
