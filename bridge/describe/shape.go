package describe

import "google.golang.org/protobuf/reflect/protoreflect"

// Kind says which JSON values a [Shape] stands for.
type Kind string

// The kinds of values. Those of google.protobuf have the JSON form that ProtoJSON gives them
// (https://protobuf.dev/programming-guides/json/).
const (
	// Bool is true or false.
	Bool Kind = "bool"
	// Int32 and Uint32 are numbers without a fraction.
	Int32  Kind = "int32"
	Uint32 Kind = "uint32"
	// Int64 and Uint64 are decimal numbers in a string, since JavaScript's numbers have 53 bits: "-42".
	Int64  Kind = "int64"
	Uint64 Kind = "uint64"
	// Float and Double are numbers, or one of the strings "NaN", "Infinity" and "-Infinity".
	Float  Kind = "float"
	Double Kind = "double"
	// String is any string.
	String Kind = "string"
	// Bytes is a string in base64, with the standard alphabet and padding.
	Bytes Kind = "bytes"
	// Enum is the name of a value, as a string. A number that has no name in the Enum is written as a number without a fraction.
	Enum Kind = "enum"
	// EnumNumber is the number of a value of an enum, without a fraction.
	EnumNumber Kind = "enum number"
	// Null is null: the JSON of google.protobuf.NullValue.
	Null Kind = "null"
	// Timestamp is a string in the format of RFC 3339, in UTC: "2026-01-02T15:04:05.5Z".
	Timestamp Kind = "timestamp"
	// Duration is a string with seconds: "1.5s".
	Duration Kind = "duration"
	// FieldMask is a string with field paths in lowerCamelCase and commas between them.
	FieldMask Kind = "field mask"
	// Struct is an object with any members.
	Struct Kind = "struct"
	// Value is any JSON value.
	Value Kind = "value"
	// ListValue is an array of any JSON values.
	ListValue Kind = "list value"
	// Any is an object with the string "@type" and further members, which depend on the type. An Any that is not set is {}.
	Any Kind = "any"
	// Message is an object with the members that the Object of the shape lists.
	Message Kind = "message"
	// List is an array. The Elem of the shape describes its elements.
	List Kind = "list"
	// Map is an object with any members. The Key of the shape describes their names, and its Elem their values.
	Map Kind = "map"
)

// Shape describes a JSON value. A wrapper such as google.protobuf.Int32Value has the shape of the value inside.
type Shape struct {
	Kind Kind
	// Object is set for Message.
	Object *Object
	// Enum is set for Enum and EnumNumber.
	Enum *EnumType
	// Elem is set for List and Map.
	Elem *Shape
	// Key is set for Map: String, or the kind of a bool or an integer, whose text the name of a member is.
	Key Kind
}

// Object describes the JSON object of a message type.
type Object struct {
	// Name is the full name of the message type.
	Name protoreflect.FullName
	// Doc is the comment at the declaration of the type. It is "" where the descriptors have no comments, as with reflection.
	Doc string
	// Deprecated says that the type has this option.
	Deprecated bool
	// Fields are the members, in the order of the .proto file. Other members are not written. Two fields can have the same Name,
	// where a schema gives both the same JSON name.
	Fields []*Field
	// Oneofs are the oneofs of the type. Those that stand for an optional field of proto3 are left out.
	Oneofs []*Oneof
	// Extensible says that the type may have extensions. Then there may be further members, with names such as "[pkg.name]".
	Extensible bool
	// Descriptor is the type in its schema.
	Descriptor protoreflect.MessageDescriptor
}

// Field describes a member of an object.
type Field struct {
	// Name is the name of the member.
	Name string
	// Doc is the comment at the declaration of the field.
	Doc string
	// Deprecated says that the field has this option.
	Deprecated bool
	Shape      *Shape
	// Required says that the member is always written. Otherwise the member may be missing.
	Required bool
	// Nullable says that the value may also be null: it is for a field with presence that is not set.
	Nullable bool
	// Oneof is the oneof whose member the field is, or nil. At most one of its members is written.
	Oneof *Oneof
	// Descriptor is the field in its schema.
	Descriptor protoreflect.FieldDescriptor
}

// Oneof describes a oneof.
type Oneof struct {
	Name protoreflect.Name
	// Doc is the comment at the declaration of the oneof.
	Doc string
	// Fields are the members of the oneof. At most one of them is written.
	Fields []*Field
}

// EnumType describes an enum.
type EnumType struct {
	// Name is the full name of the enum.
	Name protoreflect.FullName
	// Doc is the comment at the declaration of the enum.
	Doc string
	// Deprecated says that the enum has this option.
	Deprecated bool
	// Values are the values, in the order of the .proto file.
	Values []*EnumValue
	// Descriptor is the enum in its schema.
	Descriptor protoreflect.EnumDescriptor
}

// EnumValue describes a value of an enum.
type EnumValue struct {
	Name   protoreflect.Name
	Number protoreflect.EnumNumber
	// Doc is the comment at the declaration of the value.
	Doc string
	// Deprecated says that the value has this option.
	Deprecated bool
	// Alias says that another value before this one has the same number. The name of an alias is never written.
	Alias bool
}
