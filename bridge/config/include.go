package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// includes reads the files that the `include` patterns of the main file match, and returns their trees. Each file is read once, in
// the order of the patterns and of the names. Unread reports that a file can't be read. The main file is never included, and
// included files can't include others.
func (l *loader) includes(d *decoder, root, include *node) (trees []*node, unread bool) {
	patterns, _ := listOf(d, `["routes.d/*.yaml"]`, d.includePattern)(include)
	main, _ := os.Stat(root.pos.file.name)
	seen := make(map[string]bool)
	for i, pattern := range patterns {
		if pattern == "" {
			unread = true // already reported
			continue
		}
		at := include.children[i]
		l.files.notePattern(pattern)
		matches, err := filepath.Glob(pattern)
		if err != nil {
			d.problem(at, "", "expected a file name or a pattern with * and ?, found %s", at.found())
			unread = true
			continue
		}
		if len(matches) == 0 {
			d.warn(at, "", "no file matches %s: nothing is included", at.shown())
		}
		for _, name := range matches {
			info, err := os.Stat(name)
			if seen[name] || err == nil && os.SameFile(info, main) {
				continue
			}
			seen[name] = true
			l.files.note(name)
			if tree := l.include(d, at, name); tree != nil {
				trees = append(trees, tree)
			} else {
				unread = true
			}
		}
	}
	return trees, unread
}

// includePattern reads a pattern, which starts at the file that has it, and makes it relative to the working directory.
func (d *decoder) includePattern(n *node) (string, bool) {
	pattern, ok := d.wordFor("a file name or a pattern such as routes.d/*.yaml")(n)
	if !ok {
		return "", false
	}
	if _, err := filepath.Match(pattern, ""); err != nil {
		d.expected(n, "a file name or a pattern with * and ?", "")
		return "", false
	}
	if filepath.IsAbs(pattern) {
		return pattern, true
	}
	return filepath.Join(literalPattern(filepath.Dir(n.pos.file.name)), pattern), true
}

// literalPattern returns a pattern that matches one directory, whose name may have characters such as * and ?.
func literalPattern(dir string) string {
	if runtime.GOOS == "windows" {
		return dir // there the backslash separates directories
	}
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(dir)
}

// include reads one file, which may hold upstreams and routes.
func (l *loader) include(d *decoder, at *node, name string) *node {
	data, err := readFile(name)
	if err != nil {
		d.problem(at, "", "expected a file that can be read, found %s: %v", quote(name), withoutPath(err))
		return nil
	}
	tree := l.document(name, data)
	if tree == nil {
		return nil
	}
	mainOnly, known := onlyMain(d.fileKeys(new(Server), new(Auth), new(*node), new(*node)))
	rest := *tree
	rest.children = nil
	for _, c := range tree.children {
		if !slices.Contains(mainOnly, c.name) {
			rest.children = append(rest.children, c)
			continue
		}
		d.add(c.key.problem(c.path, fmt.Sprintf("`%s` can't stand in an included file, which holds upstreams and routes: move it to %s",
			c.name, at.pos.file.name), ""))
	}
	d.fields(&rest, "", known)
	return tree
}

// withoutPath returns the reason of a file error without the path. The message of the problem names the file as the configuration
// does.
func withoutPath(err error) error {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		return pathErr.Err
	}
	return err
}
