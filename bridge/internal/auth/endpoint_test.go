package auth

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/request"
)

// pipedSite is an endpoint in memory. It counts its questions.
type pipedSite struct {
	asked, open, most atomic.Int64

	behave atomic.Pointer[http.HandlerFunc]
}

func (p *pipedSite) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.asked.Add(1)
	now := p.open.Add(1)
	defer p.open.Add(-1)
	for most := p.most.Load(); now > most && !p.most.CompareAndSwap(most, now); {
		most = p.most.Load()
	}
	(*p.behave.Load())(w, r)
}

func (p *pipedSite) set(h http.HandlerFunc) { p.behave.Store(&h) }

// signedIn says that every caller is alice.
func signedIn(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X-User-Id", "alice") }

// start returns a room with the endpoint, which is asked again about live streams every ten seconds.
func (p *pipedSite) start(t *testing.T, log *slog.Logger) (r *Room, stop func()) {
	t.Helper()
	way, closeServer := servePipes(t, p, func() *http.Transport { return newTransport(askTurns) })
	r = roomWithWarning(t.Context(), 0)
	r.log = log
	built, _, problems := r.build(&config.Auth{Ask: []*config.Ask{{
		Name: "site", URL: "http://site.example/check?key=" + askSecret, Forward: []string{"cookie"}, Claims: []string{"x-user-id"},
		Again: 10 * time.Second,
	}}}, &rules{})
	require.Empty(t, problems)
	built.endpoints["site"].client.Transport = way
	r.rules.Store(built)
	return r, func() {
		r.Wait()
		closeServer()
	}
}

// askSecret stands in the address of the endpoint, as a secret of the environment may.
const askSecret = "S3CRET-OF-THE-ADDRESS"

// decided is a route with `auth: {ask: site}`.
func decided() *config.Route {
	r := config.NewRoute("/quotes")
	r.Auth = &config.RouteAuth{Ask: "site"}
	return r
}

func cookied(value string) *request.Request { return requestWith("", "Cookie", "session="+value) }

// Whatever the endpoint does, an open takes a few seconds at most and is turned away, and live streams go on.
func TestAnEndpointThatIsSlowOrLies(t *testing.T) {
	for name, behave := range bad() {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, log, live := &pipedSite{}, lockedText{}, &tape{began: time.Now()}
				p.set(signedIn)
				r, stop := p.start(t, slog.New(slog.NewTextHandler(&log, nil)))
				defer stop()
				caller, end := r.Authenticate(t.Context(), decided(), cookied("a"))
				require.Nil(t, end)
				vigil := r.Watch(caller, live)
				defer vigil.Stop()

				p.set(behave)
				p.asked.Store(0)
				callers := 8
				if name == "silent" {
					callers = 3 * askTurns // so that the last ones wait for their turn
				}
				var opens sync.WaitGroup
				for i := range callers {
					at := time.Now()
					opens.Go(func() {
						_, end := r.Authenticate(t.Context(), decided(), cookied(fmt.Sprint(i)))
						assert.Equal(t, ending.Unavailable, end.Code)
						assert.Equal(t, ending.ByAuth, end.Reason)
						assert.True(t, end.Retry)
						assert.LessOrEqual(t, time.Since(at), askTimeout)
					})
				}
				opens.Wait()
				time.Sleep(time.Minute)
				assert.LessOrEqual(t, p.most.Load(), int64(2*askTurns))
				assert.LessOrEqual(t, p.asked.Load(), int64(callers+12), "redirects are not followed")
				assert.Nil(t, live.end)
				for _, secret := range []string{"secret of the provider", askSecret, "session="} {
					assert.NotContains(t, log.String(), secret)
				}
				assert.Equal(t, 1, strings.Count(log.String(), "gives no answer"))
				p.set(signedIn)
				time.Sleep(time.Minute)
				_, end = r.Authenticate(t.Context(), decided(), cookied("b"))
				assert.Nil(t, end)
				assert.Nil(t, live.end)
			})
		})
	}
}

// The head of an answer decides. Its body delays no one, however long it takes.
func TestTheBodyOfAnAnswerDelaysNoOne(t *testing.T) {
	for name, behave := range badBodies() {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &pipedSite{}
				p.set(behave)
				r, stop := p.start(t, slog.New(slog.DiscardHandler))
				defer stop()
				at := time.Now()
				caller, end := r.Authenticate(t.Context(), decided(), cookied("a"))
				require.Nil(t, end)
				assert.LessOrEqual(t, time.Since(at), drainTime)
				text, ok := caller.Claims.Claim("x-user-id")
				assert.True(t, ok)
				assert.Equal(t, "alice", text)
			})
		})
	}
}

// Callers that send the very same at the same time share one question, also where the first of them leaves. An answer that is
// there is not kept.
func TestCallersWithTheSameCredentialsShareAQuestion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, answer := &pipedSite{}, make(chan struct{})
		p.set(func(w http.ResponseWriter, r *http.Request) {
			<-answer
			signedIn(w, r)
		})
		r, stop := p.start(t, slog.New(slog.DiscardHandler))
		defer stop()
		first, leave := context.WithCancel(t.Context())
		var opens sync.WaitGroup
		opens.Go(func() {
			_, end := r.Authenticate(first, decided(), cookied("a"))
			assert.Equal(t, ending.Unavailable, end.Code)
		})
		synctest.Wait()
		for range 100 {
			opens.Go(func() {
				_, end := r.Authenticate(t.Context(), decided(), cookied("a"))
				assert.Nil(t, end)
			})
		}
		others := []*request.Request{
			cookied("b"), cookied("A"), cookied(""), requestWith("x=1", "Cookie", "session=a"), requestWith("", "Cookie", "session=a; "),
			requestWith("", "Cookie", "session=a", "Cookie", "session=a"), requestWith(""),
		}
		host := cookied("a")
		host.HTTP.Host = "other"
		host = request.New(host.HTTP) // which reads the host
		for _, req := range append(others, host) {
			opens.Go(func() {
				_, end := r.Authenticate(t.Context(), decided(), req)
				assert.Nil(t, end)
			})
		}
		synctest.Wait()
		leave()
		synctest.Wait()
		assert.EqualValues(t, 1+len(others)+1, p.asked.Load())
		close(answer)
		opens.Wait()
		_, end := r.Authenticate(t.Context(), decided(), cookied("a"))
		assert.Nil(t, end)
		assert.EqualValues(t, 1+len(others)+2, p.asked.Load(), "an answer is no longer true later")
	})
}

// However many callers come, few questions are open at the endpoint, and a bounded number of callers waits.
func TestQuestionsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pipedSite{}
		p.set(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		r, stop := p.start(t, slog.New(slog.DiscardHandler))
		defer stop()
		var atOnce, late atomic.Int64
		var opens sync.WaitGroup
		began := time.Now()
		r.rules.Load().endpoints["site"].waiting = 200
		for i := range 200 + 300 {
			opens.Go(func() {
				_, end := r.Authenticate(t.Context(), decided(), cookied(fmt.Sprint(i)))
				assert.Equal(t, ending.Unavailable, end.Code)
				if time.Since(began) == 0 {
					atOnce.Add(1)
				} else {
					late.Add(1)
				}
			})
		}
		// Once the questions run out of time, a turn is free a moment before the site notices that its caller has left. So the site
		// counts before that.
		synctest.Wait()
		assert.EqualValues(t, askTurns, p.open.Load())
		assert.EqualValues(t, askTurns, p.most.Load())
		opens.Wait()
		assert.EqualValues(t, 300, atOnce.Load())
		assert.EqualValues(t, 200, late.Load())
		p.set(signedIn)
		_, end := r.Authenticate(t.Context(), decided(), cookied("a"))
		assert.Nil(t, end)
	})
}

// New callers and live streams do not take each other's turns.
func TestLiveStreamsAreAskedAboutWhileCallersWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, live := &pipedSite{}, &tape{began: time.Now()}
		p.set(signedIn)
		r, stop := p.start(t, slog.New(slog.DiscardHandler))
		defer stop()
		caller, end := r.Authenticate(t.Context(), decided(), cookied("gone"))
		require.Nil(t, end)
		vigil := r.Watch(caller, live)
		defer vigil.Stop()
		p.set(func(w http.ResponseWriter, r *http.Request) {
			if strings.Contains(r.Header.Get("Cookie"), "gone") {
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			<-r.Context().Done()
		})
		flooded, leave := context.WithCancel(t.Context())
		var flood sync.WaitGroup
		for i := range 300 {
			flood.Go(func() {
				for flooded.Err() == nil {
					_, _ = r.Authenticate(flooded, decided(), cookied(fmt.Sprint(i)))
				}
			})
		}
		time.Sleep(11 * time.Second)
		leave()
		flood.Wait()
		require.NotNil(t, live.end)
		assert.Equal(t, ending.ByRevoked, live.end.Reason)
		assert.Less(t, live.over, 10*time.Second, "the callers hold all of their turns until then")
	})
}

// A header of an answer becomes a claim only where the answer has it once and as HTTP allows it.
func TestHeadersOfAnAnswer(t *testing.T) {
	for name, tt := range map[string]struct {
		head    string
		refused bool   // the answer is no answer
		want    string // "" for no claim
	}{
		"a name":              {head: "X-User-Id: alice", want: "alice"},
		"in another case":     {head: "x-UsEr-iD: alice", want: "alice"},
		"blanks around":       {head: "X-User-Id: \t alice \t", want: "alice"},
		"a bare line feed":    {head: "X-User-Id: alice\nX-Role: admin", want: "alice"}, // the end of a line (RFC 9112, 2.2)
		"a bare return":       {head: "X-User-Id: alice\rX-Role: admin", refused: true},
		"NUL":                 {head: "X-User-Id: al\x00ice", refused: true},
		"DEL":                 {head: "X-User-Id: al\x7fice", refused: true},
		"twice":               {head: "X-User-Id: alice\r\nX-User-Id: root"},
		"twice, another case": {head: "X-User-Id: alice\r\nx-user-id: root"},
		"a folded line":       {head: "X-User-Id: alice\r\n root", want: "alice root"},
		"empty":               {head: "X-User-Id:"},
		"a blank in the name": {head: "X-User-Id : alice"},
		"UTF-8":               {head: "X-User-Id: J\u00fcrgen", want: "J\u00fcrgen"},
		"another header":      {head: "X-User-Id-2: alice"},
		"very long":           {head: "X-User-Id: " + strings.Repeat("x", 60<<10), want: strings.Repeat("x", 60<<10)},
		"too long":            {head: "X-User-Id: " + strings.Repeat("x", 70<<10), refused: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &pipedSite{}
				p.set(func(w http.ResponseWriter, _ *http.Request) {
					conn, _, err := w.(http.Hijacker).Hijack()
					if err == nil {
						_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\n"+tt.head+"\r\nContent-Length: 0\r\n\r\n")
						_ = conn.Close()
					}
				})
				r, stop := p.start(t, slog.New(slog.DiscardHandler))
				defer stop()
				caller, end := r.Authenticate(t.Context(), decided(), cookied("a"))
				if tt.refused {
					require.NotNil(t, end)
					assert.Equal(t, ending.Unavailable, end.Code)
					return
				}
				require.Nil(t, end)
				text, _ := caller.Claims.Claim("x-user-id")
				assert.Equal(t, tt.want, text)
				assert.Equal(t, tt.want != "", caller.Subject != "")
				role, ok := caller.Claims.Claim("x-role")
				assert.False(t, ok, "%q is not in `claims`", role)
			})
		})
	}
}

// The endpoint gets the headers that the configuration lists as the caller has sent them, and none that the caller made up
// about the request, also where the configuration lists them.
func TestWhatAnEndpointGets(t *testing.T) {
	for name, listed := range map[string][]string{
		"the cookie":                {"cookie"},
		"what is about the request": {"cookie", "x-forwarded-uri", "X-Forwarded-Host", "x-forwarded-method"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, heard := &pipedSite{}, http.Header{}
				p.set(func(w http.ResponseWriter, r *http.Request) {
					heard = r.Header.Clone()
					signedIn(w, r)
				})
				r, stop := p.start(t, slog.New(slog.DiscardHandler))
				defer stop()
				r.rules.Load().endpoints["site"].cfg.Forward = listed
				_, end := r.Authenticate(t.Context(), decided(), requestWith("a=b%0d%0aX-Evil:1&c=\u00fc", "Cookie", "a=1", "Cookie", "b=2",
					"X-Forwarded-Uri", "/admin", "x-forwarded-host", "evil", "X-Forwarded-Method", "POST", "X-User-Id", "root", "Host", "evil",
					"Authorization", "Bearer x"))
				require.Nil(t, end)
				for _, name := range []string{"User-Agent", "Accept-Encoding"} {
					heard.Del(name) // those of the HTTP client
				}
				assert.Equal(t, http.Header{
					"Cookie": {"a=1", "b=2"}, "X-Forwarded-Method": {"GET"}, "X-Forwarded-Host": {"bridge"},
					"X-Forwarded-Uri": {"/quotes?a=b%0d%0aX-Evil:1&c=\u00fc"},
				}, heard)
			})
		})
	}
}

// Behind a trusted proxy that rewrites Host, the endpoint is told of the host that the browser asked for.
func TestAnEndpointIsToldTheHostThatTheBrowserAskedFor(t *testing.T) {
	trusted := request.NewProxies([]string{"192.0.2.0/24"})
	for name, tt := range map[string]struct{ remote, forwarded, want string }{
		"a trusted proxy that says": {"192.0.2.1:1", "app.example:8443", "app.example:8443"},
		"a trusted proxy, silent":   {"192.0.2.1:1", "", "bridge"},
		"a client that is no proxy": {"198.51.100.1:1", "evil.example", "bridge"},
	} {
		r := httptest.NewRequest(http.MethodGet, "http://bridge/quotes", nil)
		r.RemoteAddr = tt.remote
		if tt.forwarded != "" {
			r.Header.Set("X-Forwarded-Host", tt.forwarded)
		}
		assert.Equal(t, tt.want, aboutRequest(request.NewBehind(trusted, r)).Get("X-Forwarded-Host"), name)
	}
}
