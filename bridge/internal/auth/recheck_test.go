package auth

import (
	"log/slog"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/internal/ending"
)

// A stream belongs to the claims with which it began. Once the endpoint says anything else of the caller, the stream ends, and
// the caller comes back as who it is now.
func TestAStreamEndsOnceItsCallerIsAnother(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(h http.Header) // of what the endpoint says later
		stays  bool
	}{
		"the same":          {func(http.Header) {}, true},
		"another header":    {func(h http.Header) { h.Set("X-Trace", "2") }, true},
		"another user":      {func(h http.Header) { h.Set("X-User-Id", "mallory") }, false},
		"another case":      {func(h http.Header) { h.Set("X-User-Id", "Alice") }, false},
		"another role":      {func(h http.Header) { h.Set("X-Role", "guest") }, false},
		"a role less":       {func(h http.Header) { h.Del("X-Role") }, false},
		"a role twice":      {func(h http.Header) { h.Add("X-Role", "admin") }, false},
		"a claim more":      {func(h http.Header) { h.Set("X-Plan", "gold") }, false},
		"an empty one more": {func(h http.Header) { h.Set("X-Plan", "") }, false},
		"no user":           {func(h http.Header) { h.Del("X-User-Id") }, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, live := &pipedSite{}, &tape{began: time.Now()}
				says := func(change func(http.Header)) http.HandlerFunc {
					return func(w http.ResponseWriter, _ *http.Request) {
						w.Header().Set("X-User-Id", "alice")
						w.Header().Set("X-Role", "editor")
						change(w.Header())
					}
				}
				p.set(says(func(http.Header) {}))
				r, stop := p.start(t, slog.New(slog.DiscardHandler))
				defer stop()
				r.rules.Load().endpoints["site"].cfg.Claims = []string{"x-user-id", "x-role", "x-plan"}
				caller, end := r.Authenticate(t.Context(), decided(), cookied("a"))
				require.Nil(t, end)
				vigil := r.Watch(caller, live)
				defer vigil.Stop()
				time.Sleep(time.Minute)
				synctest.Wait()
				require.Nil(t, live.end)
				p.set(says(tt.change))
				p.asked.Store(0)
				time.Sleep(time.Minute)
				synctest.Wait()
				require.Positive(t, p.asked.Load())
				require.Equal(t, tt.stays, live.end == nil)
				if live.end != nil {
					assert.Equal(t, ending.Unauthenticated, live.end.Code)
					assert.Equal(t, ending.ByRevoked, live.end.Reason)
					assert.True(t, live.end.Retry)
				}
			})
		})
	}
}

// Callers share an answer only where their questions are the very same. The parts of these questions are alike.
func TestDifferentQuestionsHaveDifferentDigests(t *testing.T) {
	seen := map[any]http.Header{}
	for _, question := range []http.Header{
		{}, {"": {}}, {"": {""}}, {"A": nil}, {"A": {""}}, {"A": {"", ""}}, {"A": {"b"}}, {"B": {"a"}},
		{"A": {"b", "c"}}, {"A": {"c", "b"}},
		{"A": {"bc"}}, {"Ab": {"c"}}, {"A": {"b c"}}, {"A": {"b,c"}},
		{"A": {"x", "b", "y"}}, {"A": {"x"}, "B": {"y"}}, {"A": {"x", "b"}, "Y": {}}, {"A": {}, "X": {"b", "y"}},
		{"A": {"x\x01b"}}, {"A": {"\x01x"}}, {"A": {"x\x00"}}, {"A": {"x", "\x00"}},
	} {
		digest := digestOf(question)
		assert.NotContains(t, seen, any(digest), "%v and %v", question, seen[digest])
		seen[digest] = question
		assert.Equal(t, digest, digestOf(question.Clone()))
	}
}
