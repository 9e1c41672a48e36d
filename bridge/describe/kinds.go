package describe

import "google.golang.org/protobuf/reflect/protoreflect"

// scalar returns the kind of the values of a scalar field, or of the keys of a map.
func scalar(k protoreflect.Kind) Kind {
	switch k {
	case protoreflect.BoolKind:
		return Bool
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		return Int32
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return Uint32
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		return Int64
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return Uint64
	case protoreflect.FloatKind:
		return Float
	case protoreflect.DoubleKind:
		return Double
	case protoreflect.BytesKind:
		return Bytes
	}
	return String
}

// wellKnown returns the shape of a well-known type that has a JSON form of its own, or nil.
func wellKnown(name protoreflect.FullName) *Shape {
	if name.Parent() != "google.protobuf" {
		return nil
	}
	kinds := map[protoreflect.Name]Kind{
		"Timestamp": Timestamp, "Duration": Duration, "FieldMask": FieldMask, "Struct": Struct, "Value": Value,
		"ListValue": ListValue, "Any": Any, "BoolValue": Bool, "Int32Value": Int32, "UInt32Value": Uint32, "Int64Value": Int64,
		"UInt64Value": Uint64, "FloatValue": Float, "DoubleValue": Double, "StringValue": String, "BytesValue": Bytes,
	}
	if kind, ok := kinds[name.Name()]; ok {
		return &Shape{Kind: kind}
	}
	return nil
}
