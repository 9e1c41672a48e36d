package watch

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	patience = 10 * time.Second
	never    = time.Hour
)

// rig is a watcher of files below a directory.
type rig struct {
	t     *testing.T
	dir   string
	calls chan struct{} // has a value for each call of Changed
	seen  *string       // what the first file had at the last call
}

// start watches. files are relative to the directory.
func start(t *testing.T, dir string, poll time.Duration, files Files) *rig {
	t.Helper()
	r := &rig{t: t, dir: dir, calls: make(chan struct{}, 100), seen: new(string)}
	absolute := func(names []string) (all []string) {
		for _, name := range names {
			all = append(all, filepath.Join(dir, name))
		}
		return all
	}
	files.Names, files.Patterns, files.Trees = absolute(files.Names), absolute(files.Patterns), absolute(files.Trees)
	ctx, cancel := context.WithCancel(t.Context())
	started := make(chan struct{})
	var once sync.Once
	w := &Watcher{
		Files:   func() Files { once.Do(func() { close(started) }); return files },
		Changed: func(context.Context) { r.calls <- struct{}{} },
		Poll:    poll, Settle: 20 * time.Millisecond, Log: slog.New(slog.DiscardHandler),
		Seen: Look(files), Since: time.Now(),
	}
	var running sync.WaitGroup
	running.Go(func() { w.Run(ctx) })
	t.Cleanup(func() { cancel(); running.Wait() })
	<-started
	return r
}

func (r *rig) write(name, content string) {
	r.t.Helper()
	path := filepath.Join(r.dir, name)
	require.NoError(r.t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(r.t, os.WriteFile(path, []byte(content), 0o600))
}

// requireCalls changes something, and expects a call of Changed after that.
func (r *rig) requireCall(change func()) {
	r.t.Helper()
	change()
	select {
	case <-r.calls:
	case <-time.After(patience):
		require.Fail(r.t, "the change was not noticed")
	}
}

// callsUntilQuiet counts the calls of Changed until there is none for several times as long as the watcher waits.
func (r *rig) callsUntilQuiet() (n int) {
	for {
		select {
		case <-r.calls:
			n++
		case <-time.After(200 * time.Millisecond):
			return n
		}
	}
}

// requireNoCall expects no call until a change of another file is noticed.
func (r *rig) requireNoCall(change func(), other func()) {
	r.t.Helper()
	r.callsUntilQuiet() // on a busy machine, one write may be told twice
	change()
	assert.Zero(r.t, r.callsUntilQuiet())
	r.requireCall(other)
}

// link makes a symbolic link point elsewhere, at once.
func (r *rig) link(target, name string) {
	r.t.Helper()
	path := filepath.Join(r.dir, name)
	require.NoError(r.t, os.Symlink(target, path+"_tmp"))
	require.NoError(r.t, os.Rename(path+"_tmp", path))
}

func prepare(t *testing.T, files map[string]string) string {
	t.Helper()
	r := &rig{t: t, dir: t.TempDir()}
	for name, content := range files {
		r.write(name, content)
		past := time.Now().Add(-time.Minute)
		require.NoError(t, os.Chtimes(filepath.Join(r.dir, name), past, past))
	}
	return r.dir
}

func TestAChangeOfTheContentIsTold(t *testing.T) {
	dir := prepare(t, map[string]string{"main": "1", "unrelated": "x"})
	r := start(t, dir, never, Files{Names: []string{"main"}})
	r.requireCall(func() { r.write("main", "2") })
	r.requireCall(func() { // as editors do
		r.write("main.new", "3")
		require.NoError(t, os.Rename(filepath.Join(dir, "main.new"), filepath.Join(dir, "main")))
	})
	r.requireCall(func() { require.NoError(t, os.Remove(filepath.Join(dir, "main"))) })
	r.requireCall(func() { r.write("main", "3") })
	r.requireNoCall(func() {
		r.write("main", "3") // the same content
		r.write("unrelated", "y")
		now := time.Now().Add(time.Minute)
		require.NoError(t, os.Chtimes(filepath.Join(dir, "main"), now, now))
	}, func() { r.write("main", "4") })
}

// Many writes in a row are one change, told when the last one is complete.
func TestManyWritesAreOneChange(t *testing.T) {
	dir := prepare(t, map[string]string{"main": ""})
	r := start(t, dir, never, Files{Names: []string{"main"}})
	r.requireCall(func() {
		for i := range 50 {
			r.write("main", fmt.Sprint(i))
		}
	})
	assert.Less(t, r.callsUntilQuiet(), 5)
}

// Kubernetes projects a volume through two links, and points one of them to another directory.
func TestASwapOfLinksIsTold(t *testing.T) {
	dir := prepare(t, map[string]string{"..one/main": "1", "..two/main": "2"})
	(&rig{t: t, dir: dir}).link("..one", "..data")
	(&rig{t: t, dir: dir}).link("..data/main", "main")
	r := start(t, dir, never, Files{Names: []string{"main"}})
	r.requireCall(func() { r.link("..two", "..data") })
	require.NoError(t, os.RemoveAll(filepath.Join(dir, "..one")))
	r.write("..three/main", "3")
	r.requireCall(func() { r.link("..three", "..data") })
}

// A link may lead to a directory of its own, in which the file is written.
func TestAFileBehindALinkIsTold(t *testing.T) {
	dir := prepare(t, map[string]string{"elsewhere/file": "1", "here/other": ""})
	(&rig{t: t, dir: dir}).link("../elsewhere/file", "here/main")
	target, err := filepath.EvalSymlinks(filepath.Join(dir, "elsewhere"))
	require.NoError(t, err)
	assert.Contains(t, Look(Files{Names: []string{filepath.Join(dir, "here/main")}}).dirs, target, "the directory behind the link is watched")
	r := start(t, dir, never, Files{Names: []string{"here/main"}})
	r.requireCall(func() { r.write("elsewhere/file", "2") })
	r.callsUntilQuiet() // the first look may have found the first change: the system must tell of the next one
	r.requireCall(func() { r.write("elsewhere/file", "3") })
}

func TestNewFilesOfAPatternAreTold(t *testing.T) {
	dir := prepare(t, map[string]string{"routes.d/a.yaml": "1", "teams/x/r.yaml": "1"})
	r := start(t, dir, never, Files{Patterns: []string{"routes.d/*.yaml", "teams/*/r.yaml"}})
	r.requireCall(func() { r.write("routes.d/b.yaml", "2") })
	r.requireCall(func() { require.NoError(t, os.Remove(filepath.Join(dir, "routes.d/a.yaml"))) })
	r.requireCall(func() { r.write("teams/x/r.yaml", "2") })
	r.requireNoCall(func() { r.write("routes.d/c.txt", "") }, func() { r.write("routes.d/b.yaml", "3") })
}

func TestFilesOfATreeAreTold(t *testing.T) {
	dir := prepare(t, map[string]string{"proto/a/b/c.proto": "1", "proto/.git/x.proto": "1"})
	r := start(t, dir, never, Files{Trees: []string{"proto"}, Suffix: ".proto"})
	r.requireCall(func() { r.write("proto/a/b/c.proto", "2") })
	r.requireCall(func() { r.write("proto/a/new.proto", "1") })
	r.requireNoCall(func() {
		r.write("proto/a/note.txt", "")
		r.write("proto/.git/x.proto", "2")
	}, func() { r.write("proto/a/new.proto", "2") })
}

// Where the system tells nothing, the files are looked at.
func TestFilesAreLookedAtInRegularIntervals(t *testing.T) {
	dir := prepare(t, map[string]string{})
	r := start(t, dir, 20*time.Millisecond, Files{Names: []string{"absent/deep/main"}, Patterns: []string{"routes/*/x.yaml"}})
	r.requireCall(func() { r.write("absent/deep/main", "1") })
	r.requireCall(func() { r.write("routes/new/x.yaml", "1") })
}

// After a change, other files may be watched. What changes while they are read is not lost.
func TestFilesThatAreWatchedFromNowOn(t *testing.T) {
	dir := prepare(t, map[string]string{"main": "1", "included": "1"})
	path := func(name string) string { return filepath.Join(dir, name) }
	names := []string{path("main")}
	calls := make(chan int, 100)
	n := 0
	w := &Watcher{
		Files: func() Files { return Files{Names: names} },
		Changed: func(context.Context) {
			if n++; n == 1 {
				names = append(names, path("included"))
				future := time.Now().Add(time.Minute) // it changes after it was read
				assert.NoError(t, os.WriteFile(path("included"), []byte("2"), 0o600))
				assert.NoError(t, os.Chtimes(path("included"), future, future))
			}
			calls <- n
		},
		Poll: never, Settle: 20 * time.Millisecond, Log: slog.New(slog.DiscardHandler),
		Seen: Look(Files{Names: names}), Since: time.Now(),
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { w.Run(ctx) })
	defer func() { cancel(); running.Wait() }()
	receive := func() int {
		select {
		case n := <-calls:
			return n
		case <-time.After(patience):
			require.Fail(t, "the change was not noticed")
			return 0
		}
	}
	r := &rig{t: t, dir: dir}
	r.write("main", "2")
	assert.Equal(t, 1, receive())
	assert.Equal(t, 2, receive())
	r.write("included", "3")
	assert.Equal(t, 3, receive())
}
