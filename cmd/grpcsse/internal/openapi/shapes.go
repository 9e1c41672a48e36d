package openapi

import (
	"slices"
	"strings"

	"github.com/grpcsse/grpcsse/bridge/describe"
)

// form is a form of the JSON of messages. The schemas of a message type in other forms than the usual one have names of their own.
type form struct {
	shapes *describe.Shapes
	// suffix stands behind the full name of a message type in the name of its schema. It begins with a hyphen, which no name of
	// protobuf has.
	suffix string
	// enumSuffix is the same for enums.
	enumSuffix string
	// input says that the JSON is read: it may have other spellings than those that are written.
	input bool
}

// output returns the form in which a route writes messages.
func (b *builder) output(o describe.Options) *form {
	suffix := ""
	if o.ProtoNames {
		suffix += "-proto-names"
	}
	if o.EnumNumbers {
		suffix += "-enum-numbers"
	}
	if !o.EmitDefaults {
		suffix += "-without-defaults"
	}
	return b.form(o, suffix)
}

// input returns the form in which a request may have messages. Each field may be left out.
func (b *builder) input(o describe.Options) *form {
	suffix := "-input"
	if o.ProtoNames {
		suffix += "-proto-names"
	}
	f := b.form(describe.Options{ProtoNames: o.ProtoNames}, suffix)
	f.input, f.enumSuffix = true, "-input"
	return f
}

func (b *builder) form(o describe.Options, suffix string) *form {
	if b.forms[suffix] == nil {
		f := &form{shapes: describe.New(o), suffix: suffix}
		if o.EnumNumbers {
			f.enumSuffix = "-numbers"
		}
		b.forms[suffix] = f
	}
	return b.forms[suffix]
}

// Patterns of texts. They are regular expressions of JavaScript and of Go alike.
const (
	signedText    = `^-?(0|[1-9][0-9]*)$`
	unsignedText  = `^(0|[1-9][0-9]*)$`
	base64Text    = `^[A-Za-z0-9+/]*={0,2}$`
	base64Input   = `^[A-Za-z0-9+/_-]*={0,2}$`
	durationInput = `^-?[0-9]+(\.[0-9]{1,9})?s$`
	timestampText = `^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{3}|\.[0-9]{6}|\.[0-9]{9})?Z$`
	durationText  = `^-?[0-9]+(\.[0-9]{3}|\.[0-9]{6}|\.[0-9]{9})?s$`
	fieldMaskText = `^([A-Za-z0-9_.]+(,[A-Za-z0-9_.]+)*)?$`
)

// schemaOf returns the schema of the values of a shape. Messages, enums and well-known types become components.
func (b *builder) schemaOf(s *describe.Shape, f *form) *schema {
	switch s.Kind {
	case describe.Message:
		return b.messageRef(s.Object, f)
	case describe.Enum, describe.EnumNumber:
		return b.enumRef(s, f)
	case describe.List:
		return &schema{Type: "array", Items: b.schemaOf(s.Elem, f)}
	case describe.Map:
		return &schema{Type: "object", PropertyNames: keys(s.Key), Additional: b.schemaOf(s.Elem, f)}
	case describe.Timestamp, describe.Duration, describe.FieldMask, describe.Struct, describe.Value, describe.ListValue, describe.Any:
		return b.wellKnownRef(s.Kind, f)
	}
	if f.input {
		return scalarInput(s.Kind)
	}
	return scalar(s.Kind)
}

// scalarInput returns the schema of the JSON that is read for values that are neither objects nor arrays.
func scalarInput(kind describe.Kind) *schema {
	s := scalar(kind)
	switch kind {
	case describe.Int64, describe.Uint64:
		return &schema{AnyOf: []*schema{s, {Type: "integer", Minimum: s.Minimum}}}
	case describe.Bytes:
		s.Pattern = base64Input
	}
	return s
}

// scalar returns the schema of values that are neither objects nor arrays.
func scalar(kind describe.Kind) *schema {
	switch kind {
	case describe.Bool:
		return &schema{Type: "boolean"}
	case describe.Int32:
		return &schema{Type: "integer", Format: "int32"}
	case describe.Uint32:
		return &schema{Type: "integer", Format: "uint32", Minimum: new(int)}
	case describe.Int64:
		return &schema{Type: "string", Format: "int64", Pattern: signedText}
	case describe.Uint64:
		return &schema{Type: "string", Format: "uint64", Pattern: unsignedText}
	case describe.Float, describe.Double:
		return &schema{AnyOf: []*schema{
			{Type: "number", Format: string(kind)}, {Type: "string", Enum: []string{"NaN", "Infinity", "-Infinity"}},
		}}
	case describe.Bytes:
		return &schema{Type: "string", ContentEncoding: "base64", Pattern: base64Text}
	case describe.Null:
		return &schema{Type: "null"}
	}
	return &schema{Type: "string"}
}

// keys returns the schema of the names of the members of a map, nil where they may be any text.
func keys(kind describe.Kind) *schema {
	switch kind {
	case describe.Bool:
		return &schema{Enum: []string{"true", "false"}}
	case describe.Int32, describe.Int64:
		return &schema{Pattern: signedText}
	case describe.Uint32, describe.Uint64:
		return &schema{Pattern: unsignedText}
	}
	return nil
}

// wellKnownRef returns a reference to the schema of a type of google.protobuf with a JSON form of its own.
func (b *builder) wellKnownRef(kind describe.Kind, f *form) *schema {
	names := map[describe.Kind]string{
		describe.Timestamp: "Timestamp", describe.Duration: "Duration", describe.FieldMask: "FieldMask", describe.Struct: "Struct",
		describe.Value: "Value", describe.ListValue: "ListValue", describe.Any: "Any",
	}
	name, s := "google.protobuf."+names[kind], wellKnown(kind)
	if f.input {
		switch kind {
		case describe.Timestamp:
			name, s.Pattern, s.Description = name+f.suffix, "", "A moment, as in RFC 3339: 2026-01-02T15:04:05.5Z."
		case describe.Duration:
			name, s.Pattern = name+f.suffix, durationInput
		}
	}
	if b.schemas[name] == nil {
		b.schemas[name] = s
	}
	return schemaRef(name)
}

func wellKnown(kind describe.Kind) *schema {
	anything := &schema{}
	switch kind {
	case describe.Timestamp:
		return &schema{
			Type: "string", Format: "date-time", Pattern: timestampText, Description: "A moment in UTC, such as 2026-01-02T15:04:05.500Z.",
		}
	case describe.Duration:
		return &schema{Type: "string", Pattern: durationText, Description: "A time in seconds, such as 1.500s."}
	case describe.FieldMask:
		return &schema{Type: "string", Pattern: fieldMaskText, Description: "Paths of fields, with commas between them."}
	case describe.Struct:
		return &schema{Type: "object", Additional: anything, Description: "Any JSON object."}
	case describe.ListValue:
		return &schema{Type: "array", Items: anything, Description: "Any JSON array."}
	case describe.Any:
		return &schema{
			Type: "object", Properties: members{{"@type", &schema{Type: "string", Description: "The URL of the type."}}}, Additional: anything,
			Description: "A message of any type. Its type says which further members there are. A message that is not set is {}.",
			Not:         &schema{MinProperties: 1, Not: &schema{Required: []string{"@type"}}},
		}
	}
	return &schema{Description: "Any JSON value."}
}

// messageRef returns a reference to the schema of a message type.
func (b *builder) messageRef(o *describe.Object, f *form) *schema {
	name := string(o.Name) + f.suffix
	if b.schemas[name] == nil {
		s := &schema{}
		b.schemas[name] = s // a recursive type finds it
		b.object(s, o, f)
	}
	return schemaRef(name)
}

// object fills in the schema of an object.
func (b *builder) object(s *schema, o *describe.Object, f *form) {
	s.Title, s.Description, s.Deprecated, s.Type = string(o.Name.Name()), cut(o.Doc), o.Deprecated, "object"
	for _, field := range o.Fields {
		b.addMember(s, field, f)
	}
	for _, oneof := range o.Oneofs {
		exclude(s, oneof)
	}
}

// addMember adds the member of a field to the schema of a message. Where two fields have one JSON name, the member is that of either.
func (b *builder) addMember(s *schema, field *describe.Field, f *form) {
	value := b.schemaOf(field.Shape, f)
	value.Description, value.Deprecated = cut(field.Doc), field.Deprecated
	if field.Nullable {
		value = &schema{AnyOf: []*schema{value, {Type: "null"}}}
	}
	if field.Oneof != nil {
		value.Description = strings.TrimPrefix(value.Description+"\n\nOne of the members of `"+string(field.Oneof.Name)+"`.", "\n\n")
	}
	if i := s.Properties.index(field.Name); i >= 0 {
		s.Properties[i].schema = &schema{AnyOf: []*schema{s.Properties[i].schema, value}}
		return
	}
	s.Properties = append(s.Properties, member{field.Name, value})
	if field.Required {
		s.Required = append(s.Required, field.Name)
	}
}

// longestOneof is the number of members up to which each member of a oneof lists those that must not stand beside it.
const longestOneof = 50

// exclude says in the schema of a message that at most one member of a oneof is there. Generators of types leave dependentSchemas
// alone, and make odd types of oneOf. So oneOf is for oneofs of which the other form would be too long.
func exclude(s *schema, oneof *describe.Oneof) {
	if len(oneof.Fields) <= longestOneof {
		for i, field := range oneof.Fields[:max(0, len(oneof.Fields)-1)] {
			others := &schema{}
			for _, other := range oneof.Fields[i+1:] {
				others.Properties = append(others.Properties, member{other.Name, &schema{never: true}})
			}
			s.Dependent = append(s.Dependent, member{field.Name, others})
		}
		return
	}
	none := &schema{}
	one := &schema{OneOf: []*schema{{Not: none}}}
	for _, field := range oneof.Fields {
		there := &schema{Required: []string{field.Name}}
		none.AnyOf, one.OneOf = append(none.AnyOf, there), append(one.OneOf, there)
	}
	s.AllOf = append(s.AllOf, one)
}

// enumRef returns a reference to the schema of an enum.
func (b *builder) enumRef(s *describe.Shape, f *form) *schema {
	e, suffix := s.Enum, f.enumSuffix
	if f.input && !slices.ContainsFunc(e.Values, func(v *describe.EnumValue) bool { return v.Alias }) {
		suffix = ""
	}
	name := string(e.Name) + suffix
	if b.schemas[name] == nil {
		out := &schema{Title: string(e.Name.Name()), Deprecated: e.Deprecated}
		number := &schema{Type: "integer", Format: "int32"}
		if s.Kind == describe.EnumNumber {
			out.Type, out.Format = number.Type, number.Format
		} else {
			number.Description = "The number of a value that has no name here."
			out.AnyOf = []*schema{{Type: "string", Enum: valueNames(e, f.input)}, number}
		}
		out.Description = enumText(e, s.Kind == describe.EnumNumber)
		b.schemas[name] = out
	}
	return schemaRef(name)
}

// valueNames returns the names of the values of an enum. Only what is read may have aliases.
func valueNames(e *describe.EnumType, aliases bool) (names []string) {
	for _, v := range e.Values {
		if !v.Alias || aliases {
			names = append(names, string(v.Name))
		}
	}
	return names
}
