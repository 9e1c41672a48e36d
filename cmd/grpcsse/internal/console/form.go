package console

import (
	"strings"

	"github.com/grpcsse/grpcsse/bridge"
	"github.com/grpcsse/grpcsse/bridge/describe"
)

// mostMembers bounds the members of a message that the page lists.
const mostMembers = 500

// field is an input of the form.
type field struct {
	In   bridge.BindingSource `json:"in"`
	Name string               `json:"name"` // of the path variable or the query parameter
	// Group is the message that the field stands in: the names on the way to it, with dots between them. It is "" at the top.
	Group      string        `json:"group,omitempty"`
	GroupDoc   string        `json:"group_doc,omitempty"`
	Kind       describe.Kind `json:"kind"`
	Repeated   bool          `json:"repeated,omitempty"`
	Oneof      string        `json:"oneof,omitempty"`
	Optional   bool          `json:"optional,omitempty"` // the message tells a field that is not set from its default
	Default    string        `json:"default,omitempty"`
	Doc        string        `json:"doc,omitempty"`
	Deprecated bool          `json:"deprecated,omitempty"`
	Values     []enumValue   `json:"values,omitempty"` // of an enum
}

type enumValue struct {
	Name string `json:"name"`
	Doc  string `json:"doc,omitempty"`
}

// newFields returns the inputs for a route, and the document with which a body begins.
func newFields(shapes *describe.Shapes, info bridge.RouteInfo) (fields []field, body string) {
	fields = []field{}
	for _, b := range info.Bindings() {
		if b.From == bridge.BindingBody {
			shape := shapes.Message(info.Method.Input())
			if len(b.Path) > 0 {
				shape = shapes.Field(b.Path[len(b.Path)-1])
			}
			body = skeleton(shape)
			continue
		}
		if len(b.Path) > 0 {
			fields = append(fields, newField(shapes, b))
		}
	}
	return fields, body
}

func newField(shapes *describe.Shapes, b bridge.Binding) field {
	last := b.Path[len(b.Path)-1]
	shape := shapes.Field(last)
	f := field{
		In: b.From, Name: b.Name, Kind: shape.Kind, Optional: last.HasPresence(), Doc: cut(describe.Doc(last)),
		Deprecated: describe.Deprecated(last),
	}
	if shape.Kind == describe.List {
		shape, f.Repeated = shape.Elem, true
		f.Kind = shape.Kind
	}
	if shape.Enum != nil {
		for _, v := range shape.Enum.Values {
			if !v.Alias {
				f.Values = append(f.Values, enumValue{string(v.Name), cut(v.Doc)})
			}
		}
	}
	if last.HasDefault() && shape.Enum == nil {
		f.Default = cut(last.Default().String())
	}
	if oneof := last.ContainingOneof(); oneof != nil && !oneof.IsSynthetic() {
		f.Oneof = string(oneof.Name())
	}
	var names []string
	for _, above := range b.Path[:len(b.Path)-1] {
		names = append(names, string(above.Name()))
		f.GroupDoc = cut(describe.Doc(above))
	}
	f.Group = strings.Join(names, ".")
	return f
}

// refusedField is a field that no request of the route can set.
type refusedField struct {
	Name   string `json:"name"`
	Reason string `json:"reason"`
}

// refusedFields returns the fields of the request message that have no input. Those that the route sets itself are left out.
func refusedFields(shapes *describe.Shapes, info bridge.RouteInfo, set []string) []refusedField {
	out := []refusedField{}
	bound, above := map[string]bool{}, map[string]bool{}
	for _, b := range info.Bindings() {
		if b.From == bridge.BindingBody && len(b.Path) == 0 {
			return out // the body sets all that the path does not
		}
		name := ""
		for _, fd := range b.Path {
			above[name] = true
			name = strings.TrimPrefix(name+"."+string(fd.Name()), ".")
		}
		bound[name] = true
	}
	for _, name := range set {
		bound[name] = true
	}
	var walk func(o *describe.Object, prefix string)
	walk = func(o *describe.Object, prefix string) {
		for _, f := range o.Fields {
			name := prefix + string(f.Descriptor.Name())
			switch {
			case bound[name] || len(out) >= mostMembers:
			case above[name] && f.Shape.Object != nil:
				walk(f.Shape.Object, name+".") // a binding leads through it, and bindings have an end
			default:
				out = append(out, refusedField{name, why(f.Shape)})
			}
		}
	}
	if shape := shapes.Message(info.Method.Input()); shape.Object != nil {
		walk(shape.Object, "")
	}
	return out
}

// why says why a field has no input.
func why(s *describe.Shape) string {
	switch s.Kind {
	case describe.Map:
		return "a map has no form in a query: it takes a route with a body"
	case describe.List:
		if s.Elem.Kind == describe.Message {
			return "a list of messages has no form in a query: it takes a route with a body"
		}
	case describe.Message:
		return "the message contains itself, or is too large to list: its parameters can be added to the URL"
	case describe.Any, describe.Struct, describe.Value, describe.ListValue:
		return "a value of any form has no place in a query: it takes a route with a body"
	}
	return "the route does not bind this field"
}

// memberRow is a member of a message, for the documentation.
type memberRow struct {
	Name       string `json:"name"`
	Type       string `json:"type"`
	Doc        string `json:"doc,omitempty"`
	Oneof      string `json:"oneof,omitempty"`
	Deprecated bool   `json:"deprecated,omitempty"`
}

func members(s *describe.Shape) []memberRow {
	out := []memberRow{}
	if s.Object == nil {
		return out
	}
	for _, f := range s.Object.Fields[:min(len(s.Object.Fields), mostMembers)] {
		row := memberRow{Name: f.Name, Type: typeOf(f.Shape), Doc: cut(f.Doc), Deprecated: f.Deprecated}
		if f.Oneof != nil {
			row.Oneof = string(f.Oneof.Name)
		}
		out = append(out, row)
	}
	return out
}

// typeOf returns a word for a shape.
func typeOf(s *describe.Shape) string {
	switch {
	case s.Kind == describe.List:
		return "list of " + typeOf(s.Elem)
	case s.Kind == describe.Map:
		return "map of " + string(s.Key) + " to " + typeOf(s.Elem)
	case s.Object != nil:
		return string(s.Object.Name.Name())
	case s.Enum != nil:
		return string(s.Enum.Name.Name())
	}
	return string(s.Kind)
}
