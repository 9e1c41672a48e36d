package source

import (
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
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
			problem := &ValueProblem{Message: fmt.Sprintf("unknown field %q: the JSON of %v does not have it", element, inside), Unknown: element}
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
	reflect.StructField

	name string
}

// jsonFields returns the fields of a struct that encoding/json knows, each name once.
func jsonFields(t reflect.Type) []namedField {
	var fields []namedField
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if !f.IsExported() || f.Tag.Get("json") == "-" || f.Anonymous && name == "" || hiddenInJSON(t, f.Index) {
			continue
		}
		if name == "" {
			name = f.Name
		}
		same := slices.IndexFunc(fields, func(other namedField) bool { return other.name == name })
		switch {
		case same < 0:
			fields = append(fields, namedField{f, name})
		case len(f.Index) < len(fields[same].Index):
			fields[same] = namedField{f, name}
		}
	}
	return fields
}

// hiddenInJSON reports whether a field belongs to an embedded struct that has a name of its own in JSON. JSON nests such a
// field below that name.
func hiddenInJSON(t reflect.Type, index []int) bool {
	for end := 1; end < len(index); end++ {
		if t.FieldByIndex(index[:end]).Tag.Get("json") != "" {
			return true
		}
	}
	return false
}
