package bind

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// MaxBodyDepth is how deep the objects and lists of a body may nest.
const MaxBodyDepth = 100

// takesWholeBody reports whether the body of this request gives the whole message.
func (r *binding) takesWholeBody() bool {
	return r.in.HasBody && r.body != nil && len(r.body.path) == 0
}

// bindBody gives fields the values in the body. It comes first. The body has no field that a variable or a setting binds.
func (r *binding) bindBody() error {
	if !r.in.HasBody {
		return nil
	}
	body := bytes.Trim(r.in.Body, " \t\r\n")
	switch {
	case len(body) == 0:
		return nil
	case r.body == nil:
		return refused(FromBody, "", "expected none: this route takes no body")
	}
	if err := checkJSON(body); err != nil {
		return err
	}
	b := bodyReader{binding: r, dec: json.NewDecoder(bytes.NewReader(body))}
	b.dec.UseNumber()
	if r.takesWholeBody() {
		return b.root(r.message)
	}
	if fd := r.body.leaf(); isNull(body) && !takesNull(fd) {
		return nil
	}
	var m protoreflect.Message = r.message
	for _, fd := range r.body.path[:len(r.body.path)-1] {
		m = m.Mutable(fd).Message()
	}
	return b.value(m, *r.body, r.bound, place{key: r.body.leaf().JSONName()})
}

// checkJSON refuses a body that is not one JSON value, or that nests too deep to be read recursively.
func checkJSON(body []byte) error {
	if !utf8.Valid(body) {
		return refused(FromBody, "", "expected JSON in UTF-8, found other bytes")
	}
	if nesting(body) > MaxBodyDepth {
		return refused(FromBody, "", "expected objects and lists nested at most %d deep", MaxBodyDepth)
	}
	var syntax *json.SyntaxError
	if err := json.Unmarshal(body, new(json.RawMessage)); errors.As(err, &syntax) {
		before := body[:max(0, min(int(syntax.Offset)-1, len(body)))]
		line := bytes.Count(before, []byte("\n")) + 1
		column := utf8.RuneCount(before[bytes.LastIndexByte(before, '\n')+1:]) + 1
		return refused(FromBody, "", "expected JSON, and it is none from line %d, column %d: %s", line, column, syntax)
	}
	return nil
}

// nesting returns how deep the objects and lists of a JSON text nest.
func nesting(text []byte) int {
	depth, deepest, inString := 0, 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '{' || c == '[':
			depth++
			deepest = max(deepest, depth)
		case c == '}' || c == ']':
			depth--
		}
	}
	return deepest
}

func isNull(raw []byte) bool { return string(raw) == "null" }

// takesNull reports whether null is a value of fd. For any other field, null means that the field is left out.
func takesNull(fd protoreflect.FieldDescriptor) bool {
	if fd.IsList() || fd.IsMap() {
		return false
	}
	return fd.Message() != nil && fd.Message().FullName() == "google.protobuf.Value" ||
		fd.Enum() != nil && fd.Enum().FullName() == "google.protobuf.NullValue"
}

// longestReason is how many characters of an error of protojson are repeated.
const longestReason = 200

// jsonReason returns an error of protojson without its prefixes. The spelling of one varies on purpose, and the other counts lines
// of a text that the client did not write.
func jsonReason(err error) string {
	text := strings.TrimSpace(strings.ReplaceAll(plainReason(err), "\u00a0", " "))
	if _, rest, ok := strings.Cut(text, "): "); ok && (strings.HasPrefix(text, "(line ") || strings.HasPrefix(text, "syntax error (line ")) {
		text = rest
	}
	return printable(cut(text, longestReason))
}

// describe returns a description of the JSON values that a field takes, in words that follow "expected".
func describe(fd protoreflect.FieldDescriptor) string {
	switch {
	case fd.IsMap():
		return "a JSON object whose values are each " + describe(fd.MapValue())
	case fd.IsList():
		return "a list whose elements are each " + describeOne(fd)
	}
	return describeOne(fd)
}

func describeOne(fd protoreflect.FieldDescriptor) string {
	md := fd.Message()
	switch {
	case md == nil || wellKnown(md) != nil:
		return expected(fd)
	case md.FullName() == "google.protobuf.ListValue":
		return "a JSON list"
	case md.FullName() == "google.protobuf.Value":
		return "a JSON value"
	}
	return fmt.Sprintf("a JSON object (%s)", md.FullName())
}
