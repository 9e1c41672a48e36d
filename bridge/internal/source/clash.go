package source

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// fieldClash says which two fields of a struct encoding/json drops since they have one name and neither hides the other. It is
// "" where there are none.
func fieldClash(t reflect.Type) string {
	all := appendFields(nil, t, nil)
	for i, f := range all {
		hiddenBy := func(g namedField) bool { return g.name == f.name && g.hides(f) }
		if slices.ContainsFunc(all, hiddenBy) {
			continue
		}
		for _, other := range all[i+1:] {
			if other.name == f.name && !f.hides(other) {
				return fmt.Sprintf("the fields %s and %s of %v have one JSON name, %q, and encoding/json drops both: give one of them another name",
					goName(t, f.Index), goName(t, other.Index), t, f.name)
			}
		}
	}
	return ""
}

// goName returns the name of a field in Go, with those of the embedded structs that it is in.
func goName(t reflect.Type, index []int) string {
	names := make([]string, len(index))
	for i, at := range index {
		if t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		names[i], t = t.Field(at).Name, t.Field(at).Type
	}
	return strings.Join(names, ".")
}

// clashIn is fieldClash for values of any type, and for what is inside of them. Types that write their own JSON are left alone.
func clashIn(t reflect.Type) string { return findClash(t, make(map[reflect.Type]bool)) }

func findClash(t reflect.Type, seen map[reflect.Type]bool) string {
	if t == nil || seen[t] || writesItself(t) {
		return ""
	}
	seen[t] = true
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
		return findClash(t.Elem(), seen)
	case reflect.Struct:
		if clash := fieldClash(t); clash != "" {
			return clash
		}
		for _, f := range jsonFields(t) {
			if clash := findClash(f.Type, seen); clash != "" {
				return clash
			}
		}
	}
	return ""
}

// writesItself reports whether encoding/json asks a method for the JSON of values.
func writesItself(t reflect.Type) bool {
	if t.Kind() != reflect.Pointer && t.Kind() != reflect.Interface {
		t = reflect.PointerTo(t)
	}
	return t.Implements(reflect.TypeFor[json.Marshaler]()) || t.Implements(reflect.TypeFor[encoding.TextMarshaler]())
}
