package bridge_test

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"pgregory.net/rapid"

	"github.com/grpcsse/grpcsse/bridge"
	"github.com/grpcsse/grpcsse/bridge/config"
	streamv1 "github.com/grpcsse/grpcsse/gen/test/stream/v1"
)

// reloadChecks is how many sequences of reloads are tried where -rapid.checks is not given.
const reloadChecks = "4"

// A bridge that has seen any reloads behaves as a new bridge with the last configuration that it has taken over, and keeps
// nothing more. -rapid.checks=N tries N sequences.
func TestABridgeAfterReloadsIsLikeANewOne(t *testing.T) {
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "rapid.checks" })
	if f := flag.Lookup("rapid.checks"); !given && f != nil {
		before := f.Value.String()
		require.NoError(t, f.Value.Set(reloadChecks))
		defer func() { require.NoError(t, f.Value.Set(before)) }()
	}
	l := newLikeness(t)
	rapid.Check(t, func(rt *rapid.T) {
		first := l.drawFile(rt)
		last := first
		steps := make([]reloadStep, rapid.IntRange(1, 5).Draw(rt, "reloads"))
		for i := range steps {
			steps[i] = reloadStep{held: rapid.SliceOfDistinct(rapid.SampledFrom(probePaths()), rapid.ID).Draw(rt, "held")}
			switch rapid.SampledFrom([]string{"valid", "valid", "invalid", "equal"}).Draw(rt, "kind") {
			case "valid":
				last = l.drawFile(rt)
				steps[i].text = last
			case "invalid":
				steps[i].text = spoil(rt, l.drawFile(rt))
				steps[i].refused = true
			case "equal":
				steps[i].text = last
			}
		}
		want := l.behaviourOf(rt, last, nil)
		got := l.behaviourOf(rt, first, steps)
		require.Equal(rt, want.routes, got.routes)
		require.Equal(rt, want.upstreams, got.upstreams)
		for i := range want.answers {
			require.Equal(rt, want.answers[i], got.answers[i], "%s\nafter\n%s", last, first)
		}
	})
}

// reloadStep is one reload.
type reloadStep struct {
	held    []string // paths at which a stream is opened before the reload
	text    string
	refused bool
}

// likeness compares bridges in front of two servers.
type likeness struct {
	t       *testing.T
	servers [2]*server
	conns   [2]*connectionCount
	issuer  *issuer
	token   string

	goroutines int // of a new bridge
}

func newLikeness(t *testing.T) *likeness {
	l := &likeness{t: t, issuer: newIssuer(t)}
	l.token = l.issuer.token(t, time.Hour, map[string]any{"sub": "me", "role": "admin"})
	for i := range l.servers {
		name := fmt.Sprint("server ", i)
		l.servers[i], l.conns[i] = startConnected(t, func(r *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
			md, _ := metadata.FromIncomingContext(stream.Context())
			text := fmt.Sprint(name, r.GetTopic(), md.Get("x-tenant"), md.Get("x-route"), md.Get("accept-language"))
			if err := stream.Send(&streamv1.Event{Sequence: r.GetAfterSequence() + 1, Text: text}); err != nil {
				return err
			}
			if r.GetTopic() == "hold" {
				<-stream.Context().Done()
			}
			return nil
		})
	}
	return l
}

func probePaths() []string { return []string{"/a", "/b", "/c", "/x/one", "/x/two"} }

// drawFile draws a configuration without a mistake.
func (l *likeness) drawFile(rt *rapid.T) string {
	pick := func(name string, of ...string) string { return rapid.SampledFrom(of).Draw(rt, name) }
	b := &strings.Builder{}
	server := "server: {drain_timeout: 1ms, limits: {" + pick("streams", "", "streams: 2", "streams: 3") + "}" +
		pick("hosts", "", ", hosts: [app.example.com]") + pick("proxies", "", ", trusted_proxies: [192.0.2.0/24]") + "}\n"
	server = strings.Replace(server, "limits: {", "limits: {"+pick("per client", "", "streams_per_client: 1, ", "streams_per_client: 2, ")+
		pick("per subject", "", "streams_per_subject: 1, ")+pick("bytes", "", "request_bytes: 1KiB, "), 1)
	b.WriteString(strings.ReplaceAll(server, ", }", "}"))
	b.WriteString("upstreams:\n")
	for i, s := range l.servers {
		fmt.Fprintf(b, "  u%d: {target: '%s'%s%s}\n", i, s.addr, pick("tenant", "", ", metadata: {x-tenant: acme}"),
			pick("upstream limit", "", ", max_message_bytes: 1MiB", ", connections: 2"))
	}
	if rapid.Bool().Draw(rt, "spare") {
		fmt.Fprintf(b, "  spare: {target: '%s'}\n", l.servers[0].addr)
	}
	fmt.Fprintf(b, "defaults: {open_wait: 10s%s%s}\n", pick("emit", "", ", json: {emit_defaults: false}"),
		pick("language", "", ", metadata: {forward: [accept-language]}"))
	named := pick("named", "", "/a", "/b")
	b.WriteString("routes:\n")
	for _, path := range []string{"/a", "/b", "/c", "/x/{topic}"} {
		if !rapid.Bool().Draw(rt, path) && path != "/a" {
			continue
		}
		fmt.Fprintf(b, "  - {path: '%s', rpc: test.stream.v1.StreamService/Watch, upstream: %s", path, pick("upstream", "u0", "u1"))
		share := pick("share", "", "", ", share: {late_join: none, linger: 0s}", ", share: {late_join: latest, linger: 1ms}")
		b.WriteString(share)
		if share == "" {
			b.WriteString(pick("methods", "", ", methods: [GET, POST], body: '*'"))
		}
		b.WriteString(pick("cors", "", "", ", cors: {origins: ['https://app.example.com'], credentials: true}", ", cors: {origins: ['*']}"))
		b.WriteString(pick("auth", "", "", ", auth: {jwt: corp}", ", auth: {jwt: corp, require: {role: admin}}", ", auth: {jwt: corp, require: {role: other}}"))
		b.WriteString(pick("limits", "", "", ", limits: {streams: 1}", ", limits: {streams_per_client: 1}"))
		b.WriteString(pick("id", "", ", event: {id: sequence}", ", event: {name: text, data: text}"))
		b.WriteString(pick("end", "", ", on_end: reconnect"))
		if path == named {
			b.WriteString(", name: label")
		}
		b.WriteString("}\n")
	}
	b.WriteString("auth: {jwt: {corp: {jwks_file: '" + l.issuer.file + "', audience: " + pick("audience", "[web]", "[web, app]", "[app]") +
		pick("from", "", ", from: [header, 'query:t']") + "}}}\n")
	return b.String()
}

// spoil makes a mistake, each of which a reload notices at another place.
func spoil(rt *rapid.T, text string) string {
	const none = "/none/of/these"
	return rapid.SampledFrom([]func() string{
		func() string { return text + "nonsense: 1\n" },
		func() string { return "{" },
		func() string { return strings.Replace(text, "drain_timeout: 1ms", "drain_timeout: never", 1) },
		func() string { return strings.Replace(text, "  u1: {", "  u1: {tls: {ca_file: "+none+"}, ", 1) },
		func() string {
			return strings.Replace(text, "  u0: {", "  u0: {schema: {descriptor_set: "+none+"}, ", 1)
		},
		func() string {
			return regexp.MustCompile(`jwks_file: '[^']*'`).ReplaceAllString(text, "jwks_file: "+none)
		},
	}).Draw(rt, "mistake")()
}

// behaviour is what can be seen of a bridge.
type behaviour struct {
	routes, upstreams string
	answers           []string
}

// behaviourOf returns the behaviour of a bridge that was built with a configuration and has seen reloads. It expects that nothing
// but the bridge remains after them, and nothing after the bridge.
func (l *likeness) behaviourOf(rt *rapid.T, text string, steps []reloadStep) (is behaviour) {
	seen := &reloadResults{}
	b, err := bridge.New(l.t.Context(), l.parse(rt, text), bridge.WithObserver(seen))
	require.NoError(rt, err)
	require.NoError(rt, b.Ready(l.t.Context()))
	var held visitors
	for _, s := range steps {
		for _, path := range s.held {
			held.open(b, l.request(http.MethodGet, path+"?topic=hold"), routeLine(text, path))
		}
		cfg, err := read(l.t, s.text)
		if err == nil {
			err = b.Reload(l.t.Context(), cfg)
			assert.Equal(rt, err, seen.last())
		}
		require.Equal(rt, s.refused, err != nil, "%v", err)
		if err == nil {
			text = s.text
			held.requireEnd(rt, text)
		}
	}
	held.leave()
	l.requireIdle(rt)
	require.NoError(rt, b.Ready(l.t.Context()))
	for _, r := range b.Routes() {
		is.routes += fmt.Sprintln(r.Name, r.Methods, r.Path, r.RPC, r.Upstream, r.Source, r.Problem, r.Shared, r.UpstreamStreams, r.SharedStreams)
	}
	for _, u := range b.Upstreams() {
		is.upstreams += fmt.Sprintln(u.Name, u.Target, u.SchemaRead, u.Streams, u.Waiting)
	}
	is.answers = l.answers(rt, b)
	l.requireIdle(rt)
	l.requireNothingElse(rt, b, steps == nil)
	require.NoError(rt, b.Close())
	require.Zero(rt, goroutinesOfBridges(), "after the end")
	return is
}

func (l *likeness) parse(rt *rapid.T, text string) *config.Config {
	cfg, err := read(l.t, text)
	require.NoError(rt, err, text)
	return cfg
}

// requireIdle waits until no stream is open at the servers.
func (l *likeness) requireIdle(rt *rapid.T) {
	for _, s := range l.servers {
		require.Eventually(rt, func() bool { return s.open.Load() == 0 }, patience, time.Millisecond,
			"streams at a server: expected none, found %d", s.open.Load())
	}
}

// requireNothingElse expects that there are the connections of the upstreams and no others, and as many goroutines as a new
// bridge has. fresh says that the bridge is new.
func (l *likeness) requireNothingElse(rt *rapid.T, b *bridge.Bridge, fresh bool) {
	for i, s := range l.servers {
		want := 0
		for _, u := range b.Upstreams() {
			if u.Target == s.addr {
				want += u.Connections
			}
		}
		require.Eventually(rt, func() bool { return int(l.conns[i].open.Load()) == want }, patience, time.Millisecond,
			"connections to server %d: expected %d, found %d", i, want, l.conns[i].open.Load())
	}
	if fresh {
		l.goroutines = goroutinesOfBridges()
		for range 10 { // the least is what stays
			time.Sleep(time.Millisecond)
			l.goroutines = min(l.goroutines, goroutinesOfBridges())
		}
		return
	}
	require.Eventually(rt, func() bool { return goroutinesOfBridges() <= l.goroutines }, patience, time.Millisecond,
		"goroutines: expected %d, found %d", l.goroutines, goroutinesOfBridges())
}

// ofABridge matches what the stack of a goroutine has that was started by the library, and not by its tests.
var ofABridge = regexp.MustCompile(`created by github\.com/grpcsse/grpcsse/bridge(/internal/\w+)?\.`)

// goroutinesOfBridges returns how many goroutines the library has started that still run.
func goroutinesOfBridges() int {
	for size := 1 << 20; ; size *= 2 {
		stacks := make([]byte, size)
		if n := runtime.Stack(stacks, true); n < size {
			return len(ofABridge.FindAll(stacks[:n], -1))
		}
	}
}

// request returns a request of a browser at one address.
func (l *likeness) request(method, target string, header ...string) *http.Request {
	var body *strings.Reader
	if method == http.MethodPost {
		body = strings.NewReader(`{"topic": "` + strings.Repeat("in the body ", 100) + `"}`)
		header = append(header, "Content-Type", "application/json")
	} else {
		body = strings.NewReader("")
	}
	r := httptest.NewRequestWithContext(l.t.Context(), method, "http://app.example.com"+target, body)
	if method != http.MethodPost {
		r.Body, r.ContentLength = http.NoBody, 0
	}
	r.RemoteAddr = "192.0.2.1:4711"
	r.Header.Set("Accept", "text/event-stream")
	r.Header.Set("Authorization", "Bearer "+l.token)
	r.Header.Set("Accept-Language", "en")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	if host := r.Header.Get("Host"); host != "" {
		r.Host = host
	}
	return r
}

// answers asks all that a caller may ask, while no stream is open and while some are.
func (l *likeness) answers(rt *rapid.T, b *bridge.Bridge) (all []string) {
	ask := func(r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), patience)
		defer cancel()
		w := newVisitor()
		b.ServeHTTP(w, r.WithContext(ctx))
		require.NoError(rt, ctx.Err(), "%s %s was not answered", r.Method, r.URL)
		text := fmt.Sprintf("%s %s %v\n%s\n", r.Method, r.URL.RequestURI(), r.Header, w)
		all = append(all, strings.ReplaceAll(text, l.token, "TOKEN"))
	}
	for _, path := range append(probePaths(), "/x/", "/none") {
		for _, r := range []*http.Request{
			l.request(http.MethodGet, path),
			l.request(http.MethodGet, path, "Accept", "application/json", "Last-Event-ID", "7"),
			l.request(http.MethodGet, path, "Origin", "https://app.example.com", "Authorization", ""),
			l.request(http.MethodGet, path+"?t="+l.token+"&topic=query", "Authorization", "none"),
			l.request(http.MethodGet, path, "Host", "other.example.com"),
			l.request(http.MethodGet, path, "Origin", "https://other.example.com"),
			l.request(http.MethodHead, path),
			l.request(http.MethodOptions, path, "Origin", "https://app.example.com", "Access-Control-Request-Method", "GET"),
			l.request(http.MethodPost, path),
		} {
			ask(r)
		}
	}
	l.requireIdle(rt)
	var held visitors
	for _, path := range []string{"/a", "/x/hold"} {
		held.open(b, l.request(http.MethodGet, path+map[string]string{"/a": "?topic=hold"}[path]), "")
		for _, path := range probePaths() {
			ask(l.request(http.MethodGet, path))
			ask(l.request(http.MethodGet, path, "X-Forwarded-For", "203.0.113.1"))
		}
	}
	held.leave()
	l.requireIdle(rt)
	return all
}
