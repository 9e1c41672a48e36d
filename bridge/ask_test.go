package bridge_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// sessionSite is a check of session cookies.
type sessionSite struct {
	*httptest.Server

	mu     sync.Mutex
	users  map[string]string // by the value of the cookie
	status int               // in place of the right one; 0 is none
	asked  int
	heard  []http.Header
}

func newSessionSite(t *testing.T) *sessionSite {
	t.Helper()
	s := &sessionSite{users: map[string]string{}}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.asked++
		s.heard = append(s.heard, r.Header.Clone())
		cookie, err := r.Cookie("session")
		switch {
		case s.status != 0:
			w.WriteHeader(s.status)
		case err != nil || s.users[cookie.Value] == "":
			w.WriteHeader(http.StatusUnauthorized)
		default:
			w.Header().Set("X-User-Id", s.users[cookie.Value])
		}
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *sessionSite) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

func (s *sessionSite) auth(again string) string {
	return "auth: {ask: {session: {url: \"" + s.URL + "/check\", forward: [cookie], claims: [x-user-id], again: " + again + "}}}\n"
}

func TestASiteDecidesAboutItsSessions(t *testing.T) {
	web, up := newSessionSite(t), &callRecorder{}
	web.users = map[string]string{"c1": "alice", "c2": "alice", "c3": "bob"}
	s := startServer(t, "127.0.0.1:0", up.watch)
	f, log := logged(t, s, routeFile(`auth: {ask: session}`, `share: {late_join: all}`, `metadata: {set: {x-user: "${claim.x-user-id}"}}`)+web.auth("off"))
	open := func(cookie string) *reader {
		r := eventSource(t.Context(), t, f.url+"/watch/x", "Cookie", "session="+cookie, "X-Other", "secret", "X-User-Id", "root")
		return newReader(do(t, clients(t)["HTTP1"], r))
	}
	for _, cookie := range []string{"c1", "c2", "c3"} {
		e, err := open(cookie).afterCursor()
		require.NoError(t, err)
		assert.Contains(t, e.data, "text")
	}
	s.requireStreams(t, 2) // the two sessions of alice share a stream
	assert.NotContains(t, up.seen(), "session=")
	assert.NotContains(t, up.seen(), "root")
	assert.NotContains(t, log.String(), "c1")
	for _, h := range web.heard {
		assert.Empty(t, h.Get("X-Other"))
		assert.Empty(t, h.Get("X-User-Id"))
		assert.Equal(t, "/watch/x", h.Get("X-Forwarded-Uri"))
	}
	for status, want := range map[int]string{
		401: `"status":"UNAUTHENTICATED"`, 403: `"status":"PERMISSION_DENIED"`, 302: `"status":"UNAVAILABLE"`, 500: `"status":"UNAVAILABLE"`,
		404: `"status":"UNAVAILABLE"`, 418: `"status":"UNAVAILABLE"`,
	} {
		web.set(func() { web.status = status })
		got := open("c1").all(t)
		require.Len(t, got, 1)
		assert.Contains(t, got[0].data, want, "%d", status)
		assert.Contains(t, got[0].data, `"reason":"auth"`)
		assert.Contains(t, got[0].data, fmt.Sprintf(`"retry":%v`, strings.Contains(want, "UNAVAILABLE")))
	}
	assert.Equal(t, "", strings.Join(linesWith(log.String(), "level=ERROR"), ""))
	assert.Len(t, linesWith(log.String(), "gives no answer"), 1, "one line, however many callers are turned away")
}

// A live stream ends once the site refuses its session, and stays while the site is down.
func TestARevokedSessionEndsItsStream(t *testing.T) {
	for name, tt := range map[string]struct {
		revoke func(*sessionSite)
		want   string
	}{
		"signed out":   {func(w *sessionSite) { delete(w.users, "c1") }, "UNAUTHENTICATED"},
		"locked":       {func(w *sessionSite) { w.status = 403 }, "PERMISSION_DENIED"},
		"another user": {func(w *sessionSite) { w.users["c1"] = "mallory" }, "UNAUTHENTICATED"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // it waits until the site is asked again
			web, up := newSessionSite(t), &callRecorder{}
			web.users["c1"] = "alice"
			s := startServer(t, "127.0.0.1:0", up.watch)
			f := startFront(t, s, routeFile(`auth: {ask: session}`)+web.auth("1s"))
			r := newReader(do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, f.url+"/watch/x", "Cookie", "session=c1")))
			_, err := r.next()
			require.NoError(t, err)
			web.set(func() { web.status, web.asked = 503, 0 })
			require.Eventually(t, func() bool { web.mu.Lock(); defer web.mu.Unlock(); return web.asked >= 2 }, patience, 10*time.Millisecond)
			s.requireStreams(t, 1)
			web.set(func() { web.status = 0; tt.revoke(web) })
			got := r.all(t)
			require.Len(t, got, 1)
			assert.Contains(t, got[0].data, `"status":"`+tt.want+`"`)
			assert.Contains(t, got[0].data, `"retry":true,"reason":"revoked"`)
			s.requireStreams(t, 0)
		})
	}
}
