package describe_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/grpcsse/grpcsse/bridge/describe"
)

// decoded reads one JSON document. Numbers keep their text, and members their order and repetitions.
func decoded(text []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	v, err := decodeValue(d)
	if err == nil && d.More() {
		err = fmt.Errorf("more than one document")
	}
	return v, err
}

// member is a member of an object.
type member struct {
	name  string
	value any
}

// decodeValue reads a value: []member for an object, []any for an array.
func decodeValue(d *json.Decoder) (any, error) {
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch token {
	case json.Delim('{'):
		object := []member{}
		for d.More() {
			name, err := d.Token()
			if err != nil {
				return nil, err
			}
			value, err := decodeValue(d)
			if err != nil {
				return nil, err
			}
			object = append(object, member{name.(string), value})
		}
		_, err := d.Token()
		return object, err
	case json.Delim('['):
		list := []any{}
		for d.More() {
			value, err := decodeValue(d)
			if err != nil {
				return nil, err
			}
			list = append(list, value)
		}
		_, err := d.Token()
		return list, err
	}
	return token, nil
}

// misfit returns how a JSON value differs from a shape, "" where it fits.
func misfit(shape *describe.Shape, value any) string {
	switch shape.Kind {
	case describe.Message:
		return misfitObject(shape.Object, value)
	case describe.List:
		list, ok := value.([]any)
		if !ok {
			return unlike("an array", value)
		}
		for i, element := range list {
			if m := misfit(shape.Elem, element); m != "" {
				return fmt.Sprintf("[%d]%s", i, m)
			}
		}
		return ""
	case describe.Map:
		object, ok := value.([]member)
		if !ok {
			return unlike("an object", value)
		}
		for _, m := range object {
			if bad := misfitKey(shape.Key, m.name); bad != "" {
				return "[" + strconv.Quote(m.name) + "]" + bad
			}
			if bad := misfit(shape.Elem, m.value); bad != "" {
				return "[" + strconv.Quote(m.name) + "]" + bad
			}
		}
		return ""
	case describe.Struct:
		if _, ok := value.([]member); !ok {
			return unlike("an object", value)
		}
		return ""
	case describe.ListValue:
		if _, ok := value.([]any); !ok {
			return unlike("an array", value)
		}
		return ""
	case describe.Value:
		return ""
	case describe.Any:
		return misfitAny(value)
	}
	return misfitScalar(shape, value)
}

func unlike(expected string, value any) string {
	return fmt.Sprintf(": expected %s, found %#v", expected, value)
}

func misfitObject(o *describe.Object, value any) string {
	object, ok := value.([]member)
	if !ok {
		return unlike("an object", value)
	}
	byName := map[string]*describe.Field{}
	for _, f := range o.Fields {
		byName[f.Name] = f
	}
	seen := map[string]bool{}
	set := map[*describe.Oneof]string{}
	for _, m := range object {
		f := byName[m.name]
		switch {
		case seen[m.name]:
			return "." + m.name + ": twice"
		case f == nil && o.Extensible && strings.HasPrefix(m.name, "[") && strings.HasSuffix(m.name, "]"):
			continue
		case f == nil:
			return "." + m.name + ": not listed"
		case f.Oneof != nil && set[f.Oneof] != "":
			return "." + m.name + ": beside " + set[f.Oneof]
		}
		seen[m.name] = true
		if f.Oneof != nil {
			set[f.Oneof] = m.name
		}
		if m.value == nil && f.Nullable {
			continue
		}
		if bad := misfit(f.Shape, m.value); bad != "" {
			return "." + m.name + bad
		}
	}
	for _, f := range o.Fields {
		if f.Required && !seen[f.Name] {
			return "." + f.Name + ": missing"
		}
	}
	return ""
}

func misfitAny(value any) string {
	object, ok := value.([]member)
	if !ok {
		return unlike("an object", value)
	}
	if len(object) == 0 {
		return ""
	}
	i := slices.IndexFunc(object, func(m member) bool { return m.name == "@type" })
	if i < 0 {
		return ".@type: missing"
	}
	if _, ok := object[i].value.(string); !ok {
		return ".@type" + unlike("a string", object[i].value)
	}
	return ""
}

func misfitKey(kind describe.Kind, name string) string {
	switch kind {
	case describe.String:
		return ""
	case describe.Bool:
		if name == "true" || name == "false" {
			return ""
		}
		return unlike("true or false", name)
	case describe.Int32, describe.Uint32:
		return misfitScalar(&describe.Shape{Kind: kind}, json.Number(name))
	}
	return misfitScalar(&describe.Shape{Kind: kind}, name)
}

var (
	instants  = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3}|\.\d{6}|\.\d{9})?Z$`)
	spans     = regexp.MustCompile(`^-?\d+(\.\d{3}|\.\d{6}|\.\d{9})?s$`)
	masks     = regexp.MustCompile(`^([a-zA-Z0-9_.]+(,[a-zA-Z0-9_.]+)*)?$`)
	numbers   = regexp.MustCompile(`^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$`)
	fractions = regexp.MustCompile(`[.eE]`)
)

// misfitScalar is misfit for kinds of values that are neither objects nor arrays.
func misfitScalar(shape *describe.Shape, value any) string {
	text, isText := value.(string)
	number, isNumber := value.(json.Number)
	_, isBool := value.(bool)
	ok := false
	switch shape.Kind {
	case describe.Bool:
		ok = isBool
	case describe.Int32:
		ok = isNumber && isInteger(string(number), math.MinInt32, math.MaxInt32)
	case describe.Uint32:
		ok = isNumber && isInteger(string(number), 0, math.MaxUint32)
	case describe.Int64:
		_, err := strconv.ParseInt(text, 10, 64)
		ok = isText && err == nil && text == strings.TrimPrefix(text, "+")
	case describe.Uint64:
		_, err := strconv.ParseUint(text, 10, 64)
		ok = isText && err == nil
	case describe.Float, describe.Double:
		ok = isNumber && numbers.MatchString(string(number)) || text == "NaN" || text == "Infinity" || text == "-Infinity"
	case describe.String:
		ok = isText
	case describe.Bytes:
		_, err := base64.StdEncoding.Strict().DecodeString(text)
		ok = isText && err == nil
	case describe.Null:
		ok = value == nil
	case describe.Timestamp:
		ok = isText && instants.MatchString(text)
	case describe.Duration:
		ok = isText && spans.MatchString(text)
	case describe.FieldMask:
		ok = isText && masks.MatchString(text)
	case describe.EnumNumber:
		ok = isNumber && isInteger(string(number), math.MinInt32, math.MaxInt32)
	case describe.Enum:
		ok = isText && writes(shape.Enum, text) || isNumber && lacks(shape.Enum, string(number))
	}
	if !ok {
		return unlike(string(shape.Kind), value)
	}
	return ""
}

func isInteger(text string, least, most int64) bool {
	n, err := strconv.ParseInt(text, 10, 64)
	return err == nil && !fractions.MatchString(text) && n >= least && n <= most
}

// writes reports whether the name of a value of an enum is written.
func writes(e *describe.EnumType, name string) bool {
	return slices.ContainsFunc(e.Values, func(v *describe.EnumValue) bool { return string(v.Name) == name && !v.Alias })
}

// lacks reports whether an enum has no name for a number.
func lacks(e *describe.EnumType, number string) bool {
	n, err := strconv.ParseInt(number, 10, 32)
	return err == nil && !slices.ContainsFunc(e.Values, func(v *describe.EnumValue) bool { return int64(v.Number) == n })
}
