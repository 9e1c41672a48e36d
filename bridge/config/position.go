package config

import (
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// sourceFile is one configuration file: its name, and its lines for excerpts.
type sourceFile struct {
	name  string
	lines []string
}

func newSourceFile(name string, data []byte) *sourceFile {
	// A byte order mark is no column.
	text := strings.TrimPrefix(string(data), "\ufeff")
	// These are the line breaks that the YAML scanner counts.
	text = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u0085", "\n", "\u2028", "\n", "\u2029", "\n").Replace(text)
	return &sourceFile{name: name, lines: strings.Split(text, "\n")}
}

// longestLine bounds, in bytes, the lines that are looked at for excerpts.
const longestLine = 8 << 10

// userinfo matches a user and a password in a URL, as far as text has URLs.
var userinfo = regexp.MustCompile(`://[^\s"',\]}]+@`)

// withoutUserinfo hides users and passwords in URLs. The length of the text stays the same.
func withoutUserinfo(text string) string {
	return userinfo.ReplaceAllStringFunc(text, func(found string) string {
		return "://" + strings.Repeat("*", utf8.RuneCountInString(found)-len("://@")) + "@"
	})
}

// line returns a source line, without the users and passwords of URLs. It returns "" for a line that is too long to be shown, and for the line behind the last one, since
// the end of a file is a position too.
func (f *sourceFile) line(number int) string {
	if number < 1 || number > len(f.lines) || len(f.lines[number-1]) > longestLine {
		return ""
	}
	return withoutUserinfo(f.lines[number-1])
}

// resolve makes a path that the file names relative to where the program runs.
func (f *sourceFile) resolve(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(filepath.Dir(f.name), path)
}

// position is a place in a file. Line and column start at 1, columns count characters. The zero position is nowhere.
type position struct {
	file         *sourceFile
	line, column int
}

func (p position) isZero() bool {
	return p.file == nil
}

// String returns file:line:column.
func (p position) String() string {
	return p.file.name + ":" + strconv.Itoa(p.line) + ":" + strconv.Itoa(p.column)
}

// problem returns a problem at this position.
func (p position) problem(path, message, hint string) *Problem {
	problem := &Problem{Path: path, Message: message, Hint: hint}
	if p.isZero() {
		return problem
	}
	problem.File, problem.Line, problem.Column = p.file.name, p.line, p.column
	problem.excerpt = p.file.line(p.line)
	return problem
}

// source is the place of a route or an upstream in its file. The zero value stands for one that came from no file.
type source struct {
	// node is the tree that the route was decoded from: its own keys over those of `defaults`.
	node *node
	// path is the configuration path, for example "routes[1]".
	path string
}

// Problem returns a problem at the position of a key of the route. It is for checks that this package can't make because it knows no
// schemas. The key has the sections around it: "rpc", "event.id", "request.set.after_sequence", "request.query[1]". For a key
// that `defaults` gives, the position is there. For a key that is left out, it is that of the nearest section around it. The
// problem of a route that came from no file has no position.
func (r *Route) Problem(key, message, hint string) *Problem {
	return r.source.problem(key, message, hint)
}

// Problem returns a problem at the position of a key of the upstream, as [Route.Problem] does.
func (u *Upstream) Problem(key, message, hint string) *Problem {
	return u.source.problem(key, message, hint)
}

func (s source) problem(key, message, hint string) *Problem {
	path := joinPath(s.path, key)
	message, hint = s.node.withoutValues(message), s.node.withoutValues(hint)
	if s.node == nil {
		return position{}.problem(path, message, hint)
	}
	found, whole := s.node.find(key)
	if whole {
		return found.pos.problem(path, message, hint)
	}
	return found.place().problem(path, message, hint)
}

// joinPath appends a key to a configuration path.
func joinPath(path, key string) string {
	if path == "" || key == "" {
		return path + key
	}
	return path + "." + key
}
