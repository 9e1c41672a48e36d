package secret

import (
	"os"
	"slices"
	"sync"
	"time"
)

// Fresh is a value that is made of files, and made again when the files have changed. While it cannot be made, the last value
// that could be made stays. All methods may be called concurrently.
type Fresh[T any] struct {
	files []string
	load  func() (T, error)
	stale func(error)
	every time.Duration

	mu     sync.Mutex
	value  T
	made   []os.FileInfo // of the files when value was made; nil for a file that was not there
	looked time.Time
	failed bool // stale was called since value was made
}

// settled is how long a file must be unchanged before it is read again: a program may still be writing it.
const settled = time.Second

// New makes a value with load, which reads the files. The error is that of load. The files are looked at when the value is asked
// for, and not more often than once in the time every. When the value cannot be made again, stale is called, and not once more
// until it could be made.
func New[T any](files []string, every time.Duration, load func() (T, error), stale func(error)) (*Fresh[T], error) {
	f := &Fresh[T]{files: files, every: every, load: load, stale: stale, looked: time.Now()}
	f.made = f.look()
	var err error
	f.value, err = load()
	return f, err
}

// Get returns the value.
func (f *Fresh[T]) Get() T {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	if now.Sub(f.looked) < f.every {
		return f.value
	}
	f.looked = now
	found := f.look()
	if slices.EqualFunc(found, f.made, sameVersion) || slices.ContainsFunc(found, func(i os.FileInfo) bool { return isFresh(i, now) }) {
		return f.value
	}
	value, err := f.load()
	switch {
	case err == nil:
		f.value, f.made, f.failed = value, found, false
	case !f.failed:
		f.failed = true
		f.stale(err)
	}
	return f.value
}

// look returns the state of the files. It follows symbolic links.
func (f *Fresh[T]) look() []os.FileInfo {
	found := make([]os.FileInfo, len(f.files))
	for i, file := range f.files {
		if info, err := os.Stat(file); err == nil {
			found[i] = info
		}
	}
	return found
}

// sameVersion reports whether two looks at a file saw the same version of it.
func sameVersion(a, b os.FileInfo) bool {
	if a == nil || b == nil {
		return a == b
	}
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}

// isFresh reports whether a file was changed so recently that it may not be complete.
func isFresh(info os.FileInfo, now time.Time) bool {
	if info == nil {
		return false
	}
	age := now.Sub(info.ModTime())
	return age >= 0 && age < settled
}
