package schema

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// What one pattern may make the bridge look at, and find.
const (
	maxGlobEntries = 200_000
	maxGlobFiles   = 10_000
)

// PatternError says why an entry of the files to compile, which is a pattern, gives none.
type PatternError struct {
	Index   int // of the entry
	Pattern string
	Reason  string
}

// Error says what was looked for.
func (e *PatternError) Error() string { return fmt.Sprintf("the pattern %q %s", e.Pattern, e.Reason) }

// expand puts the files that each pattern finds in its place, sorted. Files that are there already are left out, under whatever
// name: one that several import paths lead to counts by the first of them.
func expand(ctx context.Context, files, importPaths []string) ([]string, error) {
	var out []string
	seen := map[string]bool{} // real paths
	for i, name := range files {
		found := []string{name}
		if isPattern(name) && realPath(name, importPaths) == "" { // a name may have brackets
			g := &globbing{ctx: ctx, importPaths: importPaths}
			reason := ""
			if found, reason = g.find(name); reason != "" {
				return nil, &PatternError{Index: i, Pattern: name, Reason: reason}
			}
		}
		for _, name := range found {
			at := realPath(name, importPaths)
			if at != "" && seen[at] || slices.Contains(out, name) {
				continue
			}
			seen[at] = true
			out = append(out, name)
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
	return out, nil
}

func isPattern(name string) bool { return strings.ContainsAny(name, "*?[") }

// realPath is where the file of an import lies, "" where there is none.
func realPath(name string, importPaths []string) string {
	for _, dir := range importPaths {
		if at, err := filepath.EvalSymlinks(filepath.Join(dir, filepath.FromSlash(name))); err == nil {
			if abs, err := filepath.Abs(at); err == nil {
				return abs
			}
			return at
		}
	}
	return ""
}

// glob is the segments of a pattern. "**" stands for any number of directories, and the others are as [path.Match] has them.
type glob []string

// newGlob parses a pattern. The second result says what is wrong with it.
func newGlob(pattern string) (glob, string) {
	g := glob(strings.Split(path.Clean(pattern), "/"))
	for _, segment := range g {
		_, err := path.Match(segment, "")
		switch {
		case segment == "**":
		case segment == "" || segment == "..":
			return nil, "leaves the import paths: expected one below them; add the directory to `import_paths`"
		case strings.Contains(segment, "**"):
			return nil, "has `**` beside other characters: expected it alone between slashes, as in `**/*.proto`"
		case err != nil:
			return nil, "is malformed: expected `*`, `?` and closed `[a-z]`, with `**` for any directories"
		}
	}
	return g, ""
}

// after returns the places in the pattern to which a path can have led: g[i] is what its next segment must fit where i is
// among them, and the path fits the whole pattern where len(g) is.
func (g glob) after(segments []string) []bool {
	at := g.start()
	for _, segment := range segments {
		next := make([]bool, len(g)+1)
		for i, part := range g {
			if !at[i] || isHidden(segment) && !isHidden(part) {
				continue
			}
			if part == "**" {
				next[i] = true
			} else if fits, _ := path.Match(part, segment); fits {
				next[i+1] = true
			}
		}
		at = g.passing(next)
	}
	return at
}

func (g glob) start() []bool {
	at := make([]bool, len(g)+1)
	at[0] = true
	return g.passing(at)
}

// passing lets each "**" stand for nothing as well.
func (g glob) passing(at []bool) []bool {
	for i, part := range g {
		if at[i] && part == "**" {
			at[i+1] = true
		}
	}
	return at
}

// isHidden is what only a pattern that begins with a dot as well finds.
func isHidden(segment string) bool { return strings.HasPrefix(segment, ".") && segment != "." }

// globbing looks for the files of one pattern.
type globbing struct {
	ctx         context.Context
	importPaths []string
	entries     int // that were looked at
	found       []string
}

var (
	errTooManyEntries = fmt.Errorf("looks at more than %d files and directories: expected narrower import paths or a narrower pattern", maxGlobEntries)
	errTooManyFiles   = fmt.Errorf("finds more than %d files: expected fewer", maxGlobFiles)
)

// find returns names as imports have them, sorted, or the reason why there are none.
func (g *globbing) find(pattern string) ([]string, string) {
	parts, reason := newGlob(pattern)
	if reason != "" {
		return nil, reason
	}
	var looked []string
	for _, dir := range g.importPaths {
		err := g.walk(dir, parts)
		switch {
		case errors.Is(err, errTooManyEntries), errors.Is(err, errTooManyFiles):
			return nil, err.Error()
		case errors.Is(err, fs.ErrNotExist):
			looked = append(looked, dir+" (which does not exist)")
		case err != nil:
			return nil, "cannot be looked for: " + err.Error()
		default:
			looked = append(looked, dir)
		}
	}
	if len(g.found) == 0 {
		return nil, fmt.Sprintf("finds no file: expected at least one that ends in .proto below %s; %d files and directories were looked at",
			strings.Join(looked, ", "), g.entries)
	}
	slices.Sort(g.found)
	return slices.Compact(g.found), ""
}

// walk looks below one import path. Links to files count, links to directories are not followed: they may lead in a circle.
func (g *globbing) walk(dir string, parts glob) error {
	root := os.DirFS(dir)
	return fs.WalkDir(root, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name == "." {
			return g.ctx.Err()
		}
		if g.entries++; g.entries > maxGlobEntries {
			return errTooManyEntries
		}
		at := parts.after(strings.Split(name, "/"))
		switch {
		case entry.IsDir() && !slices.Contains(at[:len(parts)], true):
			return fs.SkipDir
		case entry.IsDir():
			return g.ctx.Err()
		case !at[len(parts)], path.Ext(name) != ".proto":
			return nil
		}
		if info, err := fs.Stat(root, name); err != nil || !info.Mode().IsRegular() {
			return nil //nolint:nilerr // a link that leads nowhere, or to a directory
		}
		if g.found = append(g.found, name); len(g.found) > maxGlobFiles {
			return errTooManyFiles
		}
		return nil
	})
}
