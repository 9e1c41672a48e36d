package admin

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge"
	"github.com/grpcsse/grpcsse/bridge/config"
)

const (
	secret = "correct-horse-battery-staple"
	local  = "127.0.0.1:9091"
)

// fake is a bridge that counts what has an effect.
type fake struct {
	shed    []float64
	streams int
}

func (*fake) Routes() []bridge.RouteInfo {
	return []bridge.RouteInfo{{Name: "quotes", Path: "/quotes"}}
}
func (*fake) Upstreams() []bridge.UpstreamInfo { return nil }
func (*fake) Problems() config.Problems        { return nil }

func (f *fake) Shed(share float64, _ time.Duration) int {
	f.shed = append(f.shed, share)
	return 7
}

func (f *fake) Streams(after uint64) iter.Seq[bridge.StreamInfo] {
	return func(yield func(bridge.StreamInfo) bool) {
		for id := after + 1; id <= uint64(f.streams); id++ {
			if !yield(bridge.StreamInfo{ID: id, Route: fmt.Sprint("route", id%2), Shared: id%2 == 0, Key: "digest"}) {
				return
			}
		}
	}
}

// rig is a handler with a fake bridge behind it.
type rig struct {
	*Handler

	bridge  *fake
	reloads int
	state   Reloads
	err     error // of the next reload
	text    *bytes.Buffer
}

// newRig returns a handler for an address. It needs a token where token is not "".
func newRig(t *testing.T, listen, token string) *rig {
	t.Helper()
	r := &rig{bridge: &fake{}, text: &bytes.Buffer{}}
	s := Settings{
		Admin: config.Admin{Listen: listen}, Bridge: r.bridge, Config: func() *config.Config { return config.New() },
		Reload:  func(context.Context) error { r.reloads++; return r.err },
		Reloads: func() Reloads { return r.state },
		Log:     slog.New(slog.NewTextHandler(r.text, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	if token != "" {
		s.Admin.TokenFile = filepath.Join(t.TempDir(), "token")
		require.NoError(t, os.WriteFile(s.Admin.TokenFile, []byte(token+"\n"), 0o600))
	}
	h, err := New(s)
	require.NoError(t, err)
	r.Handler = h
	return r
}

// request is what a test changes of a request.
type request = func(*http.Request)

func with(name, value string) request { return func(r *http.Request) { r.Header.Add(name, value) } }
func host(name string) request        { return func(r *http.Request) { r.Host = name } }
func from(address string) request     { return func(r *http.Request) { r.RemoteAddr = address } }
func bearer(token string) request     { return with("Authorization", "Bearer "+token) }

func (r *rig) ask(method, target string, changes ...request) *httptest.ResponseRecorder {
	asked := httptest.NewRequest(method, target, nil)
	asked.Host, asked.RemoteAddr = local, "127.0.0.1:50000"
	for _, change := range changes {
		change(asked)
	}
	w := httptest.NewRecorder()
	r.ServeHTTP(w, asked)
	return w
}

// harmed reports whether a request had an effect.
func (r *rig) harmed() bool { return r.reloads > 0 || len(r.bridge.shed) > 0 }

// A page makes a name of its own resolve to this machine, so that its requests count as those of its own origin.
func TestDNSRebinding(t *testing.T) {
	for _, tt := range []struct {
		listen, host string
		served       bool
	}{
		{local, "127.0.0.1:9091", true}, {local, "localhost:9091", true}, {local, "LOCALHOST", true},
		{local, "[::1]:9091", true},
		{local, "a.localhost:9091", true}, {local, "localhost.:9091", true}, {local, "127.9.9.9", true},
		{local, "evil.example:9091", false}, {local, "evil.example", false}, {local, "", false},
		{local, "localhost.evil.example", false},
		{local, "127.0.0.1.evil.example", false}, {local, "notlocalhost", false}, {local, "10.0.0.1:9091", false},
		{"localhost:9091", "127.0.0.1:9091", true}, {"localhost:9091", "evil.example:9091", false},
		{"10.0.0.1:9091", "10.0.0.1:9091", true}, {"10.0.0.1:9091", "10.0.0.2:9091", false},
		{"10.0.0.1:9091", "evil.example", false},
		{"10.0.0.1:9091", "localhost:9091", true}, // kubectl port-forward
		{"admin.internal:9091", "admin.internal:9091", true}, {"admin.internal:9091", "evil.example", false},
		{":9091", "10.0.0.1:9091", true}, {":9091", "localhost:9091", true}, {":9091", "evil.example", false},
		{"0.0.0.0:9091", "evil.example", false}, {"[::]:9091", "[fd00::1]:9091", true}, {"[::]:9091", "evil.example", false},
	} {
		r := newRig(t, tt.listen, secret)
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			w := r.ask(method, "/-/reload", host(tt.host), bearer(secret), with(Header, "1"))
			assert.Equal(t, tt.served, w.Code != http.StatusMisdirectedRequest, "%s for %q on %s", method, tt.host, tt.listen)
		}
	}
	named := newHosts(":9091", "Pod-0")
	assert.True(t, named.serve("pod-0:9091"))
	assert.False(t, named.serve("pod-0.evil.example:9091"), "anybody can have a domain with this name in it")
	assert.False(t, named.serve("pod-0x:9091"))
	assert.False(t, newHosts(":9091", "").serve("evil.example"))
}

// A page of another origin sends requests to the port: with a form, an image, or a script.
func TestRequestsOfOtherOrigins(t *testing.T) {
	for name, change := range map[string]request{
		"a form of another site":        with("Sec-Fetch-Site", "cross-site"),
		"another port of localhost":     with("Sec-Fetch-Site", "same-site"),
		"a word of a later browser":     with("Sec-Fetch-Site", "other"),
		"an origin":                     with("Origin", "https://evil.example"),
		"another port":                  with("Origin", "http://127.0.0.1:3000"),
		"another scheme":                with("Origin", "https://127.0.0.1:9091"),
		"a file or a sandbox":           with("Origin", "null"),
		"an empty origin":               with("Origin", ""),
		"two origins":                   func(r *http.Request) { r.Header["Origin"] = []string{"http://" + local, "http://evil.example"} },
		"two sites":                     func(r *http.Request) { r.Header["Sec-Fetch-Site"] = []string{"same-origin", "cross-site"} },
		"a name like the listener's":    with("Origin", "http://127.0.0.1:9091.evil.example"),
		"a user like the listener name": with("Origin", "http://127.0.0.1:9091@evil.example"),
	} {
		r := newRig(t, local, "")
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodOptions, http.MethodHead} {
			for _, target := range []string{"/", "/config", "/-/reload", "/-/shed?share=1", "/debug/pprof/heap"} {
				w := r.ask(method, target, change, with(Header, "1"))
				assert.Equal(t, http.StatusForbidden, w.Code, "%s: %s %s", name, method, target)
				assert.Empty(t, w.Header().Get("Access-Control-Allow-Origin"))
			}
		}
		assert.False(t, r.harmed(), name)
	}
	r := newRig(t, local, "")
	for _, own := range []request{
		with("Origin", "http://"+local), with("Sec-Fetch-Site", "same-origin"), with("Sec-Fetch-Site", "none"),
	} {
		assert.Equal(t, http.StatusOK, r.ask(http.MethodPost, "/-/reload", own, with(Header, "1")).Code)
	}
}

// A form needs no script and no preflight. It cannot send the header that a request with an effect needs.
func TestAFormHasNoEffect(t *testing.T) {
	r := newRig(t, local, "")
	for _, change := range []request{
		func(*http.Request) {}, with(Header, ""), with(Header, "0"), with(Header, "1, 1"),
		func(r *http.Request) { r.Header[Header] = []string{"1", "1"} },
		func(r *http.Request) { r.URL.RawQuery += "&" + Header + "=1" },
		with("X-Http-Method-Override", "GET"),
	} {
		for _, target := range []string{"/-/reload", "/-/shed?share=1"} {
			assert.Equal(t, http.StatusForbidden, r.ask(http.MethodPost, target, change).Code)
		}
	}
	assert.False(t, r.harmed())
}

// No request has an effect because a browser follows a link, loads an image, or fetches a link ahead.
func TestAGETHasNoEffect(t *testing.T) {
	r := newRig(t, local, "")
	for _, method := range []string{"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "GEt"} {
		for _, target := range []string{"/-/reload", "/-/shed?share=1"} {
			w := r.ask(method, target, with(Header, "1"), with("X-Http-Method-Override", "POST"))
			assert.Equal(t, http.StatusMethodNotAllowed, w.Code, "%s %s", method, target)
		}
	}
	assert.False(t, r.harmed())
}

// Every path needs the token, also those that do not exist, and on every kind of address.
func TestNothingIsAnsweredWithoutTheToken(t *testing.T) {
	for name, change := range map[string]request{
		"none":                  func(*http.Request) {},
		"in the query":          func(r *http.Request) { r.URL.RawQuery = "token=" + secret + "&access_token=" + secret },
		"in a cookie":           with("Cookie", "token="+secret),
		"another":               bearer("wrong"),
		"empty":                 bearer(""),
		"a beginning":           bearer(secret[:len(secret)-1]),
		"more":                  bearer(secret + "x"),
		"in other letters":      bearer(strings.ToUpper(secret)),
		"another scheme":        with("Authorization", "Basic "+secret),
		"no scheme":             with("Authorization", secret),
		"twice":                 func(r *http.Request) { r.Header["Authorization"] = []string{"Bearer " + secret, "Bearer " + secret} },
		"as the password":       func(r *http.Request) { r.SetBasicAuth("admin", secret) },
		"of a proxy":            with("Proxy-Authorization", "Bearer "+secret),
		"in the address":        func(r *http.Request) { r.Host = secret + "@127.0.0.1:9091" },
		"the file of the token": bearer("token\n"),
	} {
		for _, listen := range []string{local, ":9091"} {
			r := newRig(t, listen, secret)
			for _, target := range []string{"/", "/routes", "/config", "/streams", "/cluster", "/openapi.json", "/debug/pprof/heap", "/absent", "/-/reload"} {
				asked := r.ask(http.MethodGet, target, change)
				assert.Contains(t, []int{401, 421, 429}, asked.Code, "%s: %s", name, target)
				asked = r.ask(http.MethodPost, target, change, with(Header, "1"))
				assert.Contains(t, []int{401, 421, 429}, asked.Code, "%s: %s", name, target)
				assert.NotContains(t, asked.Body.String(), secret)
			}
			assert.False(t, r.harmed(), name)
			assert.NotContains(t, r.text.String(), secret, "the log")
		}
	}
	r := newRig(t, ":9091", secret)
	w := r.ask(http.MethodGet, "/routes")
	assert.Equal(t, `Bearer realm="grpcsse admin"`, w.Header().Get("WWW-Authenticate"))
	for _, right := range []string{"Bearer " + secret, "bearer  " + secret} {
		assert.Equal(t, http.StatusOK, r.ask(http.MethodGet, "/routes", with("Authorization", right)).Code)
	}
}

// Many guesses from one address are not compared any more. Another address is not affected, and the log has few lines.
func TestATokenCannotBeGuessed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, ":9091", secret)
		attacker, operator := from("203.0.113.7:1"), from("198.51.100.1:1")
		for range mostTries {
			require.Equal(t, http.StatusUnauthorized, r.ask(http.MethodGet, "/routes", bearer("guess"), attacker).Code)
		}
		for range 1000 {
			w := r.ask(http.MethodGet, "/routes", bearer("guess"), attacker)
			require.Equal(t, http.StatusTooManyRequests, w.Code)
			require.Equal(t, "10", w.Header().Get("Retry-After"))
		}
		assert.Equal(t, http.StatusTooManyRequests, r.ask(http.MethodGet, "/routes", bearer(secret), attacker).Code,
			"a right guess is not told apart")
		assert.Equal(t, http.StatusOK, r.ask(http.MethodGet, "/routes", bearer(secret), operator).Code)
		w := r.ask(http.MethodGet, "/routes", attacker)
		assert.Equal(t, http.StatusUnauthorized, w.Code, "a request without a token is no try")
		assert.Equal(t, 1, strings.Count(r.text.String(), "wrong token"), r.text)

		time.Sleep(tryEvery)
		assert.Equal(t, http.StatusUnauthorized, r.ask(http.MethodGet, "/routes", bearer("guess"), attacker).Code)
		assert.Equal(t, http.StatusTooManyRequests, r.ask(http.MethodGet, "/routes", bearer("guess"), attacker).Code)
		time.Sleep(sayEvery + mostTries*tryEvery)
		assert.Equal(t, http.StatusOK, r.ask(http.MethodGet, "/routes", bearer(secret), attacker).Code)
		r.ask(http.MethodGet, "/routes", bearer("guess"), attacker)
		assert.Equal(t, 2, strings.Count(r.text.String(), "wrong token"), r.text)
		assert.NotContains(t, r.text.String(), "guess")
	})
}

// One machine has 2^64 addresses of IPv6. They count as one, and the memory for clients is bounded.
func TestGuessesFromManyAddresses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, ":9091", secret)
		refused := 0
		for i := range 100 {
			w := r.ask(http.MethodGet, "/routes", bearer("guess"), from(fmt.Sprintf("[2001:db8:0:1::%x]:1", i+1)))
			if w.Code == http.StatusTooManyRequests {
				refused++
			}
		}
		assert.Equal(t, 100-mostTries, refused)
		for i := range 5 * mostClients {
			r.ask(http.MethodGet, "/routes", bearer("guess"), from(fmt.Sprintf("10.%d.%d.1:1", i/256, i%256)))
		}
		assert.LessOrEqual(t, len(r.guard.tries.clients), mostClients+1)
		time.Sleep(time.Hour * 24)
		r.ask(http.MethodGet, "/routes", bearer("guess"), from("192.0.2.1:1"))
		assert.LessOrEqual(t, len(r.guard.tries.clients), 1, "clients are forgotten")
	})
}

// A page that embeds the listener's pages, or a cache between the two, gets nothing.
func TestEveryAnswerIsPrivate(t *testing.T) {
	r := newRig(t, local, secret)
	for _, target := range []string{
		"/", "/routes", "/config", "/streams", "/cluster", "/openapi.json", "/absent", "/debug/pprof/", "/debug/pprof/cmdline", "//routes",
	} {
		for _, changes := range [][]request{{bearer(secret)}, {}, {with("Origin", "null")}, {host("evil.example")}} {
			h := r.ask(http.MethodGet, target, changes...).Header()
			assert.Equal(t, "no-store", h.Get("Cache-Control"), target)
			assert.Equal(t, "nosniff", h.Get("X-Content-Type-Options"), target)
			assert.Contains(t, h.Get("Content-Security-Policy"), "frame-ancestors 'none'", target)
			assert.Equal(t, "same-origin", h.Get("Cross-Origin-Resource-Policy"), target)
			assert.Equal(t, "DENY", h.Get("X-Frame-Options"), target)
		}
	}
}
