package bind

import (
	"encoding/base64"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// shownEnumValues is how many names of an enum an error lists. For a larger enum, it has the name of the enum.
const shownEnumValues = 8

// parseScalar returns the value of fd for text, and reports whether text fits. The type of fd is not a message.
func parseScalar(fd protoreflect.FieldDescriptor, text string) (v protoreflect.Value, ok bool) {
	switch fd.Kind() {
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(text == "true"), text == "true" || text == "false"
	case protoreflect.EnumKind:
		return parseEnum(fd.Enum(), text)
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		n, err := strconv.ParseInt(text, 10, 32)
		return protoreflect.ValueOfInt32(int32(n)), err == nil
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		n, err := strconv.ParseUint(text, 10, 32)
		return protoreflect.ValueOfUint32(uint32(n)), err == nil
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		n, err := strconv.ParseInt(text, 10, 64)
		return protoreflect.ValueOfInt64(n), err == nil
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		n, err := strconv.ParseUint(text, 10, 64)
		return protoreflect.ValueOfUint64(n), err == nil
	case protoreflect.FloatKind:
		n, ok := parseFloat(text, 32)
		return protoreflect.ValueOfFloat32(float32(n)), ok
	case protoreflect.DoubleKind:
		n, ok := parseFloat(text, 64)
		return protoreflect.ValueOfFloat64(n), ok
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(text), utf8.ValidString(text)
	case protoreflect.BytesKind:
		b, ok := parseBase64(text)
		return protoreflect.ValueOfBytes(b), ok
	}
	return protoreflect.Value{}, false
}

// parseEnum takes a name or a number. An open enum takes any number, and a closed enum takes those that have a name.
func parseEnum(ed protoreflect.EnumDescriptor, text string) (protoreflect.Value, bool) {
	if v := ed.Values().ByName(protoreflect.Name(text)); v != nil {
		return protoreflect.ValueOfEnum(v.Number()), true
	}
	n, err := strconv.ParseInt(text, 10, 32)
	number := protoreflect.EnumNumber(n)
	known := ed.Values().ByNumber(number) != nil
	return protoreflect.ValueOfEnum(number), err == nil && (known || !ed.IsClosed())
}

// parseFloat takes the decimal numbers of JSON and its three words. strconv takes hexadecimal, underscores and other
// spellings of the words too.
func parseFloat(text string, bits int) (float64, bool) {
	switch text {
	case "NaN":
		return math.NaN(), true
	case "Infinity":
		return math.Inf(1), true
	case "-Infinity":
		return math.Inf(-1), true
	}
	if strings.Trim(text, "0123456789+-.eE") != "" {
		return 0, false
	}
	n, err := strconv.ParseFloat(text, bits)
	return n, err == nil
}

// parseBase64 takes the standard and the URL alphabet, with and without padding, as ProtoJSON does.
func parseBase64(text string) ([]byte, bool) {
	if strings.ContainsAny(text, "\r\n") { // the decoder would skip them
		return nil, false
	}
	encoding := base64.RawStdEncoding
	if strings.ContainsAny(text, "-_") {
		encoding = base64.RawURLEncoding
	}
	if strings.HasSuffix(text, "=") {
		encoding = encoding.WithPadding(base64.StdPadding)
	}
	b, err := encoding.DecodeString(text)
	return b, err == nil
}

// expected describes the values of fd, or those of one element where fd is a list.
func expected(fd protoreflect.FieldDescriptor) string {
	switch fd.Kind() {
	case protoreflect.BoolKind:
		return "true or false"
	case protoreflect.EnumKind:
		return expectedEnum(fd.Enum())
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		return "a 32-bit integer"
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return "an unsigned 32-bit integer"
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		return "a 64-bit integer"
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return "an unsigned 64-bit integer"
	case protoreflect.FloatKind:
		return "a 32-bit floating-point number"
	case protoreflect.DoubleKind:
		return "a floating-point number"
	case protoreflect.StringKind:
		return "UTF-8 text"
	case protoreflect.BytesKind:
		return "base64"
	}
	if known := wellKnown(fd.Message()); known != nil {
		return known.expected(fd.Message())
	}
	return "a " + string(fd.Message().FullName())
}

func expectedEnum(ed protoreflect.EnumDescriptor) string {
	values := ed.Values()
	if values.Len() > shownEnumValues {
		return fmt.Sprintf("a name or number of the enum %s", ed.FullName())
	}
	var names []string
	for i := range values.Len() {
		names = append(names, string(values.Get(i).Name()))
	}
	return "one of " + strings.Join(names, ", ")
}
