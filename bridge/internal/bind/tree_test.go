package bind_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/grpcsse/grpcsse/bridge/internal/bind"
	bindv1 "github.com/grpcsse/grpcsse/gen/test/bind/v1"
	streamv1 "github.com/grpcsse/grpcsse/gen/test/stream/v1"
)

func named(field string, s bind.Setting) bind.Setting { s.Field = field; return s }
func one(s string) bind.Setting                       { return bind.Setting{Value: text(s)} }
func bare(s string) bind.Setting                      { return bind.Setting{Value: text(s), Bare: true} }
func to(name string) bind.Setting                     { return bind.Setting{Value: ref(name)} }
func elements(all ...bind.Setting) bind.Setting {
	return bind.Setting{List: append([]bind.Setting{}, all...)}
}
func mapping(all ...bind.Setting) bind.Setting {
	return bind.Setting{Members: append([]bind.Setting{}, all...)}
}
func only(field string, s bind.Setting) bind.Spec {
	return bind.Spec{Set: []bind.Setting{named(field, s)}}
}
func member(name string, s bind.Setting) bind.Setting { return named(name, s) }

func TestAMappingOrListGivesAField(t *testing.T) {
	deep := mapping(member("venue", one("XNAS")), member("inner", mapping(member("open", bare("true")), member("inner", mapping()))))
	for _, tc := range []struct {
		field   string
		setting bind.Setting
		want    string
	}{
		{"filter", mapping(member("venue", one("XNAS"))), `{"filter":{"venue":"XNAS"}}`},
		{"filter", deep, `{"filter":{"venue":"XNAS","inner":{"open":true,"inner":{}}}}`},
		{"filter.inner", mapping(member("venue", one("x"))), `{"filter":{"inner":{"venue":"x"}}}`},
		{"filter", mapping(), `{"filter":{}}`},
		{"filters", elements(deep, mapping()), `{"filters":[{"venue":"XNAS","inner":{"open":true,"inner":{}}},{}]}`},
		{"filters", elements(), `{}`},
		{"labels", mapping(member("a", one("1")), member("a.b [c]", one("")), member("", one("x"))), `{"labels":{"a":"1","a.b [c]":"","":"x"}}`},
		{"labels", mapping(), `{}`},
		{"tags", elements(one("a"), bare("7")), `{"tags":["a","7"]}`},
	} {
		binder := compile[*streamv1.WatchRequest](t, only(tc.field, tc.setting))
		for range 2 { // a request must not change what the next one begins with
			requireJSON(t, tc.want, read[*streamv1.WatchRequest](t, binder, bind.Input{}))
		}
	}
}

func TestSettingsOfTheTypesOfGoogleProtobuf(t *testing.T) {
	all := mapping(member("n", bare("7")), member("t", one("7")), member("b", bare("true")), member("tt", one("true")), member("z", bare("null")),
		member("zz", one("null")), member("w", bare("yes")), member("o", mapping()), member("l", elements(bare("-1.5e3"), elements(), mapping(member("x", bare("null"))))))
	const allJSON = `{"n":7,"t":"7","b":true,"tt":"true","z":null,"zz":"null","w":"yes","o":{},"l":[-1500,[],{"x":null}]}`
	for _, tc := range []struct {
		field   string
		setting bind.Setting
		want    string
	}{
		{"struct", all, `{"struct":` + allJSON + `}`},
		{"struct", mapping(), `{"struct":{}}`},
		{"value", all, `{"value":` + allJSON + `}`},
		{"value", bare("7"), `{"value":7}`},
		{"value", one("7"), `{"value":"7"}`},
		{"value", bare("null"), `{"value":null}`},
		{"value", elements(), `{"value":[]}`},
		{"value", mapping(), `{"value":{}}`},
		{"list", elements(all, bare("1")), `{"list":[` + allJSON + `,1]}`},
		{"list", elements(), `{"list":[]}`},
		{"empty", mapping(), `{"empty":{}}`},
		{"any", mapping(member("@type", one("type.googleapis.com/google.protobuf.Duration")), member("value", one("1.5s"))),
			`{"any":{"@type":"type.googleapis.com/google.protobuf.Duration","value":"1.500s"}}`},
		{"any", mapping(member("@type", one("x/test.stream.v1.Filter")), member("venue", one("X")), member("open", bare("true"))),
			`{"any":{"@type":"x/test.stream.v1.Filter","venue":"X","open":true}}`},
		{"nested", mapping(member("timestamp", one("1970-01-01T00:00:01Z")), member("duration", one("1.5s")), member("mask", one("a,pageSize")), member("bytesValue", one("-_8")),
			member("int64_value", bare("7")), member("boolValue", bare("false")), member("bytes", one("AA==")), member("mode", one("MODE_FAST")), member("double", one("NaN")),
			member("timestamps", elements(one("1970-01-01T00:00:01Z"))), member("int64Values", elements(bare("1"), one("2"))), member("value", bare("null")), member("struct", mapping(member("a", elements())))),
			`{"nested":{"timestamp":"1970-01-01T00:00:01Z","duration":"1.500s","mask":"a,pageSize","bytesValue":"+/8=","int64Value":"7","boolValue":false,"bytes":"AA==","mode":"MODE_FAST",
			  "double":"NaN","timestamps":["1970-01-01T00:00:01Z"],"int64Values":["1","2"],"value":null,"struct":{"a":[]}}}`},
		{"group", mapping(member("text", one("x"))), `{"group":{"text":"x"}}`},
		{"right", mapping(member("left", one("x"))), `{"right":{"left":"x"}}`},
	} {
		requireJSON(t, tc.want, read[*bindv1.Kinds](t, compile[*bindv1.Kinds](t, only(tc.field, tc.setting)), bind.Input{}))
	}
}

func TestReferencesInsideSettings(t *testing.T) {
	spec := bind.Spec{Variables: []string{"id"}, QueryAll: true, RejectUnknown: true, Set: []bind.Setting{
		named("nested", mapping(member("string", bind.Setting{Value: bind.Value{{Text: "u-"}, {Ref: "header.x-user"}}}), member("int64", to("path.id")),
			member("nested", mapping(member("timestamp", to("query.since")), member("int32s", elements(to("path.id"), bare("2"), bind.Setting{Value: refOr("query.n", "3")})))))),
		named("struct", mapping(member("user", to("header.x-user")), member("id", to("path.id")), member("list", elements(to("query.q"))))),
		named("any", mapping(member("@type", one("x/test.stream.v1.WatchRequest")), member("count", to("path.id")), member("labels", mapping(member("a", to("cookie.c")))))),
	}}
	binder := compile[*bindv1.Kinds](t, spec)
	values := map[string]string{"header.x-user": `"}, {`, "cookie.c": "s"}
	in := bind.Input{Variables: []string{"7"}, RawQuery: "since=1970-01-01T00:00:01Z&q=%3Cé\u2028", Reference: func(ref string) (string, bool) { v, ok := values[ref]; return v, ok }}
	const want = `{"nested":{"string":"u-\"}, {","int64":"7","nested":{"timestamp":"1970-01-01T00:00:01Z","int32s":[7,2,3]}},
		"struct":{"user":"\"}, {","id":"7","list":["<é\u2028"]},"any":{"@type":"x/test.stream.v1.WatchRequest","count":7,"labels":{"a":"s"}}}`
	for range 2 {
		requireJSON(t, want, read[*bindv1.Kinds](t, binder, in))
	}

	for _, tc := range []struct {
		change     func(*bind.Input)
		want       string
		credential bool
	}{
		{func(in *bind.Input) { in.Variables = []string{"x"} }, `reference "${path.id}": expected a 64-bit integer, found "x"`, false},
		{func(in *bind.Input) { in.Variables = []string{"-1"} }, `reference "${path.id} ${cookie.c}": expected what makes a JSON object (google.protobuf.Any): `, false},
		{func(in *bind.Input) { in.RawQuery = "q=1&since=now" }, `reference "${query.since}": expected an RFC 3339 time such as 2026-01-02T15:04:05Z, found "now"`, false},
		{func(in *bind.Input) { in.RawQuery = "since=1970-01-01T00:00:01Z&q=%FF" }, `reference "${query.q}": expected UTF-8 text, found "\xff"`, false},
		{func(in *bind.Input) { in.RawQuery = "since=1970-01-01T00:00:01Z" }, `reference "query.q": expected a value, found none`, false},
		{func(in *bind.Input) { in.RawQuery += "&nested.string=x" }, `query parameter "nested.string": request.set binds nested already`, false},
		{func(in *bind.Input) { in.RawQuery += "&nested[string]=x" }, `query parameter "nested[string]": request.set binds nested already`, false},
		{func(in *bind.Input) { in.Reference = nil }, `reference "header.x-user": expected a value, found none`, false},
		{func(in *bind.Input) {
			in.Reference = func(ref string) (string, bool) { return "x", ref != "cookie.c" }
		}, `reference "cookie.c": expected a value, found none`, true},
	} {
		changed := in
		tc.change(&changed)
		_, err := binder.Bind(changed)
		require.ErrorContains(t, err, tc.want)
		var bad *bind.Error
		require.ErrorAs(t, err, &bad)
		assert.Equal(t, tc.credential, bad.MissingCredential)
	}
	requireJSON(t, want, read[*bindv1.Kinds](t, binder, in))
}

func TestACursorInsideASetting(t *testing.T) {
	for _, tc := range []struct {
		field         string
		setting       bind.Setting
		with, without string
	}{
		{"nested", mapping(member("int64", to("last_event_id")), member("string", one("x"))), `{"nested":{"int64":"5","string":"x"}}`, `{"nested":{"string":"x"}}`},
		{"nested", mapping(member("int64", to("last_event_id"))), `{"nested":{"int64":"5"}}`, `{"nested":{}}`},
		{"nested.int64", to("last_event_id"), `{"nested":{"int64":"5"}}`, `{}`},
		{"nested", mapping(member("nested", mapping(member("int64", to("last_event_id"))))), `{"nested":{"nested":{"int64":"5"}}}`, `{"nested":{"nested":{}}}`},
		{"nested", mapping(member("int64", bind.Setting{Value: refOr("last_event_id", "-1")})), `{"nested":{"int64":"5"}}`, `{"nested":{"int64":"-1"}}`},
		{"nested", mapping(member("int32s", elements(bare("1"), to("last_event_id"), bare("2")))), `{"nested":{"int32s":[1,5,2]}}`, `{"nested":{"int32s":[1,2]}}`},
		{"int64_values", elements(to("last_event_id")), `{"int64Values":["5"]}`, `{}`},
		{"struct", mapping(member("a", to("last_event_id")), member("b", elements(to("last_event_id"), bare("1"))), member("c", to("last_event_id"))),
			`{"struct":{"a":"5","b":["5",1],"c":"5"}}`, `{"struct":{"b":[1]}}`},
		{"value", to("last_event_id"), `{"value":"5"}`, `{}`},
		{"list", elements(to("last_event_id"), to("last_event_id"), one("x")), `{"list":["5","5","x"]}`, `{"list":["x"]}`},
		{"nested", mapping(member("value", to("last_event_id"))), `{"nested":{"value":"5"}}`, `{"nested":{}}`},
	} {
		binder := compile[*bindv1.Kinds](t, only(tc.field, tc.setting))
		assert.True(t, binder.UsesCursor())
		requireJSON(t, tc.with, read[*bindv1.Kinds](t, binder, cursor("5")))
		requireJSON(t, tc.without, read[*bindv1.Kinds](t, binder, bind.Input{}))
	}
	labels := compile[*streamv1.WatchRequest](t, only("labels", mapping(member("a", to("last_event_id")), member("b", one("x")))))
	requireJSON(t, `{"labels":{"a":"5","b":"x"}}`, read[*streamv1.WatchRequest](t, labels, cursor("5")))
	requireJSON(t, `{"labels":{"b":"x"}}`, read[*streamv1.WatchRequest](t, labels, bind.Input{}))

	for setting, want := range map[*bind.Setting]string{
		ptr(named("nested", mapping(member("nested", mapping(member("int32s", elements(to("last_event_id")))))))): `cursor: expected a 32-bit integer for the field nested.nested.int32s[0], found "x\xff"`,
		ptr(named("struct", mapping(member("a", to("last_event_id"))))):                                           `cursor: expected UTF-8 text for the field struct, found "x\xff"`,
		ptr(named("timestamp", to("last_event_id"))):                                                              `cursor: expected an RFC 3339 time such as 2026-01-02T15:04:05Z for the field timestamp, found "x\xff"`,
	} {
		_, err := compile[*bindv1.Kinds](t, bind.Spec{Set: []bind.Setting{*setting}}).Bind(cursor("x\xff"))
		var bad *bind.CursorError
		require.ErrorAs(t, err, &bad)
		require.EqualError(t, err, want)
	}
	inAny := compile[*bindv1.Kinds](t, only("any", mapping(member("@type", one("x/test.stream.v1.WatchRequest")), member("count", to("last_event_id")))))
	_, err := inAny.Bind(cursor("x"))
	require.EqualError(t, err, `cursor: expected a JSON object (google.protobuf.Any) for the field any, found "x"`)
	requireJSON(t, `{"any":{"@type":"x/test.stream.v1.WatchRequest"}}`, read[*bindv1.Kinds](t, inAny, bind.Input{}))
}

func TestAReferenceInADocumentIsTextWhateverTheCallerSends(t *testing.T) {
	binder := compile[*bindv1.Kinds](t, only("value", bind.Setting{Value: ref("query.q"), Bare: true}))
	requireJSON(t, `{"value":"true"}`, read[*bindv1.Kinds](t, binder, bind.Input{RawQuery: "q=true"}))
}

func TestADocumentThatIsWrongWithoutCursorIsNoFaultOfIt(t *testing.T) {
	binder := compile[*bindv1.Kinds](t, only("any", mapping(member("@type", one("x/test.stream.v1.WatchRequest")), member("count", to("query.n")), member("topic", to("last_event_id")))))
	_, err := binder.Bind(bind.Input{RawQuery: "n=x"})
	var bad *bind.Error
	require.ErrorAs(t, err, &bad)
	assert.Equal(t, bind.FromReference, bad.Source)
}

func ptr(s bind.Setting) *bind.Setting { return &s }

func TestACursorIsTheTextOfAnIDWhateverTheType(t *testing.T) {
	for _, tc := range []struct{ field, id, want string }{
		{"timestamp", "2026-01-02T15:04:05.25Z", `{"timestamp":"2026-01-02T15:04:05.250Z"}`},
		{"duration", "-1.5s", `{"duration":"-1.500s"}`},
		{"mask", "a,pageSize", `{"mask":"a,pageSize"}`},
		{"bool_value", "true", `{"boolValue":true}`},
		{"bytes_value", "\x00\xff=", `{"bytesValue":"AP89"}`},
		{"double_value", "NaN", `{"doubleValue":"NaN"}`},
		{"float_value", "1e3", `{"floatValue":1000}`},
		{"int32_value", "-7", `{"int32Value":-7}`},
		{"int64_value", "9007199254740993", `{"int64Value":"9007199254740993"}`},
		{"string_value", `"quoted"`, `{"stringValue":"\"quoted\""}`},
		{"uint32_value", "7", `{"uint32Value":7}`},
		{"uint64_value", "18446744073709551615", `{"uint64Value":"18446744073709551615"}`},
	} {
		for _, spec := range []bind.Spec{only(tc.field, to("last_event_id")), only("nested", mapping(member(tc.field, to("last_event_id"))))} {
			want := tc.want
			if spec.Set[0].Field == "nested" {
				want = `{"nested":` + want + `}`
			}
			requireJSON(t, want, read[*bindv1.Kinds](t, compile[*bindv1.Kinds](t, spec), cursor(tc.id)))
		}
	}
}

func TestProblemsOfMappingsAndLists(t *testing.T) {
	nest := func(n int) bind.Setting {
		s := mapping()
		for range n {
			s = mapping(member("inner", s))
		}
		return s
	}
	for want, spec := range map[string]bind.Spec{
		"request.set.filter: expected a mapping such as {venue: …}: filter is a message (test.stream.v1.Filter)":                                                          only("filter", one("x")),
		"request.set.filters: expected a list: filters is a repeated field (a list with one element is written [x])":                                                      only("filters", mapping()),
		"request.set.filters[1]: expected a mapping such as {venue: …}: filters[1] is a message (test.stream.v1.Filter)":                                                  only("filters", elements(mapping(), one("x"))),
		"request.set.labels: expected a mapping: labels is a map":                                                                                                         only("labels", elements()),
		"request.set.topic: expected UTF-8 text, found a mapping: topic is no message":                                                                                    only("topic", mapping()),
		"request.set.since: expected an RFC 3339 time such as 2026-01-02T15:04:05Z, found a mapping: since is no message":                                                 only("since", mapping(member("seconds", bare("1")))),
		"request.set.filter.venue: expected one value, found a list: filter.venue is no repeated field":                                                                   only("filter", mapping(member("venue", elements()))),
		"request.set.filter.open: expected true or false, found \"yes\"":                                                                                                  only("filter", mapping(member("open", bare("yes")))),
		"request.set.filter.nope: no value can be set here: test.stream.v1.Filter has no field \"nope\" (its fields: venue, open, inner)":                                 only("filter", mapping(member("nope", one("x")))),
		"request.set.filter.inner.venue: no value can be set here: test.stream.v1.Filter has no field \"inner.venue\" (its fields: venue, open, inner)":                   only("filter", mapping(member("inner.venue", one("x")))),
		"request.set.filter.venue: expected UTF-8 text, found nothing (leave the key out, or give it a value)":                                                            only("filter", mapping(member("venue", bare("null")))),
		"request.set.filter.inner: expected a mapping such as {venue: …}, found nothing (leave the key out, or give it a value)":                                          only("filter", mapping(member("inner", bare("null")))),
		"request.set.filters[0].open: expected one value or one reference: only a string field takes text with references in it, and filters[0].open takes true or false": only("filters", elements(mapping(member("open", bind.Setting{Value: bind.Value{{Text: "t"}, {Ref: "query.q"}}})))),
		"request.set.filter.venue: the reference ${path.id} needs a variable {id} in the path, which has none":                                                            only("filter", mapping(member("venue", to("path.id")))),
		"request.set.filter.venue: request.set can't bind filter.venue: request.set binds filter already":                                                                 {Set: []bind.Setting{named("filter", mapping()), named("filter.venue", one("x"))}},
		"request.set.filter: request.set can't bind filter: request.set binds filter.venue already":                                                                       {Set: []bind.Setting{named("filter.venue", one("x")), named("filter", mapping())}},
		"request.set.filter: request.set can't bind filter: the variable {filter.venue} binds filter.venue already":                                                       {Variables: []string{"filter.venue"}, Set: []bind.Setting{named("filter", mapping())}},
		"request.set.filter" + strings.Repeat(".inner", 33) + ": expected mappings and lists nested at most 32 deep":                                                      only("filter", nest(34)),
	} {
		binder, problems := bind.Compile(descriptor[*streamv1.WatchRequest](), spec)
		require.Len(t, problems, 1, want)
		assert.Equal(t, want, problems[0].String())
		assert.Nil(t, binder)
	}
	compile[*streamv1.WatchRequest](t, only("filter", nest(32)))

	for want, spec := range map[string]bind.Spec{
		"request.set.struct: expected a mapping: struct is a google.protobuf.Struct":                                                                          only("struct", elements()),
		"request.set.list: expected a list: list is a google.protobuf.ListValue":                                                                              only("list", mapping()),
		"request.set.any: expected a mapping: any is a google.protobuf.Any":                                                                                   only("any", one("x")),
		`request.set.any: expected a mapping with "@type", the type's URL without references: any is a google.protobuf.Any`:                                   only("any", mapping(member("@type", to("query.t")))),
		`request.set.any: expected a mapping: unable to resolve "x/no.Type": "not found"`:                                                                     only("any", mapping(member("@type", one("x/no.Type")))),
		"request.set.empty.x: no value can be set here: google.protobuf.Empty has no field \"x\"":                                                             only("empty", mapping(member("x", one("x")))),
		"request.set.struct.a[0].b: unknown reference ${cookies.x}: expected last_event_id, or path, query, header, cookie or claim with a name behind a dot": only("struct", mapping(member("a", elements(mapping(member("b", to("cookies.x"))))))),
		`request.set.struct.a: "a" is set twice`:                                                                                                              only("struct", mapping(member("a", one("x")), member("a", one("y")))),
		"request.set.nested.int64Value: nested.int64_value is set twice":                                                                                      only("nested", mapping(member("int64_value", one("1")), member("int64Value", one("1")))),
		"request.set.nested.right: left is set already, and of the oneof choice only one member can be":                                                       only("nested", mapping(member("left", one("1")), member("right", mapping()))),
		"request.set.left: request.set can't bind left: request.set binds right already, and of the oneof choice only one member can be set":                  {Set: []bind.Setting{named("right", mapping()), named("left", one("x"))}},
	} {
		binder, problems := bind.Compile(descriptor[*bindv1.Kinds](), spec)
		require.Len(t, problems, 1, want)
		assert.Equal(t, want, strings.ReplaceAll(problems[0].String(), "\u00a0", " "))
		assert.Nil(t, binder)
	}
}

func TestASettingIsBounded(t *testing.T) {
	many := make([]bind.Setting, 10_000)
	for i := range many {
		many[i] = bare("1")
	}
	compile[*bindv1.Kinds](t, only("int32s", bind.Setting{List: many}))
	for _, field := range []string{"int32s", "list"} {
		_, problems := bind.Compile(descriptor[*bindv1.Kinds](), only(field, bind.Setting{List: append(many[:10_000:10_000], bare("1"))}))
		require.Len(t, problems, 1, field)
		assert.Contains(t, problems[0].String(), "expected at most 10000 values in all settings together")
	}
	deep := one("x")
	for range 33 {
		deep = elements(deep)
	}
	_, problems := bind.Compile(descriptor[*bindv1.Kinds](), only("list", deep))
	require.Len(t, problems, 1)
	assert.Contains(t, problems[0].String(), "nested at most 32 deep")
}

func TestABodyMayNotNameWhatASettingGives(t *testing.T) {
	binder := compile[*streamv1.WatchRequest](t, bind.Spec{Body: "*", Set: []bind.Setting{named("filter", mapping(member("venue", one("X")))), named("labels", mapping(member("a", to("query.q"))))}})
	for _, text := range []string{`{"filter":{"open":true}}`, `{"filter":{}}`, `{"labels":{"b":"x"}}`} {
		in := body(text)
		in.RawQuery = "q=1"
		_, err := binder.Bind(in)
		require.ErrorContains(t, err, "request.set binds")
	}
}

// What protojson makes of a text, a mapping of the same literals makes too, or refuses. (It takes more: a number for a string
// field, since YAML writes both alike, and the texts that a query parameter may have.)
func FuzzSettings(f *testing.F) {
	for _, text := range []string{
		`{"nested":{"string":"x","int64":7,"nested":{"bool":true}}}`, `{"struct":{"a":[null,{"b":1e3}]},"list":[],"value":null}`, `{"right":{"left":""}}`,
		`{"any":{"@type":"x/google.protobuf.Duration","value":"1s"}}`, `{"int32s":[1,"2"],"timestamps":["1970-01-01T00:00:00Z"]}`, `{"nested":{"nested":null}}`,
		`{"left":"","right":{}}`, `{"mode":1,"many":"MANY_1","double":"NaN"}`, `{"group":{"text":"x"},"Group":{}}`, `{"empty":{},"bytesValue":"_-8"}`,
	} {
		f.Add(text)
	}
	md := descriptor[*bindv1.Kinds]()
	f.Fuzz(func(t *testing.T, text string) {
		settings, ok := settingsOf(text)
		if !ok {
			return
		}
		binder, problems := bind.Compile(md, bind.Spec{Set: settings})
		for _, p := range problems {
			require.NotEmpty(t, p.Key)
		}
		if binder == nil {
			return
		}
		wire, err := binder.Bind(bind.Input{})
		require.NoError(t, err)
		got, want := &bindv1.Kinds{}, &bindv1.Kinds{}
		require.NoError(t, proto.Unmarshal(wire, got))
		if protojson.Unmarshal([]byte(text), want) != nil {
			return
		}
		require.True(t, proto.Equal(want, got), "%s\nwant %v\ngot  %v", text, want, got)
	})
}

// settingsOf reads a JSON object as the settings of its members.
func settingsOf(text string) ([]bind.Setting, bool) {
	var members map[string]any
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	if !json.Valid([]byte(text)) || dec.Decode(&members) != nil {
		return nil, false
	}
	return settingOf(members).Members, true
}

func settingOf(v any) bind.Setting {
	switch v := v.(type) {
	case map[string]any:
		s := mapping()
		for _, key := range slices.Sorted(maps.Keys(v)) {
			s.Members = append(s.Members, named(key, settingOf(v[key])))
		}
		return s
	case []any:
		s := elements()
		for _, element := range v {
			s.List = append(s.List, settingOf(element))
		}
		return s
	case string:
		return one(v)
	}
	out, _ := json.Marshal(v)
	return bare(string(out))
}
