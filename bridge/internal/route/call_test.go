package route

import (
	"context"
	"iter"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/metadata"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/internal/bind"
	"github.com/grpcsse/grpcsse/bridge/internal/request"
	"github.com/grpcsse/grpcsse/bridge/internal/source"
	streamv1 "github.com/grpcsse/grpcsse/gen/test/stream/v1"
)

// watch is a source without events.
func watch(context.Context, *streamv1.WatchRequest) iter.Seq2[*streamv1.Event, error] {
	return func(func(*streamv1.Event, error) bool) {}
}

// compile returns a route with that source.
func compile(t *testing.T, change func(*config.Route)) *Route {
	t.Helper()
	cfg := config.NewRoute("/watch")
	change(cfg)
	rt, problems := NewWithSource(cfg, nil, source.Func(watch), source.NewRunner(slog.New(slog.DiscardHandler)))
	require.Empty(t, problems)
	return rt
}

func TestWhatIsSentUpstreamOfARequest(t *testing.T) {
	const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	trace := http.Header{"Traceparent": {parent}, "Tracestate": {"a=b"}, "Cookie": {"secret"}}
	with := func(parents, states []string) http.Header {
		return http.Header{"Traceparent": parents, "Tracestate": states}
	}
	long := strings.Repeat("x", 250)
	forward := func(names ...string) func(*config.Route) {
		return func(c *config.Route) { c.Metadata.Forward = names }
	}
	for name, tt := range map[string]struct {
		change func(*config.Route)
		header http.Header
		want   metadata.MD
		bad    string // a part of the error
	}{
		"the trace": {func(*config.Route) {}, trace, metadata.MD{"traceparent": {parent}, "tracestate": {"a=b"}}, ""},
		"no trace of a shared stream": {
			func(c *config.Route) { c.Share = config.NewShare(config.LateJoin{Mode: config.LateJoinLatest}) }, trace, metadata.MD{}, "",
		},
		"a forwarded trace is sent once": {forward("traceparent"), trace, metadata.MD{"traceparent": {parent}, "tracestate": {"a=b"}}, ""},
		"a malformed trace": {
			func(*config.Route) {}, http.Header{"Traceparent": {"ä"}, "Tracestate": {"a=b"}}, metadata.MD{}, "",
		},
		"a trace of a later version": {
			func(*config.Route) {}, with([]string{"01" + parent[2:] + "-more"}, nil),
			metadata.MD{"traceparent": {"01" + parent[2:] + "-more"}}, "",
		},
		"a trace that is too long": {
			func(*config.Route) {}, with([]string{"01" + parent[2:] + "-" + long + long}, nil),
			metadata.MD{}, "",
		},
		"a trace of zeros": {
			func(*config.Route) {}, with([]string{"00-" + strings.Repeat("0", 32) + parent[35:]}, nil),
			metadata.MD{}, "",
		},
		"two traces": {
			func(*config.Route) {}, with([]string{parent, parent}, []string{"a=b"}),
			metadata.MD{}, "",
		},
		"a state without a trace": {func(*config.Route) {}, with(nil, []string{"a=b"}), metadata.MD{}, ""},
		"a malformed state": {
			func(*config.Route) {}, with([]string{parent}, []string{"=,;"}),
			metadata.MD{"traceparent": {parent}}, "",
		},
		"a state of several values": {
			func(*config.Route) {}, with([]string{parent}, []string{"a=b", "c=d"}),
			metadata.MD{"traceparent": {parent}, "tracestate": {"a=b,c=d"}}, "",
		},
		"a state that is too long": {
			func(*config.Route) {}, with([]string{parent}, []string{"a=" + long, "b=" + long, "c=" + long}),
			metadata.MD{"traceparent": {parent}}, "",
		},
		"a malformed trace that is forwarded": {
			forward("Traceparent", "tracestate"), with([]string{"00-1-2-03"}, []string{"a=b"}), metadata.MD{}, "",
		},
		"every value":                {forward("x-a"), http.Header{"X-A": {"1", "2"}, "X-B": {"3"}}, metadata.MD{"x-a": {"1", "2"}}, ""},
		"no empty value":             {forward("x-a"), http.Header{"X-A": {""}}, metadata.MD{}, ""},
		"a control":                  {forward("x-a"), http.Header{"X-A": {"a\tb"}}, nil, `header "x-a": expected printable ASCII without blanks at its ends`},
		"another control character":  {forward("x-a"), http.Header{"X-A": {"a\x7f"}}, nil, `header "x-a": expected printable ASCII without blanks at its ends`},
		"a blank before":             {forward("x-a"), http.Header{"X-A": {" a"}}, nil, `header "x-a": expected printable ASCII without blanks at its ends`},
		"a blank behind":             {forward("x-a"), http.Header{"X-A": {"a "}}, nil, `header "x-a": expected printable ASCII without blanks at its ends`},
		"no ASCII":                   {forward("x-a"), http.Header{"X-A": {"ä"}}, nil, `header "x-a": expected printable ASCII without blanks at its ends`},
		"all characters of ASCII":    {forward("x-a"), http.Header{"X-A": {"! ~"}}, metadata.MD{"x-a": {"! ~"}}, ""},
		"bytes":                      {forward("x-a-bin"), http.Header{"X-A-Bin": {"AP8"}}, metadata.MD{"x-a-bin": {"\x00\xff"}}, ""},
		"bytes, padded":              {forward("x-a-bin"), http.Header{"X-A-Bin": {"AP8="}}, metadata.MD{"x-a-bin": {"\x00\xff"}}, ""},
		"empty bytes":                {forward("x-a-bin"), http.Header{"X-A-Bin": {""}}, metadata.MD{"x-a-bin": {""}}, ""},
		"a value that is not base64": {forward("x-a-bin"), http.Header{"X-A-Bin": {"ä"}}, nil, `header "x-a-bin": expected base64`},
	} {
		t.Run(name, func(t *testing.T) {
			rt := compile(t, tt.change)
			call, err := rt.Bind(request.Head{Header: tt.header}, bind.Input{})
			if tt.bad != "" {
				require.ErrorContains(t, err, tt.bad)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, tt.want, call.Metadata)
		})
	}
}

func TestWhichResponseMetadataIsExposed(t *testing.T) {
	rt := compile(t, func(c *config.Route) { c.Metadata.Expose = []string{"x-a", "x-b-bin"} })
	h := http.Header{"X-A": {"own"}}
	rt.ExposeMetadata(h, metadata.MD{"x-a": {"1", "2"}, "x-b-bin": {"\x00\xff"}, "x-secret": {"3"}})
	assert.Equal(t, http.Header{"X-A": {"own", "1", "2"}, "X-B-Bin": {"AP8="}}, h)
}

// A preflight allows these headers. A stream that may be opened again keeps their values.
func TestTheHeadersThatARouteReads(t *testing.T) {
	r := config.NewRoute("/watch")
	r.Metadata.Forward = []string{"X-Forwarded", "Traceparent"}
	r.Request.Set = []config.Setting{
		{Field: "topic", Value: config.Template{{Text: "a"}, {Ref: "header.x-topic"}}},
		{Field: "labels", Value: config.Template{{Ref: "path.id"}}},
	}
	r.Metadata.Set = []config.MetadataSetting{
		{Name: "x-a", Value: config.Template{{Ref: "cookie.session"}, {Ref: "cookie.other"}}},
		{Name: "x-b", Value: config.Template{{Ref: "header.authorization"}}},
	}
	assert.Equal(t, []string{"authorization", "cookie", "traceparent", "tracestate", "x-forwarded", "x-topic"}, HeadersRead(r))
	assert.Equal(t, []string{"traceparent", "tracestate"}, HeadersRead(config.NewRoute("/watch")))
}

func TestStreamsAreSharedBetweenEqualCallsOfOneRouteOnly(t *testing.T) {
	change := func(c *config.Route) { c.Share = config.NewShare(config.LateJoin{Mode: config.LateJoinLatest}) }
	one, alike := compile(t, change), compile(t, change)
	key := one.ShareKey(&Call{[]byte("a"), metadata.MD{"x": {"1"}}})
	assert.Equal(t, key, one.ShareKey(&Call{[]byte("a"), metadata.MD{"x": {"1"}}}))
	assert.NotEqual(t, key, one.ShareKey(&Call{[]byte("b"), metadata.MD{"x": {"1"}}}))
	assert.NotEqual(t, key, one.ShareKey(&Call{[]byte("a"), metadata.MD{"x": {"2"}}}))
	assert.NotEqual(t, key, alike.ShareKey(&Call{[]byte("a"), metadata.MD{"x": {"1"}}}), "another route has another source")
}

func TestARouteWithASourceCallsNoUpstream(t *testing.T) {
	for name, change := range map[string]func(*config.Route){
		"a service": func(c *config.Route) { c.Service = "a.S" }, "a method": func(c *config.Route) { c.Method = "M" },
		"an upstream": func(c *config.Route) { c.Upstream = "a" },
	} {
		cfg := config.NewRoute("/watch")
		change(cfg)
		rt, problems := NewWithSource(cfg, nil, source.Func(watch), nil)
		assert.Nil(t, rt, name)
		require.NotEmpty(t, problems, name)
		assert.Contains(t, problems[len(problems)-1].Message, "calls no upstream", name)
	}
	cfg := config.NewRoute("/watch")
	cfg.Name = ""
	rt, problems := NewWithSource(cfg, nil, source.Func(watch), source.NewRunner(slog.New(slog.DiscardHandler)))
	require.Empty(t, problems)
	assert.Equal(t, "/watch", rt.Config.Name)
	assert.Empty(t, cfg.Name, "the caller's route is not changed")
}

func TestTheRetryDelayIsAtLeastThatOfTheRoute(t *testing.T) {
	rt := compile(t, func(c *config.Route) { c.Event.Retry = 20 * time.Second })
	assert.Equal(t, 20*time.Second, rt.RetryDelay())
	rt.Health.Failed()
	assert.Equal(t, 20*time.Second, rt.RetryDelay())
}

func TestTheUpstreamNameIsThatOfTheServingUpstream(t *testing.T) {
	r := config.NewRoute("/watch")
	assert.Empty(t, New(r, nil, "", "", nil).UpstreamName())
	r.Upstream = "asked"
	assert.Equal(t, "asked", New(r, nil, "", "", nil).UpstreamName())
	assert.Equal(t, "serving", New(r, nil, "", "serving", nil).UpstreamName())
}
