package app

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/cmd/grpcsse/internal/admin"
	services "github.com/grpcsse/grpcsse/cmd/grpcsse/internal/demo"
)

// served is `grpcsse serve` with files in a directory, in front of the servers of the demo.
type served struct {
	t   *testing.T
	dir string
	log *lines
	url string
}

// startServed writes the files, and serves main.yaml. UPSTREAM in a file is the address of the gRPC server.
func startServed(t *testing.T, files map[string]string, flags ...string) *served {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	t.Cleanup(func() { stop(); running.Wait() })
	running.Go(func() { assert.NoError(t, services.NewServer(slog.New(slog.DiscardHandler), 1).Serve(ctx, listener)) })
	s := &served{t: t, dir: t.TempDir(), log: &lines{wrote: make(chan struct{}, 1)}}
	for name, content := range files {
		files[name] = strings.ReplaceAll(content, "UPSTREAM", listener.Addr().String())
		s.write(name, files[name])
	}
	args := append([]string{"serve", "--listen", "127.0.0.1:0"}, flags...)
	if len(files) > 0 {
		args = append(args, "--config", filepath.Join(s.dir, "main.yaml"))
	} else {
		args = append(args, "--upstream", listener.Addr().String())
	}
	serving, end := context.WithCancel(t.Context())
	code := make(chan int, 1)
	go func() { code <- Main(serving, args, io.Discard, s.log) }()
	t.Cleanup(func() { end(); assert.Zero(t, <-code) })
	s.url = "http://" + s.log.find(t, `msg=listening address=(\S+)`)
	return s
}

// write writes a file as editors and Kubernetes do: at once.
func (s *served) write(name, content string) {
	s.t.Helper()
	path := filepath.Join(s.dir, name)
	require.NoError(s.t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(s.t, os.WriteFile(path+".new", []byte(content), 0o600))
	require.NoError(s.t, os.Rename(path+".new", path))
}

// status returns the status of a GET request that accepts anything.
func (s *served) status(path string) int {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, s.url+path, nil)
	require.NoError(s.t, err)
	response, err := http.DefaultClient.Do(request)
	require.NoError(s.t, err)
	require.NoError(s.t, response.Body.Close())
	return response.StatusCode
}

func (s *served) requireStatus(status int, path string) {
	s.t.Helper()
	require.Eventually(s.t, func() bool { return s.status(path) == status }, 20*time.Second, 20*time.Millisecond,
		"expected %d for %s, found %d: %s", status, path, s.status(path), s.log.all())
}

func (l *lines) all() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// count returns how many lines of the log have a text.
func (l *lines) count(text string) int { return strings.Count(l.all(), text) }

func (l *lines) requireCount(t *testing.T, n int, text string) {
	t.Helper()
	require.Eventually(t, func() bool { return l.count(text) >= n }, 20*time.Second, 10*time.Millisecond,
		"%d lines with %s: %s", n, text, l)
	require.Equal(t, n, l.count(text))
}

const (
	oneRoute = "upstreams: {demo: {target: UPSTREAM}}\ninclude: [\"more/*.yaml\"]\n" +
		"routes: [{path: /one, rpc: demo.fault.v1.FaultService/StreamThenFail, request: {set: {code: NOT_FOUND}}}]\n"
	anotherRoute = "routes: [{path: /two, rpc: demo.fault.v1.FaultService/StreamThenFail, request: {set: {code: NOT_FOUND}}}]\n"
)

// All ways to ask for a reload, in one process: a signal reaches all programs of the process.
func TestServeReloads(t *testing.T) {
	files := map[string]string{"main.yaml": oneRoute}
	s := startServed(t, files)
	s.requireStatus(404, "/one")
	assert.Contains(t, s.log.all(), "reading the schema by reflection")

	// A change of a file.
	s.write("main.yaml", strings.ReplaceAll(files["main.yaml"], "/one", "/uno"))
	s.log.requireCount(t, 1, "the configuration was replaced")
	s.write("more/two.yaml", anotherRoute)
	s.log.requireCount(t, 2, "the configuration was replaced")
	assert.Contains(t, s.log.all(), "kept=1 changed=0 removed=0 added=1")

	// A mistake changes nothing, and the log has all of it. When the file is mended, that is noticed.
	s.write("more/two.yaml", "routes: [{path: /three, rpc: nonsense, methodz: 1}]\n")
	s.log.requireCount(t, 1, "the configuration was not replaced")
	assert.Contains(t, s.log.all(), "2 errors in the configuration")
	assert.Contains(t, s.log.all(), "nonsense")
	assert.Contains(t, s.log.all(), "methodz")
	s.write("more/two.yaml", strings.ReplaceAll(anotherRoute, "/two", "/three"))
	s.log.requireCount(t, 3, "the configuration was replaced")

	// A signal. The files are the same, so nothing changes.
	require.NoError(t, syscall.Kill(os.Getpid(), syscall.SIGHUP))
	s.log.requireCount(t, 4, "the configuration was replaced")
	assert.Contains(t, s.log.all(), "asked_by=SIGHUP")
	assert.Contains(t, s.log.all(), "routes=2 kept=2 changed=0 removed=0 added=0")

	// A new file with a mistake is watched too.
	s.write("more/other.yaml", "{")
	s.log.requireCount(t, 2, "the configuration was not replaced")
	require.NoError(t, os.Remove(filepath.Join(s.dir, "more/other.yaml")))
	s.log.requireCount(t, 5, "the configuration was replaced")
}

func TestServeWithoutAFileHasNothingToReload(t *testing.T) {
	s := startServed(t, nil)
	require.NoError(t, syscall.Kill(os.Getpid(), syscall.SIGHUP))
	s.log.requireCount(t, 1, "nothing was reloaded")
	assert.Contains(t, s.log.all(), "there is no configuration file to read again")
}

// With --strict, a reload that would put a route out of order changes nothing.
func TestAStrictReload(t *testing.T) {
	files := map[string]string{"main.yaml": strings.Replace(oneRoute, "include: [\"more/*.yaml\"]\n", "", 1)}
	s := startServed(t, files, "--strict")
	s.write("main.yaml", strings.ReplaceAll(files["main.yaml"], "StreamThenFail", "Nothing"))
	s.log.requireCount(t, 1, "the configuration was not replaced")
	s.requireStatus(404, "/one")
	assert.NotContains(t, s.log.all(), "out of order")
}

func TestAReloadReportsItsResult(t *testing.T) {
	load, apply := error(nil), error(nil)
	var seen []reloaded
	r := &reloader{
		log:     slog.New(slog.DiscardHandler),
		load:    func(*config.Files) (*config.Config, error) { return config.New(), load },
		apply:   func(context.Context, *config.Config) error { return apply },
		observe: func(result reloaded) { seen = append(seen, result) },
	}
	r.began(config.New(), &config.Files{})
	_, tried := r.Last()
	assert.False(t, tried)
	bad := errors.New("bad")
	for _, step := range []struct{ load, apply error }{{}, {load: bad}, {apply: bad}, {}} {
		load, apply = step.load, step.apply
		before := time.Now()
		want := errors.Join(load, apply)
		err := r.Reload(t.Context(), "the test")
		assert.Equal(t, want != nil, err != nil)
		last, known := r.Last()
		assert.True(t, known)
		assert.Equal(t, err, last.Err)
		assert.False(t, last.At.Before(before))
	}
	assert.Len(t, seen, 4)
}

func TestAReloadThatAnAdministratorLeavesIsLogged(t *testing.T) {
	log := &lines{wrote: make(chan struct{}, 1)}
	ctx, leave := context.WithCancel(t.Context())
	r := &reloader{
		log:  slog.New(slog.NewTextHandler(log, nil)),
		load: func(*config.Files) (*config.Config, error) { return config.New(), nil },
		apply: func(ctx context.Context, _ *config.Config) error {
			leave()
			return ctx.Err()
		},
	}
	r.began(config.New(), &config.Files{})
	require.Error(t, r.control(nil, membership{}).reload(ctx))
	assert.Contains(t, log.all(), "the configuration was not replaced: the administrator left")
}

// What an operator sees is what is in force: a setting that needs a restart keeps its value, and is named until the file has that
// value again.
func TestWhatNeedsARestartIsNotShownAsInForce(t *testing.T) {
	var next config.Config
	var refuse error
	r := &reloader{
		log:   slog.New(slog.DiscardHandler),
		load:  func(*config.Files) (*config.Config, error) { return &next, nil },
		apply: func(context.Context, *config.Config) error { return refuse },
	}
	first := config.New()
	first.Server.Listen, first.Server.DrainTimeout = ":1", time.Second
	r.began(first, &config.Files{})
	assert.Equal(t, admin.Reloads{}, r.State())
	for _, step := range []struct {
		listen string
		drain  time.Duration // configured
		refuse error
		in     time.Duration // in force
		named  []string
	}{
		{":2", 2 * time.Second, nil, 2 * time.Second, []string{"server.listen"}},
		{":3", 3 * time.Second, errors.New("bad"), 2 * time.Second, []string{"server.listen"}},
		{":1", 4 * time.Second, errors.New("bad"), 2 * time.Second, []string{"server.listen"}},
		{":1", 5 * time.Second, nil, 5 * time.Second, nil},
	} {
		next = *config.New()
		next.Server.Listen, next.Server.DrainTimeout = step.listen, step.drain
		refuse = step.refuse
		require.Equal(t, step.refuse, r.Reload(t.Context(), "the test"))
		assert.Equal(t, ":1", r.Config().Server.Listen)
		assert.Equal(t, step.in, r.Config().Server.DrainTimeout)
		assert.Equal(t, step.in, r.DrainTimeout())
		assert.Equal(t, step.named, r.State().NeedRestart)
		assert.Equal(t, step.refuse, r.State().Last.Err)
		assert.WithinDuration(t, time.Now(), r.State().Last.At, time.Minute)
	}
}

// After a reload that has failed, the mistake may be in a file that is new or in one that is no longer named. So the files of
// both configurations are watched until a reload succeeds, and then those of the new one alone.
func TestWhichFilesAreWatchedAfterAReload(t *testing.T) {
	for name, fails := range map[string]struct{ load, apply error }{
		"the files cannot be read":          {load: errors.New("bad")},
		"the configuration is of no use":    {apply: errors.New("bad")},
		"neither, and the files are others": {},
	} {
		t.Run(name, func(t *testing.T) {
			of := func(name string) config.Files {
				return config.Files{Names: []string{name + ".yaml"}, Patterns: []string{name + "/*.yaml"}, ImportPaths: []string{name}}
			}
			reading, load, apply := "new", fails.load, fails.apply
			r := &reloader{
				log:   slog.New(slog.DiscardHandler),
				load:  func(files *config.Files) (*config.Config, error) { *files = of(reading); return config.New(), load },
				apply: func(context.Context, *config.Config) error { return apply },
			}
			old := of("old")
			r.began(config.New(), &old)
			requireWatched := func(want ...string) {
				t.Helper()
				var names, patterns, trees []string
				for _, name := range want {
					f := of(name)
					names, patterns, trees = append(names, f.Names...), append(patterns, f.Patterns...), append(trees, f.ImportPaths...)
				}
				watched := r.watched()
				require.ElementsMatch(t, names, watched.Names)
				require.ElementsMatch(t, patterns, watched.Patterns)
				require.ElementsMatch(t, trees, watched.Trees)
			}
			requireWatched("old")
			err := r.Reload(t.Context(), "the test")
			if errors.Join(load, apply) == nil {
				require.NoError(t, err)
				requireWatched("new")
				return
			}
			require.Error(t, err)
			requireWatched("old", "new")
			reading = "newer"
			require.Error(t, r.Reload(t.Context(), "the test"))
			requireWatched("old", "new", "newer")
			load, apply = nil, nil
			require.NoError(t, r.Reload(t.Context(), "the test"))
			requireWatched("newer")
		})
	}
}

// The drain takes as long as the configuration says that is served, not the one with which the program began or one that failed.
func TestTheDrainTakesAsLongAsTheServedConfigurationSays(t *testing.T) {
	within, apply := time.Duration(0), error(nil)
	lasting := func(within time.Duration) *config.Config {
		cfg := config.New()
		cfg.Server.DrainTimeout = within
		return cfg
	}
	r := &reloader{
		log:   slog.New(slog.DiscardHandler),
		load:  func(*config.Files) (*config.Config, error) { return lasting(within), nil },
		apply: func(context.Context, *config.Config) error { return apply },
	}
	r.began(lasting(3*time.Second), &config.Files{})
	assert.Equal(t, 3*time.Second, r.DrainTimeout())
	within = 7 * time.Second
	require.NoError(t, r.Reload(t.Context(), "the test"))
	assert.Equal(t, 7*time.Second, r.DrainTimeout())
	within, apply = 9*time.Second, errors.New("bad")
	require.Error(t, r.Reload(t.Context(), "the test"))
	assert.Equal(t, 7*time.Second, r.DrainTimeout())
}
