package bridge_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"github.com/grpcsse/grpcsse/bridge"
	"github.com/grpcsse/grpcsse/bridge/config"
	streamv1 "github.com/grpcsse/grpcsse/gen/test/stream/v1"
)

// issuer signs tokens with the key of a file.
type issuer struct {
	file string // has the public key
	key  *ecdsa.PrivateKey
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	i := &issuer{filepath.Join(t.TempDir(), "keys.json"), key}
	set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k1", Algorithm: "ES256", Use: "sig"}}})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(i.file, set, 0o600))
	return i
}

// token returns a token that is valid for a time.
func (i *issuer) token(t *testing.T, valid time.Duration, claims map[string]any) string {
	t.Helper()
	all := map[string]any{"aud": "web", "exp": time.Now().Add(valid).Unix()}
	for name, value := range claims {
		all[name] = value
	}
	payload, err := json.Marshal(all)
	require.NoError(t, err)
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: i.key, KeyID: "k1"}}, nil)
	require.NoError(t, err)
	signed, err := s.Sign(payload)
	require.NoError(t, err)
	text, err := signed.CompactSerialize()
	require.NoError(t, err)
	return text
}

// auth returns the section `auth` of a file.
func (i *issuer) auth(extra string) string {
	return "auth:\n" + extra + "  jwt:\n    corp: {jwks_file: " + i.file +
		", audience: [web], leeway: 0s, from: [header, \"cookie:session\", \"query:access_token\"]}\n"
}

// callRecorder is an upstream that keeps what it was called with, and sends one event.
type callRecorder struct {
	mu       sync.Mutex
	requests []*streamv1.WatchRequest
	metadata []metadata.MD
}

func (r *callRecorder) watch(req *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
	md, _ := metadata.FromIncomingContext(stream.Context())
	r.mu.Lock()
	r.requests, r.metadata = append(r.requests, req), append(r.metadata, md)
	r.mu.Unlock()
	if err := stream.Send(&streamv1.Event{Sequence: 1, Text: req.GetTopic()}); err != nil {
		return err
	}
	<-stream.Context().Done()
	return stream.Context().Err()
}

func (r *callRecorder) seen() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return fmt.Sprint(r.requests, r.metadata)
}

func TestClaimsReachTheUpstreamAndTokensDoNot(t *testing.T) {
	for name, send := range map[string]func(token string) (query string, header []string){
		"header": func(token string) (string, []string) { return "", []string{"Authorization", "Bearer " + token} },
		"cookie": func(token string) (string, []string) { return "", []string{"Cookie", "theme=dark; session=" + token} },
		"query":  func(token string) (string, []string) { return "?access_token=" + token, nil },
		"escaped": func(token string) (string, []string) {
			return "?tags=a&%61ccess%5Ftoken=" + token + "&tags=b", nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			i, up := newIssuer(t), &callRecorder{}
			s := startServer(t, "127.0.0.1:0", up.watch)
			f, log := logged(t, s, routeFile(`auth: {jwt: corp, require: {role: trader}}`, `request: {unknown_query: reject, set: {labels: {user: "${claim.sub}"}}}`,
				`metadata: {set: {x-user: "${claim.sub}", x-plan: "${claim.realm.plan}"}}`)+i.auth(""))
			token := i.token(t, time.Hour, map[string]any{"sub": "alice", "role": []string{"user", "trader"}, "realm": map[string]any{"plan": 3}})
			query, header := send(token)
			ctx, leave := context.WithCancel(t.Context())
			resp := do(t, clients(t)["HTTP1"], eventSource(ctx, t, f.url+"/watch/x"+query, header...))
			assert.Equal(t, http.StatusOK, resp.StatusCode)
			r := newReader(resp)
			e, err := r.next()
			require.NoError(t, err)
			assert.Contains(t, e.data, `"text":"x"`, r.text.String())
			assert.Contains(t, up.seen(), "alice")
			assert.Equal(t, []string{"3"}, up.metadata[0]["x-plan"])
			leave()
			s.requireStreams(t, 0)
			for what, text := range map[string]string{
				"the upstream": up.seen(), "the log": log.String(), "the response": r.text.String() + fmt.Sprint(resp.Header),
			} {
				for _, part := range strings.Split(token, ".") {
					assert.NotContains(t, text, part, "%s has a part of the token", what)
				}
			}
		})
	}
}

func TestCallersWithoutATokenGetNoStream(t *testing.T) {
	i := newIssuer(t)
	s := startServer(t, "127.0.0.1:0", count(1, nil))
	f := startFront(t, s, routeFile(`auth: {jwt: corp, require: {role: trader}}`)+i.auth(""))
	good := i.token(t, time.Hour, map[string]any{"role": "trader"})
	for name, tt := range map[string]struct {
		query  string
		header []string
		status int
		want   string
	}{
		"nothing":                     {"", nil, 401, `"reason":"auth"`},
		"another scheme":              {"", []string{"Authorization", "Basic " + good}, 401, "found none"},
		"two headers":                 {"", []string{"Authorization", "Bearer " + good, "authorization", "Bearer " + good}, 401, ""},
		"two cookies":                 {"", []string{"Cookie", "session=" + good + "; session=" + good}, 401, "found several"},
		"two parameters":              {"?access_token=" + good + "&access_token=" + good, nil, 401, "found several"},
		"expired":                     {"", []string{"Authorization", "Bearer " + i.token(t, -time.Minute, nil)}, 401, "expired"},
		"another role":                {"", []string{"Authorization", "Bearer " + i.token(t, time.Hour, map[string]any{"role": "user"})}, 403, "role"},
		"a bad header, a good cookie": {"", []string{"Authorization", "Bearer x", "Cookie", "session=" + good}, 401, ""},
		"good":                        {"", []string{"Authorization", "bearer " + good}, 200, "event 1"},
	} {
		if name == "two headers" {
			continue // eventSource sets one header; the room's own tests have it
		}
		t.Run(name, func(t *testing.T) {
			resp := do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, f.url+"/watch/x"+tt.query, tt.header...))
			assert.Equal(t, http.StatusOK, resp.StatusCode, "an EventSource learns by an event")
			r := newReader(resp)
			got := r.all(t)
			assert.Contains(t, r.text.String(), tt.want)
			assert.Equal(t, tt.status == 200, len(got) == 2, "%v", got)
			assert.NotContains(t, r.text.String(), good)

			other := eventSource(t.Context(), t, f.url+"/watch/x"+tt.query, tt.header...)
			other.Header.Set("Accept", "application/json")
			resp = do(t, clients(t)["HTTP1"], other)
			assert.Equal(t, tt.status, resp.StatusCode)
			assert.Equal(t, tt.status == 401, resp.Header.Get("WWW-Authenticate") == "Bearer")
			other.Method = http.MethodHead
			assert.Equal(t, tt.status, do(t, clients(t)["HTTP1"], other).StatusCode)
		})
	}
	assert.EqualValues(t, 2, s.opened.Load(), "only callers that are let in reach the upstream")
}

// A stream ends shortly before its token expires. The browser comes back where it can bring another token.
func TestAStreamEndsBeforeItsTokenExpires(t *testing.T) {
	for kind := range clients(t) {
		t.Run(kind, func(t *testing.T) {
			t.Parallel() // it waits for an expiry that a busy machine does not reach before the streams have begun
			i := newIssuer(t)
			s := startServer(t, "127.0.0.1:0", untilCancelled)
			f := startFront(t, s, routeFile(`auth: {jwt: corp}`, "open_wait: 0s")+i.auth("  warn: 1h\n"))
			token := i.token(t, 6*time.Second, nil)
			var all sync.WaitGroup
			for place, request := range map[string]*http.Request{
				"header": eventSource(t.Context(), t, f.url+"/watch/x", "Authorization", "Bearer "+token),
				"cookie": eventSource(t.Context(), t, f.url+"/watch/x", "Cookie", "session="+token),
				"query":  eventSource(t.Context(), t, f.url+"/watch/x?access_token="+token),
			} {
				client := clients(t)[kind]
				all.Go(func() {
					asked := time.Now()
					resp := do(t, client, request)
					got := newReader(resp).all(t)
					lasted := time.Since(asked)
					if !assert.Len(t, got, 2, "%s: %v", place, got) {
						return
					}
					assert.Equal(t, "grpc-expiring", got[0].name)
					var expiring struct{ In string }
					decode(t, got[0].data, &expiring)
					in, err := time.ParseDuration(expiring.In)
					assert.NoError(t, err)
					assert.LessOrEqual(t, in, 6*time.Second)
					assert.GreaterOrEqual(t, lasted, in-time.Second/2, "a stream is not over before the time that was told, which is rounded")
					assert.Contains(t, got[1].data, `"status":"UNAUTHENTICATED"`)
					assert.Contains(t, got[1].data, `"reason":"token_expired"`)
					assert.Contains(t, got[1].data, fmt.Sprintf(`"retry":%v`, place != "query"))
				})
			}
			all.Wait()
			s.requireStreams(t, 0)
		})
	}
}

// Two callers whose claims differ never share a stream, also when one presents an id of the other.
func TestAResumeIsCheckedLikeAFirstConnect(t *testing.T) {
	i, up := newIssuer(t), &callRecorder{}
	s := startServer(t, "127.0.0.1:0", up.watch)
	file := strings.ReplaceAll(routeFile(`auth: {jwt: corp}`, `event: {id: sequence}`, `share: {late_join: all, catch_up: off}`,
		`request: {set: {labels: {user: "${claim.sub}"}, after_sequence: "${last_event_id}"}}`), "ADDR", s.addr) +
		"  - path: /all/{topic}\n    rpc: test.stream.v1.StreamService/Watch\n    auth: {jwt: corp, require: {role: trader}}\n" +
		"    share: {late_join: all}\n" + i.auth("")
	f := startFront(t, s, file)
	alice := i.token(t, time.Hour, map[string]any{"sub": "alice", "role": "trader"})
	bob := i.token(t, time.Hour, map[string]any{"sub": "bob", "role": "user"})
	open := func(path, token string, header ...string) *reader {
		header = append(header, "Authorization", "Bearer "+token)
		return newReader(do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, f.url+path, header...)))
	}
	first, err := open("/watch/x", alice).afterCursor()
	require.NoError(t, err)
	require.Equal(t, "1", first.id)
	_, err = open("/watch/x", bob, "Last-Event-ID", first.id).next()
	require.NoError(t, err)
	s.requireStreams(t, 2)
	assert.Contains(t, up.seen(), "bob", "bob has a stream of his own, opened as bob")

	// On this route nothing of the caller is in the key: who may join is decided for each caller.
	shared, err := open("/all/x", alice).afterCursor()
	require.NoError(t, err)
	for _, header := range [][]string{nil, {"Last-Event-ID", shared.id}, {"Last-Event-ID", first.id}} {
		got := open("/all/x", bob, header...).all(t)
		require.Len(t, got, 1, "%v", got)
		assert.Contains(t, got[0].data, `"status":"PERMISSION_DENIED"`)
		assert.NotContains(t, got[0].data, "text")
	}
	s.requireStreams(t, 3)
}

// While the keys of an issuer cannot be loaded, its routes are out of order: browsers come back.
func TestARouteWhoseKeysAreNotLoadedIsOutOfOrder(t *testing.T) {
	dead := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(dead.Close)
	s := startServer(t, "127.0.0.1:0", count(1, nil))
	file := routeFile(`auth: {jwt: corp}`) + "auth: {jwt: {corp: {issuer: \"" + dead.URL + "\", audience: [web]}}}\n"
	f := startFront(t, s, file)
	got := newReader(do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, f.url+"/watch/x", "Authorization", "Bearer x"))).all(t)
	require.Len(t, got, 1)
	assert.Contains(t, got[0].data, `"status":"UNAVAILABLE"`)
	assert.Contains(t, got[0].data, `"retry":true,"reason":"route"`)
	require.Len(t, f.bridge.Routes(), 1)
	problem := f.bridge.Routes()[0].Problem
	require.NotNil(t, problem)
	assert.Contains(t, problem.Message, "404")
	require.Len(t, f.bridge.Problems(), 1)
	assert.Equal(t, "auth.jwt.corp.issuer", f.bridge.Problems()[0].Path)
	cfg, err := config.Parse("a.yaml", []byte(strings.ReplaceAll(file, "ADDR", s.addr)))
	require.NoError(t, err)
	problems := bridge.Check(t.Context(), cfg)
	require.Len(t, problems, 1)
	assert.Contains(t, problems[0].Error(), "a.yaml:8:")
}

// What the file alone shows wrong refuses the file.
func TestKeysInAFileThatCannotBeUsed(t *testing.T) {
	dir := t.TempDir()
	s := startServer(t, "127.0.0.1:0", count(1, nil))
	for name, content := range map[string]string{
		"absent.json": "", "empty.json": " ", "none.json": `{"keys":[]}`, "text.json": "secret text",
		"symmetric.json": `{"keys":[{"kty":"oct","k":"c2VjcmV0","kid":"a"}]}`,
	} {
		if content != "" {
			require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600))
		}
		file := routeFile(`auth: {jwt: corp}`) + "auth: {jwt: {corp: {jwks_file: " + filepath.Join(dir, name) + ", audience: [web]}}}\n"
		cfg, err := config.Parse("a.yaml", []byte(strings.ReplaceAll(file, "ADDR", s.addr)))
		require.NoError(t, err)
		_, err = bridge.New(t.Context(), cfg)
		var problems config.Problems
		require.ErrorAs(t, err, &problems, name)
		require.Len(t, problems, 1)
		assert.Contains(t, problems[0].Error(), "a.yaml:8:32: auth.jwt.corp.jwks_file: ", name)
		assert.NotContains(t, problems[0].Error(), "secret")
		assert.NotEmpty(t, bridge.CheckOffline(t.Context(), cfg), name)
	}
}
