package source

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

type (
	inner  struct{ Sequence, Other int }
	Outer  struct{ Sequence int }
	Tagged struct {
		Sequence int `json:"sequence"`
	}
	Number    int
	Recursive struct {
		*Recursive

		Depth int
	}
)

// keysOf returns the names of the fields of a JSON object, in their order.
func keysOf(t require.TestingT, value any) []string {
	text, err := json.Marshal(value)
	require.NoError(t, err)
	d := json.NewDecoder(bytes.NewReader(text))
	_, err = d.Token()
	require.NoError(t, err)
	keys := []string{}
	for d.More() {
		key, err := d.Token()
		require.NoError(t, err)
		keys = append(keys, key.(string))
		var skipped json.RawMessage
		require.NoError(t, d.Decode(&skipped))
	}
	return keys
}

func namesOf(t reflect.Type) []string {
	names := []string{}
	for _, f := range jsonFields(t) {
		names = append(names, f.name)
	}
	return names
}

func TestFieldsHaveTheNamesThatTheirJSONHas(t *testing.T) {
	for name, value := range map[string]any{
		"no fields":        struct{}{},
		"plain and tagged": struct{ A, b, C int }{},
		"tags": reflect.Zero(reflect.StructOf([]reflect.StructField{
			{Name: "A", Type: reflect.TypeFor[int](), Tag: `json:"a,string"`},
			{Name: "B", Type: reflect.TypeFor[int](), Tag: `json:"-"`},
			{Name: "C", Type: reflect.TypeFor[int](), Tag: `json:"-,"`},
			{Name: "D", Type: reflect.TypeFor[int](), Tag: `json:",string"`},
			{Name: "E", Type: reflect.TypeFor[int](), Tag: `json:"no\"name"`},
			{Name: "F", Type: reflect.TypeFor[int](), Tag: `json:"ü-1"`},
		})).Interface(),
		"embedded":               struct{ Outer }{},
		"embedded by pointer":    struct{ *Outer }{&Outer{}},
		"embedded, not exported": struct{ inner }{},
		"embedded with a name": struct {
			Outer `json:"outer"`
		}{},
		"embedded with options": struct {
			Outer `json:",omitempty"`
		}{},
		"embedded and left out": struct {
			Outer `json:"-"`
		}{},
		"embedded, and not a struct": struct{ Number }{},
		"hidden by an outer field": struct {
			Outer
			Sequence string
		}{},
		"hidden, by another Go name": struct {
			Outer
			S string `json:"Sequence"`
		}{},
		"the Go name alone is hidden": struct {
			Outer
			Sequence string `json:"s"`
		}{},
		"two of a name": reflect.Zero(reflect.StructOf([]reflect.StructField{
			{Name: "A", Type: reflect.TypeFor[int](), Tag: `json:"x"`}, {Name: "B", Type: reflect.TypeFor[int](), Tag: `json:"x"`},
		})).Interface(),
		"two fields with the same name, one tagged": struct {
			A int `json:"B"`
			B int
		}{},
		"two embedded of a name": struct {
			Outer
			inner
		}{},
		"two embedded fields with the same name, one tagged": struct {
			Outer
			In struct{ Tagged }
			Tagged
		}{},
		"a type that contains itself": Recursive{Recursive: &Recursive{}},
	} {
		assert.Equal(t, keysOf(t, value), namesOf(reflect.TypeOf(value)), name)
	}
	assert.Empty(t, namesOf(reflect.TypeOf(struct {
		inner `json:"in"`
	}{})), "package reflect gives no access to it")
}

// structs draws struct types whose fields have the same names in many ways.
func structs(depth int) *rapid.Generator[reflect.Type] {
	return rapid.Custom(func(t *rapid.T) reflect.Type {
		var fields []reflect.StructField
		for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"A", "B", "C", "D"}), 0, 4, rapid.ID[string]).Draw(t, "names") {
			f := reflect.StructField{Name: name, Type: reflect.TypeFor[int]()}
			tags := []string{"", `json:"A"`, `json:"B"`, `json:"x"`, `json:"-"`, `json:"\""`}
			if depth > 0 && rapid.Bool().Draw(t, "nested") {
				f.Type, f.Anonymous = structs(depth-1).Draw(t, "type"), rapid.Bool().Draw(t, "embedded")
				tags = append(tags, `json:",omitempty"`)
			}
			f.Tag = reflect.StructTag(rapid.SampledFrom(tags).Draw(t, "tag"))
			fields = append(fields, f)
		}
		return reflect.StructOf(fields)
	})
}

// fillInts gives each int in a struct another value.
func fillInts(v reflect.Value, next *int64) {
	for i := range v.NumField() {
		if f := v.Field(i); f.Kind() == reflect.Struct {
			fillInts(f, next)
		} else {
			*next++
			f.SetInt(*next)
		}
	}
}

func TestPathsLeadToTheSameValuesAsTheJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := reflect.New(structs(3).Draw(t, "struct")).Elem()
		fillInts(v, new(int64))
		keys := keysOf(t, v.Interface())
		require.Equal(t, keys, namesOf(v.Type()), "%v", v.Type())
		text, err := json.Marshal(v.Interface())
		require.NoError(t, err)
		var fields map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(text, &fields))
		for _, key := range keys {
			p, problem := compilePath(v.Type(), key)
			require.Nil(t, problem)
			got, err := json.Marshal(p.find(v).Interface())
			require.NoError(t, err)
			require.JSONEq(t, string(fields[key]), string(got), "%v %s", v.Type(), key)
		}
	})
}

func TestPathsThroughNothing(t *testing.T) {
	type leaf struct{ Deep *Outer }
	type tree struct {
		*Outer
		Leaf *leaf
	}
	for path, values := range map[string]map[string]tree{
		"Leaf.Deep.Sequence": {"": {}, "7": {Leaf: &leaf{Deep: &Outer{7}}}},
		"Sequence":           {"": {}, "7": {Outer: &Outer{7}}},
	} {
		p, problem := compilePath(reflect.TypeFor[tree](), path)
		require.Nil(t, problem)
		for want, value := range values {
			got, err := p.textOf(reflect.ValueOf(value))
			require.NoError(t, err)
			assert.Equal(t, want, got, path)
			got, err = p.textOf(reflect.ValueOf(&value))
			require.NoError(t, err)
			assert.Equal(t, want, got, path)
		}
		got, err := p.textOf(reflect.ValueOf((*tree)(nil)))
		require.NoError(t, err)
		assert.Empty(t, got)
	}
}

func TestTheTextOfAField(t *testing.T) {
	at := time.Unix(9, 0).UTC()
	zero, word := 0, "w"
	for want, value := range map[string]any{
		"line\nbreak":          struct{ V string }{"line\nbreak"},
		"true":                 struct{ V bool }{true},
		"-5":                   struct{ V int8 }{-5},
		"18446744073709551615": struct{ V uint64 }{1<<64 - 1},
		"0.1":                  struct{ V float32 }{0.1},
		"1e+21":                struct{ V float64 }{1e21},
		"1970-01-01T00:00:09Z": struct{ V time.Time }{at},
		"0":                    struct{ V *int }{&zero},
		"w":                    struct{ V *string }{&word},
		"":                     struct{ V int }{0},
	} {
		p, problem := compilePath(reflect.TypeOf(value), "V")
		require.Nil(t, problem)
		assert.True(t, p.isText(), want)
		got, err := p.textOf(reflect.ValueOf(value))
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
	for _, value := range []any{struct{ V []byte }{}, struct{ V map[string]int }{}, struct{ V Outer }{}, struct{ V any }{}, struct{ V **int }{}} {
		p, problem := compilePath(reflect.TypeOf(value), "V")
		require.Nil(t, problem)
		assert.False(t, p.isText(), "%T", value)
	}
}
