package source

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

type (
	IDAndName struct {
		ID   string `json:"id"`
		Name string
	}
	Other struct {
		ID   string `json:"id"`
		Name string `json:"name"`
	}
	Deep  struct{ Other }
	Text  string
	Left  struct{ IDAndName }
	Right struct{ IDAndName }
	node  struct{ Next *node }
	A     struct{ ID string }
	B     struct{ ID string }
	clash struct {
		A
		B
	}
	marshal clash
)

func (marshal) MarshalJSON() ([]byte, error) { return []byte("1"), nil }

// field is a field of type string with a tag. Structs with tags that go vet refuses are made at run time.
func field(name, tag string) reflect.StructField {
	return reflect.StructField{Name: name, Type: reflect.TypeFor[string](), Tag: reflect.StructTag(`json:"` + tag + `"`)}
}

// in is an embedded struct.
func in[T any](tag string) reflect.StructField {
	t := reflect.TypeFor[T]()
	return reflect.StructField{Name: t.Name(), Type: t, Anonymous: true, Tag: reflect.StructTag(`json:"` + tag + `"`)}
}

func structOf(fields ...reflect.StructField) any {
	return reflect.Zero(reflect.StructOf(fields)).Interface()
}

// The expected fields are those that encoding/json writes.
func TestFieldsAreThoseOfEncodingJSON(t *testing.T) {
	a, b := field("A", "id"), field("B", "id")
	for name, tt := range map[string]struct {
		value any
		clash string // the fields with the same name; "" for no such fields
	}{
		"nothing":                                {value: struct{}{}},
		"names":                                  {value: IDAndName{}},
		"case makes two names":                   {value: struct{ ID, Id, id string }{}}, //nolint:staticcheck // the case of a name is what is tested
		"case in a tag":                          {value: structOf(field("ID", ""), field("Id", "id"))},
		"one tag, twice":                         {value: structOf(a, b), clash: "the fields A and B"},
		"one tag, three times":                   {value: structOf(a, field("C", ""), field("D", "id"), b), clash: "the fields A and D"},
		"a tag and a name":                       {value: structOf(field("A", "B"), field("B", ""))},
		"left out":                               {value: structOf(field("A", "-"), field("B", "-,"))},
		"options and odd tags":                   {value: structOf(field("A", ",string"), field("B", "a'b"), field("C", "c d"))},
		"embedded":                               {value: structOf(in[IDAndName](""), field("X", ""))},
		"embedded pointer":                       {value: struct{ *Deep }{&Deep{}}},
		"embedded, named":                        {value: structOf(in[Left]("left"))},
		"embedded, an option":                    {value: structOf(in[Left](",omitempty"))},
		"embedded text":                          {value: struct{ Text }{}},
		"an outer field hides an embedded one":   {value: structOf(in[IDAndName](""), a)},
		"the same name in Go":                    {value: structOf(in[Deep](""), field("Name", "n"))},
		"two embedded":                           {value: structOf(in[IDAndName](""), in[Other]("")), clash: "the fields IDAndName.ID and Other.ID"},
		"two embedded, deeper":                   {value: structOf(in[Deep](""), in[Left]("")), clash: "the fields Deep.Other.ID and Left.IDAndName.ID"},
		"embedded twice":                         {value: structOf(in[Left](""), in[Right]("")), clash: "the fields Left.IDAndName.ID and Right.IDAndName.ID"},
		"the same name at two depths":            {value: structOf(in[Left](""), in[Other](""))},
		"an outer field hides two embedded ones": {value: structOf(in[IDAndName](""), in[Other](""), a)},
		"it contains itself":                     {value: node{}},
	} {
		fields, clash := jsonFields(reflect.TypeOf(tt.value)), fieldClash(reflect.TypeOf(tt.value))
		var got []string
		for _, f := range fields {
			got = append(got, f.name)
		}
		text, err := json.Marshal(tt.value)
		require.NoError(t, err)
		var want map[string]any
		require.NoError(t, json.Unmarshal(text, &want))
		assert.ElementsMatch(t, slices.Collect(maps.Keys(want)), got, name)
		if tt.clash == "" {
			assert.Empty(t, clash, name)
		} else {
			assert.Contains(t, clash, tt.clash+" of ", name)
			assert.Contains(t, clash, "have one JSON name", name)
		}
	}
}

func TestClashesAreFoundInsideOfValues(t *testing.T) {
	twice := reflect.TypeOf(structOf(field("A", "x"), field("B", "x")))
	list := reflect.SliceOf(reflect.MapOf(reflect.TypeFor[string](), reflect.PointerTo(twice)))
	for name, tt := range map[string]struct {
		of   reflect.Type
		want bool
	}{
		"a struct":                             {twice, true},
		"a pointer":                            {reflect.PointerTo(twice), true},
		"a list":                               {reflect.ArrayOf(2, twice), true},
		"inside":                               {reflect.StructOf([]reflect.StructField{{Name: "Inside", Type: list}}), true},
		"two embedded":                         {reflect.TypeFor[clash](), true},
		"its own JSON":                         {reflect.TypeFor[marshal](), false},
		"a list of values with their own JSON": {reflect.TypeFor[[]*marshal](), false},
		"a time":                               {reflect.TypeFor[time.Time](), false},
		"any":                                  {reflect.TypeFor[any](), false},
		"it contains itself":                   {reflect.TypeFor[node](), false},
	} {
		assert.Equal(t, tt.want, clashIn(tt.of) != "", name)
	}
}
