package bind

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
)

// documentMaker makes a message whose JSON form is a JSON document: a Struct, a Value, a ListValue or an Any.
type documentMaker struct {
	field   field
	setting Setting
}

func (d documentMaker) make(r *binding) (protoreflect.Value, bool, error) {
	var text bytes.Buffer
	ok, err := d.write(r, &text, d.setting)
	if err != nil || !ok {
		return protoreflect.Value{}, false, err
	}
	m := dynamicpb.NewMessage(d.field.leaf().Message())
	if err := unmarshalJSON(text.Bytes(), m, false, r.types); err != nil {
		return protoreflect.Value{}, false, d.mismatch(r, err)
	}
	return protoreflect.ValueOfMessage(m), true, nil
}

// write appends the JSON of a setting. It returns false for a cursor that the request does not have.
func (d documentMaker) write(r *binding, out *bytes.Buffer, s Setting) (ok bool, err error) {
	switch {
	case s.List != nil:
		return true, d.writeAll(r, out, "[]", s.List, func(Setting) string { return "" })
	case s.Members != nil:
		return true, d.writeAll(r, out, "{}", s.Members, func(m Setting) string { return string(quoteJSON(m.Field)) + ":" })
	}
	text, ok, err := r.expand(s.Value)
	switch {
	case err != nil || !ok:
		return false, err
	case !utf8.ValidString(text):
		return false, textMaker{field: d.field, value: s.Value}.notUTF8(text)
	case s.Bare && !s.refers() && isJSONWord(text): // the text of a reference is always a string, since a client must not choose the type
		out.WriteString(text)
	default:
		out.Write(quoteJSON(text))
	}
	return true, nil
}

// writeAll appends the values between two brackets. It leaves out a cursor that the request does not have.
func (d documentMaker) writeAll(r *binding, out *bytes.Buffer, brackets string, all []Setting, label func(Setting) string) error {
	out.WriteByte(brackets[0])
	first := true
	for _, s := range all {
		before := out.Len()
		if !first {
			out.WriteByte(',')
		}
		out.WriteString(label(s))
		ok, err := d.write(r, out, s)
		if err != nil {
			return err
		}
		if !ok {
			out.Truncate(before)
			continue
		}
		first = false
	}
	out.WriteByte(brackets[1])
	return nil
}

func (t textMaker) notUTF8(text string) error {
	if t.value.refersTo(cursorReference) {
		return &CursorError{Field: t.field.name, Expected: "UTF-8 text", Value: shown(text)}
	}
	return mismatch(FromReference, t.value.references(), "UTF-8 text", text)
}

// mismatch returns the error for a document that does not fit the field's type once its references are filled in.
func (d documentMaker) mismatch(r *binding, err error) error {
	if d.setting.refersTo(cursorReference) && r.in.HasLastEventID {
		return &CursorError{Field: d.field.name, Expected: describeOne(d.field.leaf()), Value: shown(r.in.LastEventID)}
	}
	return refused(FromReference, d.setting.references(), "expected what makes %s: %s", describeOne(d.field.leaf()), jsonReason(err))
}

// quoteJSON returns text, which is UTF-8, as a JSON string.
func quoteJSON(text string) []byte {
	quoted, err := json.Marshal(text)
	if err != nil { // a string can't fail
		return []byte(`""`)
	}
	return quoted
}

// isJSONWord reports whether text is a number, true, false or null in JSON.
func isJSONWord(text string) bool {
	return text != "" && !strings.ContainsAny(text, "\"[{ \t\r\n") && json.Valid([]byte(text))
}
