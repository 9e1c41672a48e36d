package app

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/reflection"
)

// marked matches the secrets of the tests below: each is "mark-" and the place where it stands.
var marked = regexp.MustCompile(`mark-[a-z-]+`)

// heard collects what a server was sent. It may be used concurrently.
type heard struct {
	mu   sync.Mutex
	text strings.Builder
}

func (h *heard) add(text string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.text.WriteString(text + "\n")
}

func (h *heard) all() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.text.String()
}

// startListening starts a gRPC server that collects the metadata of its calls.
func startListening(t *testing.T) (address string, calls *heard, stop func()) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	calls = new(heard)
	server := grpc.NewServer(grpc.StreamInterceptor(
		func(srv any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, next grpc.StreamHandler) error {
			md, _ := metadata.FromIncomingContext(stream.Context())
			calls.add(fmt.Sprint(map[string][]string(md)))
			return next(srv, stream)
		}))
	grpc_health_v1.RegisterHealthServer(server, health.NewServer())
	reflection.Register(server)
	var served sync.WaitGroup
	served.Go(func() { _ = server.Serve(listener) })
	stop = func() { server.Stop(); served.Wait() }
	t.Cleanup(stop)
	return listener.Addr().String(), calls, stop
}

// hearing is an HTTP server that collects the bodies that it is sent, and has an answer.
func hearing(t *testing.T, answer http.HandlerFunc) (server *httptest.Server, bodies *heard) {
	t.Helper()
	bodies = new(heard)
	server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		bodies.add(string(body))
		answer(w, r)
	}))
	t.Cleanup(server.Close)
	return server, bodies
}

// issue writes the keys of an issuer to a file, and returns a token of it.
func issue(t *testing.T, file string) (token string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	keys, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k1"}}})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, keys, 0o600))
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: key, KeyID: "k1"}}, nil)
	require.NoError(t, err)
	claims, err := json.Marshal(map[string]any{
		"iss": "https://id.example", "aud": "web", "sub": "ada", "exp": time.Now().Add(time.Hour).Unix(), "email": "mark-claim",
	})
	require.NoError(t, err)
	signed, err := signer.Sign(claims)
	require.NoError(t, err)
	token, err = signed.CompactSerialize()
	require.NoError(t, err)
	return token
}

// secretFile is a configuration with a secret in each place that may have one.
const secretFile = `
server:
  listen: "127.0.0.1:0"
  health: "127.0.0.1:0"
  admin: {listen: "127.0.0.1:0", token_file: admin.token}
  drain_timeout: 1s
  access_log: {format: FORMAT, sample_over: off, values: VALUES}
upstreams:
  health:
    target: "UPSTREAM"
    metadata:
      x-plain: mark-upstream
      x-env: "${env.GRPCSSE_TEST_SECRET}"
      x-key_file: key
auth:
  jwt:
    corp: {issuer: "https://id.example", audience: [web], jwks_file: keys.json, from: [header, "cookie:s", "query:t"]}
  ask:
    session: {url: "http://ENDPOINT/check?k=mark-url", forward: [cookie, x-session], claims: [x-user-id]}
routes:
  - {name: token, path: /token, rpc: grpc.health.v1.Health/Watch, auth: {jwt: corp}, metadata: {set: {x-set: mark-set}}}
  - {name: asked, path: /asked, rpc: grpc.health.v1.Health/Watch, auth: {ask: session}, metadata: {set: {x-user: "${claim.x-user-id}"}}}
  - {name: shared, path: /shared, rpc: grpc.health.v1.Health/Watch, auth: {jwt: corp}, share: {late_join: latest}}
`

// secretive is the program, with what its neighbours hear.
type secretive struct {
	*sided

	file, token string
	upstream    func() // ends the gRPC server
	endpoint    *httptest.Server
	calls       *heard // metadata that the gRPC server was sent
	spans       *heard
	told        *heard // what clients were told, administrators included
}

func startSecretive(t *testing.T, format, values string) *secretive {
	t.Helper()
	s := &secretive{told: new(heard)}
	address, calls, stop := startListening(t)
	s.calls, s.upstream = calls, stop
	s.endpoint, _ = hearing(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-User-Id", "ada")
		w.Header().Set("X-Internal", "mark-answer")
		w.Header().Set("Set-Cookie", "c=mark-set-cookie")
		if !strings.Contains(r.Header.Get("Cookie"), "good") {
			w.WriteHeader(http.StatusUnauthorized)
		}
		_, _ = io.WriteString(w, "mark-answer-body")
	})
	collector, spans := hearing(t, func(http.ResponseWriter, *http.Request) {})
	s.spans = spans
	t.Setenv("GRPCSSE_TEST_SECRET", "mark-env")
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.URL)
	t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
	t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=mark-otlp")
	dir := t.TempDir()
	s.file = filepath.Join(dir, "grpcsse.yaml")
	s.token = issue(t, filepath.Join(dir, "keys.json"))
	for name, text := range map[string]string{
		"admin.token": adminToken, "key": "mark-key-file",
		"grpcsse.yaml": strings.NewReplacer("UPSTREAM", address, "ENDPOINT", strings.TrimPrefix(s.endpoint.URL, "http://"),
			"FORMAT", format, "VALUES", values).Replace(secretFile),
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	s.sided = runSided(t, s.file)
	s.requireProbe(t, "/startupz", http.StatusOK, "started")
	return s
}

// watch opens a stream, reads what comes until a text is there, and leaves.
func (s *secretive) watch(t *testing.T, until, path string, header ...string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.public+path, nil)
	require.NoError(t, err)
	request.Header.Set("Accept", "text/event-stream")
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: eventually}
	response, err := client.Do(request)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	s.told.add(fmt.Sprint(response.Header))
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		s.told.add(lines.Text())
		if strings.Contains(lines.Text(), until) {
			return
		}
	}
	t.Fatalf("%s: expected %s, found %s", path, until, s.told.all())
}

// manage sends an administrator's request, and notes the answer.
func (s *secretive) manage(t *testing.T, want int, method, path string, header ...string) {
	t.Helper()
	status, body := ask(t, method, s.admin+path, header...)
	s.told.add(body)
	require.Equal(t, want, status, "%s %s: %s", method, path, body)
}

// No secret that a client, a file, the environment, an endpoint or an identity provider brings is told to anybody else: the log,
// the access log, metrics, spans, pages and answers. The upstream gets what the configuration says, and nothing more.
func TestNoSecretIsTold(t *testing.T) {
	for _, tt := range []struct{ format, values string }{{"text", "false"}, {"json", "true"}} {
		t.Run(tt.format, func(t *testing.T) {
			s := startSecretive(t, tt.format, tt.values)
			s.streams(t)
			s.refusals(t)
			s.administration(t)
			_, metrics := ask(t, http.MethodGet, s.health+"/metrics")
			s.told.add(metrics)
			s.upstream()
			s.endpoint.Close()
			s.watch(t, "UNAVAILABLE", "/token?t="+s.token)
			s.watch(t, "UNAVAILABLE", "/asked", "Cookie", "session=good-mark-cookie")
			s.stop()
			require.Zero(t, <-s.code)
			s.requireSilence(t)
		})
	}
}

// streams opens a stream in each way to show who one is.
func (s *secretive) streams(t *testing.T) {
	t.Helper()
	for _, path := range []string{"/token", "/shared"} {
		s.watch(t, "data:", path, "Authorization", "Bearer "+s.token)
		s.watch(t, "data:", path, "Cookie", "s="+s.token+"; other=mark-other-cookie")
		s.watch(t, "data:", path+"?service=&t="+s.token)
		s.watch(t, "data:", path+"?service=;t="+s.token, "Authorization", "Bearer "+s.token)
	}
	s.watch(t, "data:", "/asked", "Cookie", "session=good-mark-cookie", "X-Session", "mark-forwarded", "Authorization", "Bearer mark-header")
}

// refusals are requests that are turned away.
func (s *secretive) refusals(t *testing.T) {
	t.Helper()
	for _, path := range []string{"/token", "/shared"} {
		s.watch(t, "UNAUTHENTICATED", path, "Authorization", "Bearer mark-header")
		s.watch(t, "UNAUTHENTICATED", path, "Authorization", "Basic mark-basic")
		s.watch(t, "UNAUTHENTICATED", path, "Cookie", "s=mark-cookie")
		s.watch(t, "UNAUTHENTICATED", path+"?t=mark-query")
		s.watch(t, "INVALID_ARGUMENT", path+"?service.x=1&t="+s.token)
	}
	s.watch(t, "UNAUTHENTICATED", "/asked", "Cookie", "session=mark-cookie", "X-Session", "mark-forwarded")
	for _, path := range []string{"/none?t=mark-query", "/token/mark/?t=mark-query"} {
		status, body := ask(t, http.MethodGet, s.public+path, "Authorization", "Bearer mark-header", "Cookie", "s=mark-cookie")
		s.told.add(body)
		require.Equal(t, http.StatusNotFound, status)
	}
}

// administration reads the pages, and has the file read again, with and without a mistake in it.
func (s *secretive) administration(t *testing.T) {
	t.Helper()
	admin := []string{"Authorization", "Bearer " + adminToken, "X-Grpcsse-Admin", "1"}
	s.manage(t, http.StatusUnauthorized, http.MethodGet, "/config", "Authorization", "Bearer mark-admin")
	s.manage(t, http.StatusUnauthorized, http.MethodGet, "/config?token=mark-admin")
	good, err := os.ReadFile(s.file)
	require.NoError(t, err)
	for _, mistake := range []struct{ old, text string }{
		{"x-plain: mark-upstream", "x-plain: [mark-upstream]"},
		{"metadata: {set: {x-set: mark-set}}", "metadata: {set: {x-set: mark-set}, unknown: 1}"},
		{`"${env.GRPCSSE_TEST_SECRET}"`, `"${env.GRPCSSE_TEST_SECRET}\n"`},
		{"/check?k=mark-url", "/check?k=mark-url#fragment"},
	} {
		bad := strings.Replace(string(good), mistake.old, mistake.text, 1)
		require.NotEqual(t, string(good), bad, mistake.old)
		require.NoError(t, os.WriteFile(s.file, []byte(bad), 0o600))
		s.manage(t, http.StatusUnprocessableEntity, http.MethodPost, "/-/reload", admin...)
	}
	require.NoError(t, os.WriteFile(s.file, good, 0o600))
	s.manage(t, http.StatusOK, http.MethodPost, "/-/reload", admin...)
	for _, page := range []string{"/", "/config", "/routes", "/streams", "/debug/pprof/goroutine?debug=2", "/debug/pprof/cmdline"} {
		s.manage(t, http.StatusOK, http.MethodGet, page, admin...)
	}
}

// requireSilence looks for secrets in all that was told.
func (s *secretive) requireSilence(t *testing.T) {
	t.Helper()
	signature := s.token[strings.LastIndexByte(s.token, '.')+1:]
	for where, text := range map[string]string{
		"the log": s.stderr.all(), "what clients and administrators were told": s.told.all(), "the spans": s.spans.all(),
	} {
		assert.NotEmpty(t, text, where)
		assert.Empty(t, marked.FindAllString(text, -1), "%s: %s", where, text)
		assert.NotContains(t, text, signature, where)
		assert.NotContains(t, text, adminToken, where)
	}
	assert.Contains(t, s.spans.all(), "/token", "there are spans of the routes")
	calls := s.calls.all()
	found := map[string]bool{}
	for _, mark := range marked.FindAllString(calls, -1) {
		found[mark] = true
	}
	assert.Equal(t, map[string]bool{"mark-upstream": true, "mark-env": true, "mark-key-file": true, "mark-set": true}, found,
		"what the upstream is sent")
	assert.NotContains(t, calls, signature)
	assert.Contains(t, calls, "x-user:[ada]")
}
