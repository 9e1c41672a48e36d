package typescript

import (
	"slices"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/grpcsse/grpcsse/bridge/describe"
	"github.com/grpcsse/grpcsse/cmd/grpcsse/internal/contract"
)

// form is one way in which JSON looks: what the bridge writes under some options, or what it reads in a body.
type form struct {
	options describe.Options
	input   bool
	shapes  *describe.Shapes
	// suffix ends the names of types of this form.
	suffix string
}

// types are the types that a file needs.
type types struct {
	forms []*form
	// input is the form of bodies and parameters.
	input *form
	// kinds are the kinds of values that have a type with a name: those of google.protobuf.
	kinds map[describe.Kind]bool
	// oneOf says that a type has members of which one is set, and any that one has a value of any form.
	oneOf, any bool

	enums map[typeKey]enumType
	names map[typeKey]string
}

// enumType is an enum whose values are names, with or without aliases, or numbers.
type enumType struct {
	*describe.EnumType

	aliases, numbers bool
}

// typeKey identifies a type. The same message has several types where it has several forms.
type typeKey struct {
	full   protoreflect.FullName
	suffix string
}

// collect finds the types of all routes, and gives them names.
func collect(routes []contract.Route) *types {
	t := &types{
		input: &form{input: true, shapes: describe.New(describe.Options{}), suffix: "Input"},
		kinds: map[describe.Kind]bool{}, enums: map[typeKey]enumType{},
	}
	for _, r := range routes {
		f := t.form(r.JSON)
		t.note(f.shapes.Message(r.Data))
		for _, p := range slices.Concat(r.Variables, r.Query) {
			if fd := p.Field(); fd != nil {
				t.note(t.input.shapes.Field(fd))
			}
		}
		if r.Body != nil {
			t.note(bodyShape(t.input.shapes, r.Body))
		}
	}
	t.suffixes()
	for _, f := range append(t.forms, t.input) {
		for _, o := range f.shapes.Objects() {
			for _, member := range o.Fields {
				t.note(member.Shape)
			}
			t.oneOf = t.oneOf || len(unions(o)) > 0
		}
		for _, e := range f.shapes.Enums() {
			t.enums[t.enumKey(f, e)] = enumType{e, f.input, f.options.EnumNumbers}
		}
	}
	t.name()
	return t
}

// form returns the form of what is written under options.
func (t *types) form(o describe.Options) *form {
	for _, f := range t.forms {
		if f.options == o {
			return f
		}
	}
	f := &form{options: o, shapes: describe.New(o)}
	t.forms = append(t.forms, f)
	return f
}

// suffixes gives each form the end of its names. The only form has the plain one, and otherwise that of a route without settings.
func (t *types) suffixes() {
	for _, f := range t.forms {
		f.suffix = "Json"
		if len(t.forms) == 1 {
			continue
		}
		if f.options.ProtoNames {
			f.suffix += "ProtoNames"
		}
		if f.options.EnumNumbers {
			f.suffix += "EnumNumbers"
		}
		switch {
		case f.options.EmitUnpopulated:
			f.suffix += "Unpopulated"
		case !f.options.EmitDefaults:
			f.suffix += "NoDefaults"
		}
	}
}

// enumKey returns the key of the type of an enum in a form. Only numbers, names and aliases make a difference.
func (t *types) enumKey(f *form, e *describe.EnumType) typeKey {
	named := slices.ContainsFunc(t.forms, func(f *form) bool { return !f.options.EnumNumbers })
	aliased := slices.ContainsFunc(e.Values, func(v *describe.EnumValue) bool { return v.Alias })
	switch {
	case f.input && (!named || aliased):
		return typeKey{e.Name, "Input"}
	case f.options.EnumNumbers && named:
		return typeKey{e.Name, "JsonEnumNumbers"}
	}
	return typeKey{e.Name, "Json"}
}

// note remembers what a shape needs. Types of messages and enums are found among the shapes of the form.
func (t *types) note(s *describe.Shape) {
	switch s.Kind {
	case describe.List, describe.Map:
		t.note(s.Elem)
	case describe.Timestamp, describe.Duration, describe.FieldMask, describe.Struct, describe.Value, describe.ListValue, describe.Any:
		t.kinds[s.Kind] = true
	}
	switch s.Kind {
	case describe.Struct, describe.Value, describe.ListValue, describe.Any:
		t.any = true
	}
}

// bodyShape returns the shape of a body.
func bodyShape(shapes *describe.Shapes, b *contract.Body) *describe.Shape {
	if len(b.Path) == 0 {
		return shapes.Message(b.Message)
	}
	return shapes.Field(b.Path[len(b.Path)-1])
}

// mostUnion bounds how many alternatives the oneofs of a message make together. TypeScript refuses types with too many.
const mostUnion = 1000

// unions returns the oneofs that become alternatives of a type. Members of other oneofs become optional.
func unions(o *describe.Object) (out []*describe.Oneof) {
	alternatives := 1
	for _, oneof := range o.Oneofs {
		if len(oneof.Fields) < 2 || alternatives*(len(oneof.Fields)+1) > mostUnion || !ownNames(o, oneof) {
			continue
		}
		alternatives *= len(oneof.Fields) + 1
		out = append(out, oneof)
	}
	return out
}

// ownNames reports whether no other member of the object, nor each object of JavaScript, has the name of a member of the oneof.
func ownNames(o *describe.Object, oneof *describe.Oneof) bool {
	count := map[string]int{}
	for _, f := range o.Fields {
		count[f.Name]++
	}
	return !slices.ContainsFunc(oneof.Fields, func(f *describe.Field) bool { return count[f.Name] > 1 || inherited(f.Name) })
}
