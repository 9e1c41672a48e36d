package bind_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/internal/bind"
	streamv1 "github.com/grpcsse/grpcsse/gen/test/stream/v1"
)

func withMetadata(name string, v bind.Value) bind.Spec {
	return bind.Spec{Variables: []string{"topic"}, RejectUnknown: true, Metadata: []bind.MetadataSetting{{Name: name, Value: v}}}
}

func TestMetadata(t *testing.T) {
	binder := compile[*streamv1.WatchRequest](t, bind.Spec{
		Variables: []string{"topic", "tenant"}, // the message has no field "tenant"
		QueryAll:  true, RejectUnknown: true,
		Metadata: []bind.MetadataSetting{
			{Name: "x-fixed", Value: text("a")}, {Name: "x-empty"},
			{Name: "x-mixed", Value: bind.Value{{Text: "t/"}, {Ref: "path.tenant"}, {Text: "/"}, {Ref: "query.q", Default: "none", HasDefault: true}}},
			{Name: "x-header", Value: ref("header.x-a")},
			{Name: "x-cursor", Value: ref("last_event_id")},
			{Name: "x-cursor-bin", Value: ref("last_event_id")},
			{Name: "x-start-bin", Value: refOr("last_event_id", "AA")},
			{Name: "x-literal-bin", Value: text("AP8=")},
			{Name: "x-query-bin", Value: refOr("query.bin", "")},
		},
	})
	assert.True(t, binder.UsesCursor())
	in := bind.Input{
		Variables: []string{"news", "acme"}, RawQuery: "q=1&bin=AQ&count=2",
		Reference: func(ref string) (string, bool) { return "value of " + ref, true },
	}
	got, err := binder.Metadata(in)
	require.NoError(t, err)
	assert.Equal(t, []bind.Metadatum{
		{"x-fixed", "a"}, {"x-empty", ""}, {"x-mixed", "t/acme/1"}, {"x-header", "value of header.x-a"},
		{"x-start-bin", "\x00"}, {"x-literal-bin", "\x00\xff"}, {"x-query-bin", "\x01"},
	}, got)
	requireJSON(t, `{"topic":"news","count":2}`, read[*streamv1.WatchRequest](t, binder, in))

	in.RawQuery, in.LastEventID, in.HasLastEventID = "", "AA", true
	got, err = binder.Metadata(in)
	require.NoError(t, err)
	assert.Equal(t, []bind.Metadatum{
		{"x-fixed", "a"}, {"x-empty", ""}, {"x-mixed", "t/acme/none"}, {"x-header", "value of header.x-a"}, {"x-cursor", "AA"},
		{"x-cursor-bin", "AA"}, {"x-start-bin", "AA"}, {"x-literal-bin", "\x00\xff"}, {"x-query-bin", ""},
	}, got)
}

func TestNoMetadata(t *testing.T) {
	got, err := compile[*streamv1.WatchRequest](t, everything()).Metadata(bind.Input{RawQuery: "%zz"})
	require.NoError(t, err)
	assert.Empty(t, got)
}

func TestMetadataThatCanNotBeSent(t *testing.T) {
	in := func(query string) bind.Input { return bind.Input{Variables: []string{"a"}, RawQuery: query} }
	for want, tc := range map[string]struct {
		spec bind.Spec
		in   bind.Input
	}{
		`reference "${query.q}": expected printable ASCII without blanks at its ends, found "a\r\nx: y"`:        {withMetadata("x-a", ref("query.q")), in("q=a%0D%0Ax:+y")},
		`reference "${path.topic} ${query.q}": expected printable ASCII without blanks at its ends, found "aé"`: {withMetadata("x-a", bind.Value{{Ref: "path.topic"}, {Ref: "query.q"}}), in("q=%C3%A9")},
		`reference "${query.q}": expected printable ASCII without blanks at its ends, found " a"`:               {withMetadata("x-a", ref("query.q")), in("q=+a")},
		`reference "${query.q}": expected printable ASCII without blanks at its ends, found "a "`:               {withMetadata("x-a", ref("query.q")), in("q=a+")},
		`reference "${query.q}": expected printable ASCII without blanks at its ends, found "Bearer "`:          {withMetadata("x-a", bind.Value{{Text: "Bearer "}, {Ref: "query.q", HasDefault: true}}), in("")},
		`reference "${query.q}": expected base64, found "*"`:                                                    {withMetadata("x-a-bin", ref("query.q")), in("q=*")},
		`reference "query.q": expected a value, found none`:                                                     {withMetadata("x-a", ref("query.q")), in("")},
		`query parameter "q": expected one value, found several`:                                                {withMetadata("x-a", ref("query.q")), in("q=1&q=1")},
		`query parameter "q": expected two hexadecimal digits after each %, found "%"`:                          {withMetadata("x-a", ref("query.q")), in("q=%")},
		`expected 1 path variables, found 0`:                                                                    {withMetadata("x-a", text("a")), bind.Input{}},
	} {
		_, err := compile[*streamv1.WatchRequest](t, tc.spec).Metadata(tc.in)
		require.EqualError(t, err, want)
	}
}

func TestMalformedCursorInMetadata(t *testing.T) {
	binder := compile[*streamv1.WatchRequest](t, withMetadata("x-after", bind.Value{{Text: "seq-"}, {Ref: "last_event_id"}}))
	in := cursor("é")
	in.Variables = []string{"a"}
	_, err := binder.Metadata(in)
	var bad *bind.CursorError
	require.ErrorAs(t, err, &bad)
	require.EqualError(t, err, `cursor: expected printable ASCII without blanks at its ends for the metadata x-after, found "seq-é"`)
	assert.Empty(t, bad.Field)
	assert.Equal(t, "x-after", bad.Metadata)
}

func TestAMissingClaimOrCookieIsToldFromOtherMistakes(t *testing.T) {
	in := bind.Input{Variables: []string{"a"}}
	for _, tc := range []struct {
		ref     string
		missing bool
	}{{"claim.sub", true}, {"header.x-claim", false}, {"cookie.sub", true}, {"header.cookie", false}, {"query.claim.sub", false}} {
		spec := withMetadata("x-user", ref(tc.ref))
		spec.Set = []bind.Setting{{Field: "name", Value: ref(tc.ref)}}
		binder := compile[*streamv1.WatchRequest](t, spec)
		for _, bound := range []func() error{
			func() error { _, err := binder.Bind(in); return err },
			func() error { _, err := binder.Metadata(in); return err },
		} {
			var bad *bind.Error
			require.ErrorAs(t, bound(), &bad)
			assert.Equal(t, tc.missing, bad.MissingCredential, tc.ref)
			assert.Equal(t, tc.ref, bad.Parameter)
		}
	}
}

func TestCompileProblemsOfMetadata(t *testing.T) {
	for want, spec := range map[string]bind.Spec{
		`metadata.set.x-a: expected printable ASCII without blanks at its ends, found "é"`:                                                       withMetadata("x-a", text("é")),
		`metadata.set.x-a: expected printable ASCII without blanks at its ends, found "\n"`:                                                      withMetadata("x-a", refOr("query.q", "\n")),
		`metadata.set.x-a: expected printable ASCII without blanks at its ends, found a blank at an end`:                                         withMetadata("x-a", text("a ")),
		`metadata.set.x-b: expected printable ASCII without blanks at its ends, found a blank at an end`:                                         withMetadata("x-b", refOr("query.q", " ")),
		`metadata.set.x-a-bin: expected base64, found "a b"`:                                                                                     withMetadata("x-a-bin", text("a b")),
		`metadata.set.x-a-bin: expected base64 or one reference, found text and references mixed`:                                                withMetadata("x-a-bin", bind.Value{{Text: "YQ"}, {Ref: "query.q"}}),
		`metadata.set.x-a: the reference ${path.id} needs a variable {id} in the path, which has none`:                                           withMetadata("x-a", ref("path.id")),
		"metadata.set.x-a: unknown reference ${env.x}: expected last_event_id, or path, query, header, cookie or claim with a name behind a dot": withMetadata("x-a", ref("env.x")),
	} {
		binder, problems := bind.Compile(descriptor[*streamv1.WatchRequest](), spec)
		require.Len(t, problems, 1, want)
		assert.Equal(t, want, problems[0].String())
		assert.Nil(t, binder)
	}
}
