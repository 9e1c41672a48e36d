package typescript

import (
	"strings"

	"github.com/grpcsse/grpcsse/bridge/describe"
)

// float is the type of floating-point numbers.
const float = `number | "NaN" | "Infinity" | "-Infinity"`

// expression returns the type of the values of a shape.
func (t *types) expression(f *form, s *describe.Shape) string {
	switch s.Kind {
	case describe.Bool:
		return "boolean"
	case describe.Int32, describe.Uint32:
		return "number"
	case describe.Int64, describe.Uint64:
		if f.input {
			return "string | number"
		}
		return "string"
	case describe.Float, describe.Double:
		return float
	case describe.Null:
		return "null"
	case describe.List:
		return arrayOf(t.expression(f, s.Elem))
	case describe.Map:
		return "{[key: string]: " + t.expression(f, s.Elem) + "}"
	case describe.Message:
		return t.names[typeKey{s.Object.Name, f.suffix}]
	case describe.Enum, describe.EnumNumber:
		return t.names[t.enumKey(f, s.Enum)]
	}
	if known, ok := knownTypes()[s.Kind]; ok {
		return t.names[typeKey{known, "Json"}]
	}
	return "string"
}

// arrayOf returns the type of lists.
func arrayOf(elem string) string {
	if strings.Contains(elem, " ") && !strings.HasPrefix(elem, "{") {
		return "(" + elem + ")[]"
	}
	return elem + "[]"
}

// parameter returns the type of the values of a path variable or a query parameter.
func (t *types) parameter(s *describe.Shape) string {
	switch s.Kind {
	case describe.List:
		one := t.parameter(s.Elem)
		return one + " | readonly " + arrayOf(one)
	case describe.Int64, describe.Uint64:
		return "string | number | bigint"
	case describe.Float, describe.Double:
		return "number" // its text is the right one, of NaN too
	case describe.Null:
		return `"NULL_VALUE" | 0`
	}
	return t.expression(t.input, s)
}
