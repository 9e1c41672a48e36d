package watch

import (
	"crypto/sha256"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// State is what a look at the files has seen.
type State struct {
	files map[string]version
	dirs  map[string]bool // the directories in which a change may be seen
}

// version is one version of a file. A file that cannot be read has no info and the zero sum.
type version struct {
	info os.FileInfo // as it was after the content was read
	sum  [sha256.Size]byte
	// sure says that another content would have another info. Of a file that is being changed, the info says little.
	sure bool
}

// Bounds of a tree.
const (
	mostInTree = 10_000 // files and directories
	mostBytes  = 64 << 20
)

// Look returns what the files are now. See [Watcher].
func Look(files Files) *State { return look(files, nil) }

// look reads the files. before is what was seen before, or nil: a file that looks the same is not read again.
func look(files Files, before *State) *State {
	s := &State{files: map[string]version{}, dirs: map[string]bool{}}
	for _, name := range files.Names {
		s.add(name, before)
	}
	for _, pattern := range files.Patterns {
		s.addDirsOf(pattern)
		matches, _ := filepath.Glob(pattern) // a bad pattern is a mistake in the configuration
		for _, name := range matches {
			s.add(name, before)
		}
	}
	for _, tree := range files.Trees {
		s.addTree(tree, files.Suffix, before)
	}
	return s
}

// add adds one file, and the directories that lead to it: its own, and where it is a link, the one that it leads to.
func (s *State) add(name string, before *State) {
	s.dirs[filepath.Dir(name)] = true
	if target, err := filepath.EvalSymlinks(name); err == nil {
		s.dirs[filepath.Dir(target)] = true
	}
	s.files[name] = versionOf(name, before)
}

func versionOf(name string, before *State) version {
	info, err := os.Stat(name)
	if err != nil || !info.Mode().IsRegular() {
		return version{}
	}
	if before != nil {
		if old := before.files[name]; old.sure && sameInfo(old.info, info) {
			return old
		}
	}
	f, err := os.Open(name)
	if err != nil {
		return version{}
	}
	defer func() { _ = f.Close() }()
	sum := sha256.New()
	if _, err := io.Copy(sum, io.LimitReader(f, mostBytes)); err != nil {
		return version{}
	}
	after, err := f.Stat()
	if err != nil {
		return version{}
	}
	v := version{info: after, sure: sameInfo(info, after) && time.Since(after.ModTime()) > time.Second}
	sum.Sum(v.sum[:0])
	return v
}

func sameInfo(a, b os.FileInfo) bool {
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}

// addDirsOf adds the directories in which a file may appear that matches a pattern.
func (s *State) addDirsOf(pattern string) {
	for dir := filepath.Dir(pattern); ; dir = filepath.Dir(dir) {
		if !strings.ContainsAny(dir, `*?[\`) {
			s.dirs[dir] = true
			return
		}
		matches, _ := filepath.Glob(dir)
		for _, match := range matches {
			s.dirs[match] = true
		}
	}
}

// addTree adds the files below a directory.
func (s *State) addTree(root, suffix string, before *State) {
	left := mostInTree
	_ = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		left--
		switch {
		case left < 0:
			return fs.SkipAll
		case err != nil:
			return fs.SkipDir
		case entry.IsDir() && path != root && strings.HasPrefix(entry.Name(), "."):
			return fs.SkipDir
		case entry.IsDir():
			s.dirs[path] = true
		case strings.HasSuffix(path, suffix):
			s.add(path, before)
		}
		return nil
	})
}

// same reports whether both looks have seen the same files with the same content.
func (s *State) same(other *State) bool {
	return maps.EqualFunc(s.files, other.files, func(a, b version) bool {
		return a.sum == b.sum && (a.info == nil) == (b.info == nil)
	})
}

// coarse is how much earlier than the change the time of a file may be: systems note times with the clock of their last tick.
const coarse = 50 * time.Millisecond

// goesOn compares a look with the one before it, between which other files may have come to be watched. It reports whether a
// file was changed or removed meanwhile. A file that is watched from now on counts where it was changed after at.
func (s *State) goesOn(before *State, at time.Time) bool {
	for name, v := range s.files {
		old, had := before.files[name]
		switch {
		case had && old.sum != v.sum:
			return true
		case !had && v.info != nil && v.info.ModTime().After(at.Add(-coarse)):
			return true
		}
	}
	for name, old := range before.files {
		if _, has := s.files[name]; has || old.info == nil {
			continue
		}
		if _, err := os.Stat(name); err != nil {
			return true
		}
	}
	return false
}
