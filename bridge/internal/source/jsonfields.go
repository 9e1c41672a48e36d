package source

import (
	"cmp"
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"unicode"
)

// namedField is a field of a struct and its name in JSON.
type namedField struct {
	reflect.StructField // Index leads through the embedded structs

	name   string
	tagged bool // reports whether a tag gives the name
}

// hides reports whether encoding/json prefers f to another field of the same name: f is nested less deeply, or just as deeply
// and f alone is named by a tag.
func (f namedField) hides(other namedField) bool {
	if len(f.Index) != len(other.Index) {
		return len(f.Index) < len(other.Index)
	}
	return f.tagged && !other.tagged
}

// jsonFields returns the fields of a struct that encoding/json reads and writes, in the order in which they stand. Where
// several fields have one name and none hides all the others, encoding/json ignores all of them, and so does jsonFields.
//
// There is one difference: an embedded struct of an unexported type that has a name of its own in JSON is left out, since
// package reflect does not give access to it.
func jsonFields(t reflect.Type) []namedField {
	all := appendFields(nil, t, nil)
	var fields []namedField
	for i, f := range all {
		alone := true
		for j, other := range all {
			if i != j && f.name == other.name && !f.hides(other) {
				alone = false
			}
		}
		if alone {
			fields = append(fields, f)
		}
	}
	return fields
}

// appendFields appends the fields of t and of the structs that are embedded in it. outer are the fields that lead to t, from
// the outside in.
func appendFields(fields []namedField, t reflect.Type, outer []reflect.StructField) []namedField {
	for i := range t.NumField() {
		f := t.Field(i)
		inside := f.Type
		if inside.Kind() == reflect.Pointer {
			inside = inside.Elem()
		}
		tag := f.Tag.Get("json")
		name, _, _ := strings.Cut(tag, ",")
		if !isJSONName(name) {
			name = ""
		}
		switch tagged := name != ""; {
		case tag == "-":
		case f.Anonymous && inside.Kind() == reflect.Struct && !tagged:
			// A type that contains itself has its fields in the list already, nested less deeply.
			known := slices.ContainsFunc(outer, func(o reflect.StructField) bool { return o.Type == f.Type })
			if !known {
				fields = appendFields(fields, inside, append(slices.Clip(outer), f))
			}
		case f.IsExported():
			f.Index = nil
			for _, o := range outer {
				f.Index = append(f.Index, o.Index...)
			}
			f.Index = append(f.Index, i)
			fields = append(fields, namedField{StructField: f, name: cmp.Or(name, f.Name), tagged: tagged})
		}
	}
	return fields
}

// isJSONName reports whether encoding/json accepts a name from a tag.
func isJSONName(name string) bool {
	return !strings.ContainsFunc(name, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("!#$%&()*+-./:;<=>?@[]^_{|}~ ", r)
	})
}

// fieldClash describes two fields of a struct that encoding/json drops, because they have one name and neither hides the other.
// It returns "" where there are none.
func fieldClash(t reflect.Type) string {
	all := appendFields(nil, t, nil)
	for i, f := range all {
		hiddenBy := func(g namedField) bool { return g.name == f.name && g.hides(f) }
		if slices.ContainsFunc(all, hiddenBy) {
			continue
		}
		for _, other := range all[i+1:] {
			if other.name == f.name && !f.hides(other) {
				return fmt.Sprintf("the fields %s and %s of %v have one JSON name, %q, and encoding/json drops both: "+
					"give one of them another name",
					goName(t, f.Index), goName(t, other.Index), t, f.name)
			}
		}
	}
	return ""
}

// goName returns the Go name of a field, after the names of the embedded structs that contain it.
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

// clashIn is fieldClash for values of any type, and for the values inside them. It does not look into types that write their
// own JSON.
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

// writesItself reports whether encoding/json calls a method of the type for the JSON of its values.
func writesItself(t reflect.Type) bool {
	if t.Kind() != reflect.Pointer && t.Kind() != reflect.Interface {
		t = reflect.PointerTo(t)
	}
	return t.Implements(reflect.TypeFor[json.Marshaler]()) || t.Implements(reflect.TypeFor[encoding.TextMarshaler]())
}
