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

// The bounds of one pattern: how many entries are looked at, and how many files are found.
const (
	maxGlobEntries = 200_000
	maxGlobFiles   = 10_000
)

// PatternError says why a pattern in the list of files to compile finds no file.
type PatternError struct {
	Index   int // the index of the pattern in the list
	Pattern string
	Reason  string
}

// Error returns a message with the pattern and the reason.
func (e *PatternError) Error() string { return fmt.Sprintf("the pattern %q %s", e.Pattern, e.Reason) }

// expand replaces each pattern by the files that it finds, sorted. It leaves out files that are in the list already, even under
// another name: a file that is below several import paths is listed by its name below the first one.
func expand(ctx context.Context, files, importPaths []string) ([]string, error) {
	var out []string
	seen := map[string]bool{} // real paths
	for i, name := range files {
		found := []string{name}
		if isPattern(name) && realPath(name, importPaths) == "" { // the name of a file may have brackets
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

// realPath returns the path of an import in the file system, "" where there is no such file.
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

// glob holds the segments of a pattern. "**" stands for any number of directories. Every other segment is a pattern of
// [path.Match].
type glob []string

// newGlob parses a pattern. The second result says what is wrong with the pattern, and is "" for a valid one.
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

// after returns the positions in the pattern that the segments of a path can reach. Where element i is true, the next segment
// of the path may match g[i]. Where element len(g) is true, the path matches the whole pattern.
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

// passing adds the positions that are reached where "**" stands for no directory.
func (g glob) passing(at []bool) []bool {
	for i, part := range g {
		if at[i] && part == "**" {
			at[i+1] = true
		}
	}
	return at
}

// isHidden reports whether a name begins with a dot. Only a pattern that begins with a dot finds such names.
func isHidden(segment string) bool { return strings.HasPrefix(segment, ".") && segment != "." }

// globbing searches the files of one pattern.
type globbing struct {
	ctx         context.Context
	importPaths []string
	entries     int // the number of files and directories that were looked at
	found       []string
}

var (
	errTooManyEntries = fmt.Errorf("looks at more than %d files and directories: expected narrower import paths or a narrower "+
		"pattern", maxGlobEntries)
	errTooManyFiles = fmt.Errorf("finds more than %d files: expected fewer", maxGlobFiles)
)

// find returns the files that a pattern finds, with their names in import statements, sorted. Where it finds none, it returns
// the reason.
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
		return nil, fmt.Sprintf("finds no file: expected at least one that ends in .proto below %s; %d files and directories were "+
			"looked at", strings.Join(looked, ", "), g.entries)
	}
	slices.Sort(g.found)
	return slices.Compact(g.found), ""
}

// walk searches below one import path. It accepts symbolic links to files. It does not follow links to directories, which may
// form a cycle.
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
