package auth

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
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
)

// A key that the provider has begun to use is fetched once, and serves at once.
func TestRotationOfKeys(t *testing.T) {
	first, second := ecSigner(t, "k1"), ecSigner(t, "k2")
	p := newProvider(t, first)
	r := newRoom(t, config.Auth{JWT: []*config.JWT{p.discovered()}})
	for range 50 {
		_, end := r.Authenticate(t.Context(), guarded(), bearing(first.sign(t, p.claimsFor("a"))))
		require.Nil(t, end)
	}
	assert.EqualValues(t, 1, p.fetches.Load(), "no request causes a fetch")
	p.serve(second)
	backdate(r)
	_, end := r.Authenticate(t.Context(), guarded(), bearing(second.sign(t, p.claimsFor("a"))))
	require.Nil(t, end)
	assert.EqualValues(t, 2, p.fetches.Load())
	assert.EqualValues(t, 1, p.discoveries.Load())
	_, end = r.Authenticate(t.Context(), guarded(), bearing(first.sign(t, p.claimsFor("a"))))
	require.NotNil(t, end, "a key that the provider has withdrawn verifies nothing")
}

// lockedText is the text of a log. It may be used concurrently.
type lockedText struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lockedText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lockedText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// While a provider is down, tokens that are signed with a known key are accepted.
func TestAProviderThatIsDown(t *testing.T) {
	known, unknown := ecSigner(t, "k1"), ecSigner(t, "k2")
	p := newProvider(t, known)
	var log lockedText
	r := newRoomWith(t, config.Auth{JWT: []*config.JWT{p.discovered()}}, nil, slog.New(slog.NewTextHandler(&log, nil)))
	p.misbehave(down)
	backdate(r)
	_, end := r.Authenticate(t.Context(), guarded(), bearing(unknown.sign(t, p.claimsFor("a"))))
	require.NotNil(t, end)
	assert.Equal(t, ending.Unavailable, end.Code)
	assert.True(t, end.Retry)
	_, end = r.Authenticate(t.Context(), guarded(), bearing(known.sign(t, p.claimsFor("a"))))
	assert.Nil(t, end)
	assert.NotContains(t, log.String(), "secret of the provider")
}

func TestDocumentsThatCannotBeUsed(t *testing.T) {
	for name, tt := range map[string]struct {
		broken func(w http.ResponseWriter, r *http.Request) bool
		want   string
	}{
		"huge": {func(w http.ResponseWriter, _ *http.Request) bool {
			_, _ = w.Write(make([]byte, maxDocument+1))
			return true
		}, "at most"},
		"no JSON": {func(w http.ResponseWriter, _ *http.Request) bool {
			_, _ = w.Write([]byte("<html>secret"))
			return true
		}, "expected the document of an OpenID Connect provider"},
		"another scheme": {func(w http.ResponseWriter, r *http.Request) bool {
			http.Redirect(w, r, "https://127.0.0.1:1/", http.StatusFound)
			return true
		}, "no redirect to another scheme"},
		"redirects for ever": {func(w http.ResponseWriter, r *http.Request) bool {
			http.Redirect(w, r, r.URL.Path, http.StatusFound)
			return true
		}, "at most 3 redirects"},
		"status": {down, "found 503"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newProvider(t, ecSigner(t, "k1"))
			p.misbehave(tt.broken)
			r := newRoom(t, config.Auth{JWT: []*config.JWT{p.discovered()}})
			problems := r.Problems()
			require.Len(t, problems, 1)
			assert.Contains(t, problems[0].Error(), "auth.jwt.corp.issuer: ")
			assert.Contains(t, problems[0].Error(), tt.want)
			assert.NotContains(t, problems[0].Error(), "secret")
			_, end := r.Authenticate(t.Context(), guarded(), bearing("x"))
			require.NotNil(t, end)
			assert.Equal(t, ending.Unavailable, end.Code)
			assert.Equal(t, ending.ByRoute, end.Reason)
			assert.True(t, end.Retry)
		})
	}
	p := newProvider(t, ecSigner(t, "k1"))
	p.issuer = "https://evil.example"
	problems := newRoom(t, config.Auth{JWT: []*config.JWT{p.discovered()}}).Problems()
	require.Len(t, problems, 1)
	assert.Contains(t, problems[0].Message, `found "https://evil.example"`)
}

func TestWhenKeysAreLoaded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var loads atomic.Int64
		var broken atomic.Bool
		k := newKeyring("jwt.a", providerPace(), slog.New(slog.DiscardHandler), func(context.Context, bool) (keySet, error) {
			loads.Add(1)
			if broken.Load() {
				return nil, errors.New("down")
			}
			return keySet{{KeyID: "k1"}}, nil
		})
		broken.Store(true)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); k.run(ctx) }()
		<-k.tried
		assert.Nil(t, k.current())
		time.Sleep(time.Minute)
		assert.InDelta(t, 6, loads.Load(), 2, "after a failure it is tried again, ever less often")
		broken.Store(false)
		time.Sleep(time.Minute)
		require.NotNil(t, k.current())
		assert.NoError(t, k.problem())
		loads.Store(0)
		time.Sleep(time.Hour)
		assert.InDelta(t, 6, loads.Load(), 2, "keys that are known are loaded again every ten minutes")
		broken.Store(true)
		time.Sleep(time.Hour)
		require.NotNil(t, k.current(), "keys stay while the provider is down")
		broken.Store(false)
		time.Sleep(time.Minute)
		loads.Store(0)
		began := time.Now()
		for time.Since(began) < time.Minute {
			k.lookAgain(ctx)
			time.Sleep(100 * time.Millisecond)
		}
		assert.InDelta(t, 7, loads.Load(), 2, "unknown keys cause a load every ten seconds")
		cancel()
		<-done
	})
}

func TestKeysInAFileAreReadAgain(t *testing.T) {
	first, second := ecSigner(t, "k1"), ecSigner(t, "k2")
	file := filepath.Join(t.TempDir(), "keys.json")
	write := func(text string) { require.NoError(t, os.WriteFile(file, []byte(text), 0o600)) }
	set := func(s signer) string {
		key := s.public()
		text, err := key.MarshalJSON()
		require.NoError(t, err)
		return `{"keys":[` + string(text) + `]}`
	}
	write(set(first))
	j := config.NewJWT("corp")
	j.JWKSFile = file
	r := newRoom(t, config.Auth{JWT: []*config.JWT{j}})
	claims := goodClaims("any", "a")
	_, end := r.Authenticate(t.Context(), guarded(), bearing(first.sign(t, claims)))
	require.Nil(t, end)
	write("half-writ")
	backdate(r)
	_, end = r.Authenticate(t.Context(), guarded(), bearing(second.sign(t, claims)))
	require.NotNil(t, end)
	assert.Equal(t, ending.Unavailable, end.Code)
	_, end = r.Authenticate(t.Context(), guarded(), bearing(first.sign(t, claims)))
	assert.Nil(t, end, "keys stay while the file cannot be used")
	write(set(second))
	backdate(r)
	_, end = r.Authenticate(t.Context(), guarded(), bearing(second.sign(t, claims)))
	assert.Nil(t, end)
}

func TestAStreamEndsShortlyBeforeItsTokenExpires(t *testing.T) {
	now := time.Now()
	for _, left := range []time.Duration{time.Hour, time.Minute, 10 * time.Second} {
		id := Identity{Expires: now.Add(left), Leeway: 30 * time.Second}
		spread := min(left/5, maxSpread)
		seen := map[time.Duration]bool{}
		for range 200 {
			at, ok := id.EndAt(now)
			require.True(t, ok)
			before := id.Expires.Sub(at)
			assert.GreaterOrEqual(t, before, spread/10)
			assert.LessOrEqual(t, before, spread)
			seen[before] = true
		}
		assert.Greater(t, len(seen), 100, "callers do not end together")
	}
	at, _ := (&Identity{Expires: now.Add(-time.Second), Leeway: 3 * time.Second}).EndAt(now)
	assert.Equal(t, now.Add(2*time.Second), at, "a token that is accepted for the clocks' sake ends with its leeway")
	_, ok := (&Identity{}).EndAt(now)
	assert.False(t, ok)
	for from, retry := range map[config.TokenPlace]bool{config.InHeader: true, config.InCookie: true, "": true, config.InQuery: false} {
		assert.Equal(t, retry, (&Identity{From: from}).Expired().Retry, from)
	}
}
