// Package watch tells when the content of files has changed.
//
// The directories of the files are watched, since editors and Kubernetes replace files and links instead of writing to them.
// What the system tells is only the occasion to look at the files: a change is a change of their content. The files are also
// looked at in regular intervals, because some file systems tell nothing and the system may have no watches left.
package watch

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"time"

	"github.com/fsnotify/fsnotify"
)

// Files are what is watched.
type Files struct {
	Names    []string // files, which need not exist
	Patterns []string // of files, as in [path/filepath.Glob]
	// Trees are directories whose files are watched whose names end in Suffix, however deep they stand. Hidden directories are
	// left out, and so is what is beyond a bound.
	Trees  []string
	Suffix string
}

// Watcher watches files until its context ends. The zero value of each field except Files and Changed has a meaning.
type Watcher struct {
	// Files returns what is watched now. It is asked again after each call of Changed.
	Files func() Files
	// Changed is called when the content of files has changed and has then been the same for the time Settle.
	Changed func(ctx context.Context)
	// Seen is what the files were before they were used for the first time, and Since is when that began. Files that have changed
	// since then are told of at once.
	Seen  *State
	Since time.Time
	// Poll is how often the files are looked at where the system tells of no change. The default is 10 s.
	Poll time.Duration
	// Settle is how long files must be quiet before they count as written. The default is 200 ms.
	Settle time.Duration
	Log    *slog.Logger
}

const (
	defaultPoll   = 10 * time.Second
	defaultSettle = 200 * time.Millisecond
	// longestSettle bounds the wait for files that never become quiet.
	longestSettle = 5 * time.Second
)

// Run watches until ctx ends.
func (w *Watcher) Run(ctx context.Context) {
	if w.Poll <= 0 {
		w.Poll = defaultPoll
	}
	if w.Settle <= 0 {
		w.Settle = defaultSettle
	}
	told := newTold(w.Log)
	defer told.close()
	poll := time.NewTicker(w.Poll)
	defer poll.Stop()
	seen := w.look(w.Seen, told)
	changed := w.Seen != nil && seen.goesOn(w.Seen, w.Since)
	for {
		if changed {
			seen = w.tell(ctx, seen, told)
		}
		select {
		case <-ctx.Done():
			return
		case <-told.events():
			w.settle(ctx, told)
		case <-poll.C:
		}
		now := w.look(seen, told)
		changed = !now.same(seen)
		if seen = now; changed && !w.quiet(ctx, &seen) {
			return
		}
	}
}

// look looks at the files, and has their directories watched. Where a directory was not watched before, the bell rings: a file in
// it may have changed between the look and that.
func (w *Watcher) look(before *State, told *told) *State {
	now := look(w.Files(), before)
	if told.watch(now.dirs) {
		told.wake()
	}
	return now
}

// tell calls Changed until it has seen the newest files, and returns what was seen then.
func (w *Watcher) tell(ctx context.Context, seen *State, told *told) *State {
	for ctx.Err() == nil {
		began := time.Now()
		w.Changed(ctx)
		now := w.look(seen, told)
		again := now.goesOn(seen, began)
		if seen = now; !again {
			break
		}
	}
	return seen
}

// settle waits until the system has told nothing for some time.
func (w *Watcher) settle(ctx context.Context, told *told) {
	late := time.NewTimer(longestSettle)
	defer late.Stop()
	for {
		quiet := time.NewTimer(w.Settle)
		select {
		case <-told.events():
			quiet.Stop()
			continue
		case <-quiet.C:
		case <-late.C:
		case <-ctx.Done():
		}
		quiet.Stop()
		return
	}
}

// quiet waits until two looks at the files, with the time Settle between them, see the same. It reports false where ctx ends.
func (w *Watcher) quiet(ctx context.Context, seen **State) bool {
	for range int(longestSettle / w.Settle) {
		select {
		case <-ctx.Done():
			return false
		case <-time.After(w.Settle):
		}
		now := look(w.Files(), *seen)
		same := now.same(*seen)
		if *seen = now; same {
			break
		}
	}
	return true
}

// told is what the system tells of directories.
type told struct {
	log     *slog.Logger
	watcher *fsnotify.Watcher // nil where the system tells nothing
	bell    chan struct{}     // of capacity 1; has a value when there was a change
	done    chan struct{}     // closed when the goroutine that rings has returned
	dirs    map[string]bool   // the directories that are watched
	warned  bool
}

// mostDirs bounds how many directories are watched. The files in the others are only looked at.
const mostDirs = 256

func newTold(log *slog.Logger) *told {
	t := &told{log: log, bell: make(chan struct{}, 1), done: make(chan struct{}), dirs: map[string]bool{}}
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		t.warn(err)
		close(t.done)
		return t
	}
	t.watcher = watcher
	go t.ring()
	return t
}

// ring rings the bell for each event. An error, such as a lost event, is a reason to look at the files too.
func (t *told) ring() {
	defer close(t.done)
	for {
		select {
		case _, ok := <-t.watcher.Events:
			if !ok {
				return
			}
		case _, ok := <-t.watcher.Errors:
			if !ok {
				return
			}
		}
		t.wake()
	}
}

// wake rings the bell.
func (t *told) wake() {
	select {
	case t.bell <- struct{}{}:
	default:
	}
}

func (t *told) events() <-chan struct{} { return t.bell }

// watch watches these directories, and no others. It reports whether one of them was not watched before.
func (t *told) watch(dirs map[string]bool) (more bool) {
	if t.watcher == nil {
		return false
	}
	for dir := range t.dirs {
		if !dirs[dir] {
			_ = t.watcher.Remove(dir) // it may be gone
			delete(t.dirs, dir)
		}
	}
	for dir := range dirs {
		if len(t.dirs) >= mostDirs {
			break
		}
		// A directory that was replaced has to be added again, and adding one twice does nothing.
		if err := t.watcher.Add(dir); err != nil {
			t.warnUnlessGone(err)
			continue
		}
		more = more || !t.dirs[dir]
		t.dirs[dir] = true
	}
	return more
}

func (t *told) close() {
	if t.watcher != nil {
		_ = t.watcher.Close()
	}
	<-t.done
}

// warn says once that the system tells nothing.
func (t *told) warn(err error) {
	if !t.warned {
		t.warned = true
		t.log.Info("the system tells of no changes of files; they are looked at in regular intervals", "error", err)
	}
}

// warnUnlessGone does the same, unless the directory does not exist.
func (t *told) warnUnlessGone(err error) {
	if !errors.Is(err, fs.ErrNotExist) {
		t.warn(err)
	}
}
