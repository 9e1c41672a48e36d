package bind_test

import (
	"encoding/json"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/reflect/protoreflect"
	"pgregory.net/rapid"

	"github.com/grpcsse/grpcsse/bridge/internal/bind"
	bindv1 "github.com/grpcsse/grpcsse/gen/test/bind/v1"
	streamv1 "github.com/grpcsse/grpcsse/gen/test/stream/v1"
)

type difference struct {
	what  string
	kinds string // "int", "float" or both
	means func(text string) bool
}

// byDesign are the numbers of which query and body think differently.
var byDesign = []difference{
	{"a query takes signs, zeros and points that the grammar of JSON has no place for", "int float", func(text string) bool {
		return !json.Valid([]byte(text)) && regexp.MustCompile(`^[-+]?[0-9.]+([eE][-+]?[0-9]+)?$`).MatchString(text)
	}},
	{"a body takes 1.0 and 1e3 for an integer", "int", regexp.MustCompile(`^-?[0-9]+[.eE]`).MatchString},
	{"a body takes -0 for an unsigned integer", "int", func(text string) bool { return text == "-0" }},
}

func differsByDesign(fd protoreflect.FieldDescriptor, text string) bool {
	kind := kindOf(fd)
	return kind != "" && slices.ContainsFunc(byDesign, func(d difference) bool {
		return strings.Contains(d.kinds, kind) && d.means(text)
	})
}

func kindOf(fd protoreflect.FieldDescriptor) string {
	if md := fd.Message(); md != nil {
		if !strings.HasSuffix(string(md.Name()), "Value") || md.Fields().Len() != 1 {
			return ""
		}
		fd = md.Fields().Get(0)
	}
	switch fd.Kind() {
	case protoreflect.FloatKind, protoreflect.DoubleKind:
		return "float"
	case protoreflect.StringKind, protoreflect.BytesKind, protoreflect.BoolKind, protoreflect.MessageKind, protoreflect.GroupKind:
		return ""
	}
	return "int"
}

// asJSON is the text as a body writes it: bools and the numbers of enums stand without quotes.
func asJSON(t *rapid.T, fd protoreflect.FieldDescriptor, text string) string {
	if fd.Message() != nil && fd.Message().Name() == "BoolValue" {
		fd = fd.Message().Fields().Get(0)
	}
	if fd.Kind() == protoreflect.BoolKind && (text == "true" || text == "false") || fd.Kind() == protoreflect.EnumKind && regexp.MustCompile(`^(0|-?[1-9][0-9]*)$`).MatchString(text) {
		return text
	}
	quoted, err := json.Marshal(text)
	require.NoError(t, err)
	return string(quoted)
}

// takesText reports whether a parameter can give the field.
func takesText(fd protoreflect.FieldDescriptor) bool {
	if fd.IsMap() {
		return false
	}
	md := fd.Message()
	return md == nil || md.ParentFile().Package() == "google.protobuf" && !strings.Contains(" Any Struct Value ListValue Empty ", " "+string(md.Name())+" ")
}

func nameOf(t *rapid.T, fd protoreflect.FieldDescriptor) string {
	return rapid.SampledFrom([]string{fd.JSONName(), fd.JSONName(), fd.TextName(), string(fd.Name())}).Draw(t, "name")
}

// TestAQueryMeansWhatABodyMeans writes requests both ways: the same bytes come of them, or both are refused.
func TestAQueryMeansWhatABodyMeans(t *testing.T) {
	texts := rapid.OneOf(
		rapid.SampledFrom([]string{
			"", "0", "1", "-1", "7", "01", "+1", "1.0", "1e3", ".5", "5.", "-0", "2147483648", "-2147483649", "4294967296", "9223372036854775808", "18446744073709551616", "1e39", "1e309",
			"true", "false", "TRUE", "null", "NaN", "Infinity", "-Infinity", "inf", "0x1", "1_0", " 1", "1 ", "LEVEL_HIGH", "MODE_FAST", "MANY_8", "FAST", "2", "8", "9", "YQ", "YQ==", "-_8", "+/8=", "YQ=", "a b",
			"2026-01-02T15:04:05Z", "2026-01-02T15:04:05.5+02:00", "2026-01-02", "1.5s", "-0.000000001s", "1m", "a,pageSize.x", "a_b", "é", "\x00", `"`, "{}", "[]",
		}),
		rapid.String(),
	)
	for _, md := range []protoreflect.MessageDescriptor{descriptor[*bindv1.Kinds](), descriptor[*streamv1.WatchRequest](), odd(t)} {
		query, problems := bind.Compile(md, bind.Spec{QueryAll: true, RejectUnknown: true})
		require.Empty(t, problems)
		whole, problems := bind.Compile(md, bind.Spec{Body: "*", RejectUnknown: true})
		require.Empty(t, problems)
		rapid.Check(t, func(t *rapid.T) {
			at, prefix, open, end := md, "", "", ""
			for range rapid.IntRange(0, 3).Draw(t, "depth") {
				var inner []protoreflect.FieldDescriptor
				for i := range at.Fields().Len() {
					if fd := at.Fields().Get(i); fd.Message() != nil && !fd.IsList() && !fd.IsMap() && !takesText(fd) && fd.Message().ParentFile().Package() != "google.protobuf" {
						inner = append(inner, fd)
					}
				}
				if len(inner) == 0 {
					break
				}
				fd := rapid.SampledFrom(inner).Draw(t, "message")
				name := nameOf(t, fd)
				quoted, _ := json.Marshal(name)
				prefix, open, end, at = prefix+name+".", open+"{"+string(quoted)+":", end+"}", fd.Message()
			}
			var parameters, members []string
			lists := map[protoreflect.FieldNumber]bool{}
			for range rapid.IntRange(1, 3).Draw(t, "fields") {
				fd := at.Fields().Get(rapid.IntRange(0, at.Fields().Len()-1).Draw(t, "field"))
				if !takesText(fd) {
					continue
				}
				name := nameOf(t, fd)
				target := fd
				for i := range at.Fields().Len() { // the field of which it is the JSON name comes first
					if other := at.Fields().Get(i); other.JSONName() == name {
						target = other
					}
				}
				if !takesText(target) || lists[target.Number()] { // a list in two pieces is one in a query, and a key given twice in a body
					continue
				}
				lists[target.Number()] = target.IsList()
				n := 1
				if target.IsList() {
					n = rapid.IntRange(1, 3).Draw(t, "elements")
				}
				var values []string
				for range n {
					text := texts.Draw(t, "text")
					if differsByDesign(target, text) {
						t.Skip("by design")
					}
					parameters = append(parameters, url.QueryEscape(prefix+name)+"="+url.QueryEscape(text))
					values = append(values, asJSON(t, target, text))
				}
				value := strings.Join(values, ",")
				if target.IsList() {
					value = "[" + value + "]"
				}
				quoted, _ := json.Marshal(name)
				members = append(members, string(quoted)+":"+value)
			}
			if len(members) == 0 {
				return
			}
			text := open + "{" + strings.Join(members, ",") + "}" + end
			fromQuery, queryErr := query.Bind(bind.Input{RawQuery: strings.Join(parameters, "&")})
			fromBody, bodyErr := whole.Bind(body(text))
			require.Equal(t, bodyErr == nil, queryErr == nil, "%s\n%s\n%v\n%v", parameters, text, queryErr, bodyErr)
			if bodyErr == nil {
				require.Equal(t, fromBody, fromQuery, "%s\n%s", parameters, text)
			}
		})
	}
}
