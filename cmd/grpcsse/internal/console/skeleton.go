package console

import (
	"bytes"
	"encoding/json"

	"github.com/grpcsse/grpcsse/bridge/describe"
)

// The skeleton of a body goes three messages deep, and has this many members at most.
const (
	skeletonDepth   = 3
	skeletonMembers = 200
)

// skeleton returns a JSON document with the members of a message and their defaults, to be filled in.
func skeleton(s *describe.Shape) string {
	left := skeletonMembers
	text := bone(s, skeletonDepth, &left)
	var out bytes.Buffer
	if json.Indent(&out, text, "", "  ") != nil {
		return "{}"
	}
	return out.String()
}

// bone returns the default of a shape, in which messages go deep at most. left is how many members there may still be.
func bone(s *describe.Shape, deep int, left *int) []byte {
	switch s.Kind {
	case describe.Message:
		return boneOfMessage(s.Object, deep, left)
	case describe.List, describe.ListValue:
		return []byte("[]")
	case describe.Map, describe.Struct, describe.Any:
		return []byte("{}")
	case describe.Bool:
		return []byte("false")
	case describe.Int32, describe.Uint32, describe.Float, describe.Double, describe.EnumNumber:
		return []byte("0")
	case describe.Int64, describe.Uint64:
		return []byte(`"0"`)
	case describe.Enum:
		if len(s.Enum.Values) > 0 {
			return quoted(string(s.Enum.Values[0].Name))
		}
	case describe.String, describe.Bytes, describe.FieldMask:
		return []byte(`""`)
	}
	return []byte("null")
}

// boneOfMessage leaves out what stands deeper than deep, and all members of a oneof but the first.
func boneOfMessage(o *describe.Object, deep int, left *int) []byte {
	out := []byte("{")
	oneofs := map[*describe.Oneof]bool{}
	for _, f := range o.Fields {
		if *left == 0 || f.Shape.Kind == describe.Message && deep == 1 || f.Oneof != nil && oneofs[f.Oneof] {
			continue
		}
		oneofs[f.Oneof] = true
		*left--
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(append(out, quoted(f.Name)...), ':')
		out = append(out, bone(f.Shape, deep-1, left)...)
	}
	return append(out, '}')
}

func quoted(text string) []byte {
	out, err := json.Marshal(text)
	if err != nil {
		return []byte(`""`) // a string has no error
	}
	return out
}
