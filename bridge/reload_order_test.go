package bridge_test

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge"
	"github.com/grpcsse/grpcsse/bridge/config"
)

// reloadResults keeps what an observer is told of reloads, and of the end of the bridge.
type reloadResults struct {
	bridge.NopObserver
	mu     sync.Mutex
	all    []error
	closed bool
	late   int // calls after the end
}

func (r *reloadResults) Reloaded(of bridge.Reload) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, of.Err)
	if r.closed {
		r.late++
	}
}

func (r *reloadResults) Closed(*bridge.Bridge) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
}

func (r *reloadResults) last() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.all[len(r.all)-1]
}

// Reloads come from all sides at once, and streams come and go meanwhile. One configuration is in force then, whole.
func TestConcurrentReloadsLeaveOneWholeConfiguration(t *testing.T) {
	const callers, each = 4, 6
	s := startServer(t, "127.0.0.1:0", untilCancelled)
	fileFor := func(i int) string {
		return strings.Replace(fileOf(fmt.Sprintf("path: /%d, open_wait: 1ms", i), fmt.Sprintf("path: /more/%d, open_wait: 1ms, share: {late_join: none}", i)),
			"drain_timeout: 100ms", fmt.Sprintf("drain_timeout: 1ms, hosts: ['%d.example', '127.0.0.1']", i), 1)
	}
	seen := &reloadResults{}
	b, err := bridge.New(t.Context(), parse(t, s, fileFor(0)), bridge.WithObserver(seen))
	require.NoError(t, err)
	url := serveHTTP(t, b)
	var running sync.WaitGroup
	for i := range callers {
		running.Go(func() {
			for j := range each {
				if bad := (i+j)%3 == 2; bad {
					cfg := config.New()
					cfg.Routes = append(cfg.Routes, &config.Route{Path: "{"})
					assert.Error(t, b.Reload(t.Context(), cfg))
					continue
				}
				assert.NoError(t, b.Reload(t.Context(), parse(t, s, fileFor(i))))
			}
		})
		running.Go(func() {
			for j := range each {
				b.Shed(0.5, 0)
				assert.NoError(t, b.Ready(t.Context()))
				for _, path := range []string{"", "/more"} {
					resp := do(t, clients(t)["h2c"], eventSource(t.Context(), t, fmt.Sprintf("%s%s/%d", url, path, j%callers)))
					assert.Contains(t, []int{http.StatusOK, http.StatusNotFound}, resp.StatusCode)
				}
			}
		})
	}
	running.Wait()
	assert.Len(t, seen.all, callers*each, "each reload is told")
	require.NoError(t, b.Reload(t.Context(), parse(t, s, fileFor(7))))
	require.NoError(t, seen.last())
	var paths []string
	for _, rt := range b.Routes() {
		paths = append(paths, rt.Path)
	}
	assert.Equal(t, []string{"/7", "/more/7"}, paths)
	s.requireStreams(t, 0) // all streams were of other configurations
	for host, want := range map[string]int{"7.example": http.StatusOK, "0.example": http.StatusMisdirectedRequest} {
		r := plain(t, url+"/7")
		r.Method, r.Host = http.MethodHead, host
		assert.Equal(t, want, do(t, clients(t)["HTTP1"], r).StatusCode, "the settings are those of the routes: %s", host)
	}
}

// The results are told in the order of the reloads, and not after the end of the bridge.
func TestTheResultsOfReloadsAreToldInTheirOrder(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", untilCancelled)
	for range 20 {
		seen := &reloadResults{}
		b, err := bridge.New(t.Context(), parse(t, s, fileOf("path: /a")), bridge.WithObserver(seen))
		require.NoError(t, err)
		good, bad := parse(t, s, fileOf("path: /b")), config.New()
		bad.Routes = append(bad.Routes, &config.Route{Path: "{"})
		var running sync.WaitGroup
		for i := range 4 {
			running.Go(func() {
				for range 5 {
					err := b.Reload(t.Context(), []*config.Config{good, bad}[i%2])
					assert.True(t, i%2 == 0 && err == nil || err != nil)
				}
			})
		}
		if err := b.Reload(t.Context(), good); err == nil {
			err = b.Reload(t.Context(), bad)
			require.False(t, err == nil || errors.Is(err, bridge.ErrShutdown))
		}
		running.Go(func() { assert.NoError(t, b.Close()) })
		running.Wait()
		require.ErrorIs(t, b.Reload(t.Context(), good), bridge.ErrShutdown)
		assert.Zero(t, seen.late)
	}
}

// Ready waits for the upstreams that are in force. One that a reload has removed says nothing any more.
func TestReadyDoesNotWaitForAnUpstreamThatIsGone(t *testing.T) {
	silent := silentServer(t)
	s := startServer(t, "127.0.0.1:0", untilCancelled)
	b, err := bridge.New(t.Context(), parse(t, s, strings.ReplaceAll(fileOf("path: /a"), "ADDR", silent)))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Close()) })
	ready := make(chan error, 1)
	go func() { ready <- b.Ready(t.Context()) }()
	require.NoError(t, b.Reload(t.Context(), parse(t, s, fileOf("path: /a"))))
	require.NoError(t, receive(t, ready))
	assert.True(t, b.Upstreams()[0].SchemaRead)
}

// silentServer returns the address of a server that accepts connections, and never answers.
func silentServer(t *testing.T) string {
	t.Helper()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = silent.Close() })
	return silent.Addr().String()
}

// What ends with a drain ends with it, also where a reload has given it more time.
func TestAShutdownEndsWhatAReloadHasRetired(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", untilCancelled)
	for _, kind := range transports(t) {
		f := startFront(t, s, strings.Replace(fileOf("path: /a, open_wait: 1ms", "path: /b, open_wait: 1ms, share: {late_join: none, linger: 1h}"), "100ms", "1h", 1))
		url, client := kind.dial(t, f)
		a := newReader(do(t, client, eventSource(t.Context(), t, url+"/a")))
		b := newReader(do(t, client, eventSource(t.Context(), t, url+"/b")))
		s.requireStreams(t, 2)
		f.reload(t, s, strings.Replace(fileOf(), "100ms", "1h", 1))
		s.requireStreams(t, 2)
		require.NoError(t, f.bridge.Shutdown(t.Context()))
		requireDrained(t, a)
		requireDrained(t, b)
		s.requireStreams(t, 0)
	}
}

// What cannot be used keeps what is in use: the error has the place of the mistake, and streams go on.
func TestWhatCannotBeUsedAtAReloadKeepsTheOld(t *testing.T) {
	dir := t.TempDir()
	junk := filepath.Join(dir, "junk")
	require.NoError(t, os.WriteFile(junk, []byte("secret text"), 0o600))
	broken := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(broken.Close)
	i := newIssuer(t)
	jwt := func(entry string) string { return "auth: {jwt: {corp: {audience: [web], " + entry + "}}}\n" }
	upstream := func(setting string) string { return "{target: ADDR, " + setting + "}" }
	for name, tt := range map[string]struct{ auth, upstream, says string }{
		"no keys at the URL":               {auth: jwt("jwks_url: " + broken.URL), says: "auth.jwt.corp.jwks_url"},
		"a provider that is down":          {auth: jwt("issuer: 'http://127.0.0.1:1'"), says: "auth.jwt.corp.issuer"},
		"a provider without discovery":     {auth: jwt("issuer: " + broken.URL), says: "auth.jwt.corp.issuer"},
		"a file without keys":              {auth: jwt("jwks_file: " + junk), says: "auth.jwt.corp.jwks_file"},
		"no file with keys":                {auth: jwt("jwks_file: " + dir + "/none"), says: "auth.jwt.corp.jwks_file"},
		"authorities that are none":        {upstream: upstream("tls: {ca_file: " + junk + "}"), says: "ca_file"},
		"no authorities":                   {upstream: upstream("tls: {ca_file: " + dir + "/none}"), says: "ca_file"},
		"a certificate that is none":       {upstream: upstream("tls: {cert_file: " + junk + ", key_file: " + junk + "}"), says: "client certificate"},
		"no key":                           {upstream: upstream("tls: {cert_file: " + junk + ", key_file: " + dir + "/none}"), says: "client certificate"},
		"credentials that are not there":   {upstream: upstream("metadata: {authorization_file: " + dir + "/none}"), says: "none"},
		"credentials that are no metadata": {upstream: upstream("metadata: {authorization_file: " + binaryFile(t, dir) + "}"), says: "binary"},
	} {
		t.Run(name, func(t *testing.T) {
			s, connections := startConnected(t, untilCancelled)
			file := func(auth, upstream string) (*config.Config, error) {
				if upstream == "" {
					upstream = "{target: ADDR}"
				}
				if auth == "" {
					auth = i.auth("")
				}
				text := strings.ReplaceAll(fileOf("path: /a, open_wait: 1ms, auth: {jwt: corp}"), "{target: ADDR}", upstream) + auth
				return read(t, strings.ReplaceAll(text, "ADDR", s.addr))
			}
			old, err := file("", "")
			require.NoError(t, err)
			b, err := bridge.New(t.Context(), old)
			require.NoError(t, err)
			require.NoError(t, b.Ready(t.Context()))
			url := serveHTTP(t, b)
			open := func() {
				do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, url+"/a", "Authorization", "Bearer "+i.token(t, time.Hour, nil)))
			}
			open()
			s.requireStreams(t, 1)
			routes := listed(b)
			next, err := file(tt.auth, tt.upstream)
			if err == nil {
				err = b.Reload(t.Context(), next)
			}
			var problems config.Problems
			require.ErrorAs(t, err, &problems)
			require.Len(t, problems, 1)
			assert.Contains(t, problems[0].Error(), tt.says)
			assert.Regexp(t, `^grpcsse.yaml:\d+:\d+: `, problems[0].Error())
			assert.NotContains(t, problems[0].Error(), "secret")
			assert.Equal(t, routes, listed(b))
			open()
			s.requireStreams(t, 2)
			connections.require(t, 1)
			assert.EqualValues(t, 2, s.opened.Load())
		})
	}
}

// binaryFile returns the name of a file whose text cannot be metadata.
func binaryFile(t *testing.T, dir string) string {
	t.Helper()
	name := filepath.Join(dir, "binary")
	require.NoError(t, os.WriteFile(name, []byte("secret\x00text"), 0o600))
	return name
}

// The streams that a provider's keys have let in go on while the provider is down, also over reloads of something else.
func TestAReloadWhileTheProviderIsDown(t *testing.T) {
	i := newIssuer(t)
	keys, err := os.ReadFile(i.file)
	require.NoError(t, err)
	provider := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(keys) }))
	s := startServer(t, "127.0.0.1:0", untilCancelled)
	auth := "auth: {jwt: {corp: {audience: [web], jwks_url: '" + provider.URL + "'}}}\n"
	f := startFront(t, s, fileOf("path: /a, open_wait: 1ms, auth: {jwt: corp}")+auth)
	header := []string{"Authorization", "Bearer " + i.token(t, time.Hour, nil)}
	do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, f.url+"/a", header...))
	s.requireStreams(t, 1)
	provider.Close()
	f.reload(t, s, fileOf("path: /a, open_wait: 1ms, auth: {jwt: corp}", "path: /b, auth: {jwt: corp}")+auth)
	do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, f.url+"/a", header...))
	s.requireStreams(t, 2)
}
