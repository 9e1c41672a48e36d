package describe_test

import (
	"encoding/json"
	"slices"

	"github.com/grpcsse/grpcsse/bridge/describe"
)

// mistake is a document that does not fit.
type mistake struct {
	what  string
	value any
}

// mistakesIn returns documents that differ from one that fits in a single place.
func mistakesIn(shape *describe.Shape, value any) (out []mistake) {
	add := func(what string, v any) { out = append(out, mistake{what, v}) }
	switch shape.Kind {
	case describe.Value:
		return nil
	case describe.Message:
		return mistakesInObject(shape.Object, value.([]member))
	case describe.List:
		list := value.([]any)
		add("an object instead of a list", []member{})
		add("null instead of a list", nil)
		for i := range list {
			for _, m := range mistakesIn(shape.Elem, list[i]) {
				add(m.what, replaced(list, i, m.value))
			}
		}
		return out
	case describe.Map:
		object := value.([]member)
		add("a list instead of a map", []any{})
		for i, entry := range object {
			for _, m := range mistakesIn(shape.Elem, entry.value) {
				add(m.what, replaced(object, i, member{entry.name, m.value}))
			}
			if shape.Key != describe.String {
				add("a key that is no "+string(shape.Key), replaced(object, i, member{"x", entry.value}))
			}
		}
		return out
	case describe.Any:
		add("an Any without a type", []member{{"value", "x"}})
	case describe.Null:
		add("false instead of null", false)
		return out
	case describe.Int64, describe.Uint64:
		add("a number instead of digits", json.Number("7"))
		add("no digits", "x")
	case describe.Int32, describe.Uint32, describe.EnumNumber:
		add("a fraction", json.Number("1.5"))
		add("digits instead of a number", "7")
		add("a number that is too large", json.Number("4294967296"))
	case describe.Float, describe.Double:
		add("digits instead of a number", "7")
	case describe.Enum:
		add("no name", "no such name")
		add("the number of a name", json.Number(numberOf(shape.Enum.Values[0])))
		for _, v := range shape.Enum.Values {
			if v.Alias {
				add("an alias", string(v.Name))
			}
		}
	case describe.Bool:
		add("a word", "true")
	case describe.Timestamp, describe.Duration, describe.FieldMask:
		add("a text of another form", "2026-01-02 15:04")
	case describe.Bytes:
		add("no base64", "?")
	}
	add("null", nil)
	if shape.Kind == describe.ListValue {
		add("an object instead of a list", []member{})
	} else {
		add("a list of lists", []any{[]any{}})
	}
	return out
}

func mistakesInObject(o *describe.Object, object []member) (out []mistake) {
	add := func(what string, v any) { out = append(out, mistake{what, v}) }
	add("a list instead of an object", []any{})
	add("a member that is not listed", append(slices.Clone(object), member{"no such member", true}))
	for i, m := range object {
		at := slices.IndexFunc(o.Fields, func(f *describe.Field) bool { return f.Name == m.name })
		if at < 0 {
			continue // an extension
		}
		f := o.Fields[at]
		add("a member that comes twice", append(slices.Clone(object), m))
		if f.Required {
			add("without "+m.name, slices.Delete(slices.Clone(object), i, i+1))
		}
		if f.Oneof != nil {
			for _, other := range f.Oneof.Fields {
				if other != f {
					add(m.name+" beside "+other.Name, append(slices.Clone(object), member{other.Name, m.value}))
				}
			}
		}
		if m.value == nil && f.Nullable {
			continue
		}
		for _, inner := range mistakesIn(f.Shape, m.value) {
			if inner.value != nil || !f.Nullable {
				add(m.name+": "+inner.what, replaced(object, i, member{m.name, inner.value}))
			}
		}
	}
	return out
}

func replaced[T any](list []T, i int, v T) []T {
	out := slices.Clone(list)
	out[i] = v
	return out
}

func numberOf(v *describe.EnumValue) string {
	text, err := json.Marshal(v.Number)
	if err != nil {
		panic(err) // a number has JSON
	}
	return string(text)
}
