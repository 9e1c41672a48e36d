package source

import (
	"cmp"
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// valuePath leads to a field of a Go value: through structs, and pointers to structs, by the names that encoding/json gives the
// fields.
type valuePath struct {
	text  string
	steps [][]int // of each element of the path, the index of the field in its struct
	leaf  reflect.Type
}

// compilePath compiles a path into values of type t. The problem has no key yet.
func compilePath(t reflect.Type, path string) (*valuePath, *ValueProblem) {
	p := &valuePath{text: path, leaf: t}
	for element := range strings.SplitSeq(path, ".") {
		inside := p.leaf
		if inside.Kind() == reflect.Pointer {
			inside = inside.Elem()
		}
		if inside.Kind() != reflect.Struct {
			return nil, &ValueProblem{
				Message: fmt.Sprintf("%q names a field of %v, which has no fields: expected a struct", element, p.leaf),
			}
		}
		fields := jsonFields(inside)
		at := slices.IndexFunc(fields, func(f namedField) bool { return f.name == element })
		if at < 0 {
			problem := &ValueProblem{
				Message: fmt.Sprintf("unknown field %q: the JSON of %v does not have it", element, inside), Unknown: element,
			}
			for _, f := range fields {
				problem.Have = append(problem.Have, f.name)
			}
			return nil, problem
		}
		p.steps, p.leaf = append(p.steps, fields[at].Index), fields[at].Type
	}
	return p, nil
}

// find follows the path. The result is not valid where a pointer on the way is nil.
func (p *valuePath) find(v reflect.Value) reflect.Value {
	for _, step := range p.steps {
		for _, i := range step {
			if v.Kind() == reflect.Pointer {
				v = v.Elem()
			}
			if !v.IsValid() {
				return v
			}
			v = v.Field(i)
		}
	}
	return v
}

// isText reports whether textOf can render the field.
func (p *valuePath) isText() bool {
	t := p.leaf
	if t.Implements(reflect.TypeFor[encoding.TextMarshaler]()) {
		return true
	}
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.String, reflect.Bool, reflect.Float32, reflect.Float64:
		return true
	}
	return t.Kind() >= reflect.Int && t.Kind() <= reflect.Uintptr
}

// textOf renders the field as text. The text is empty where the path leads through a nil pointer, and for a zero value that is
// not behind a pointer: a zero value counts as absent, as in a protobuf message.
func (p *valuePath) textOf(v reflect.Value) (string, error) {
	v = p.find(v)
	if !v.IsValid() || v.IsZero() {
		return "", nil
	}
	if m, ok := v.Interface().(encoding.TextMarshaler); ok {
		text, err := m.MarshalText()
		return string(text), err
	}
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	switch kind := v.Kind(); {
	case kind == reflect.String:
		return v.String(), nil
	case kind == reflect.Bool:
		return strconv.FormatBool(v.Bool()), nil
	case v.CanInt():
		return strconv.FormatInt(v.Int(), 10), nil
	case v.CanUint():
		return strconv.FormatUint(v.Uint(), 10), nil
	}
	return strconv.FormatFloat(v.Float(), 'g', -1, v.Type().Bits()), nil
}

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
