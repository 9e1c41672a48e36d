package openapi

import (
	"fmt"
	"strings"
)

// template is the path of a route: a google.api.http template. The text between its wildcards stays as it is.
type template struct {
	literals  []string // one more than there are wildcards
	wildcards []wildcard
}

// wildcard is a part of a path that a client chooses.
type wildcard struct {
	name string // of the parameter
	// variable is the variable of the template that the wildcard is a part of, "" for none.
	variable string
	// whole is the pattern of the variable where the wildcard is not all of its value, such as "shelves/*".
	whole string
	rest  bool // the wildcard stands for any number of segments
}

// parseTemplate reads a template that the bridge has accepted.
func parseTemplate(path string) *template {
	t := &template{literals: []string{""}}
	for path != "" {
		switch path[0] {
		case '{':
			inside, rest, _ := strings.Cut(path[1:], "}")
			t.variable(inside)
			path = rest
		case '*':
			rest := strings.TrimLeft(path, "*")
			t.add(wildcard{name: fmt.Sprintf("segment-%d", len(t.wildcards)+1), rest: len(path)-len(rest) > 1})
			path = rest
		default:
			end := strings.IndexAny(path, "{*")
			if end < 0 {
				end = len(path)
			}
			t.text(path[:end])
			path = path[end:]
		}
	}
	return t
}

// variable adds the segments of a variable: "name", or "name=shelves/*".
func (t *template) variable(inside string) {
	name, pattern, _ := strings.Cut(inside, "=")
	if pattern == "" || pattern == "*" {
		t.add(wildcard{name: name, variable: name})
		return
	}
	several := strings.Count("/"+pattern, "/*") > 1
	for i, segment := range strings.Split(pattern, "/") {
		if i > 0 {
			t.text("/")
		}
		if segment != "*" && segment != "**" {
			t.text(segment)
			continue
		}
		w := wildcard{name: name, variable: name, rest: segment == "**"}
		if pattern != "**" {
			w.whole = pattern
		}
		if several {
			w.name = fmt.Sprintf("%s-%d", name, len(t.wildcards)+1)
		}
		t.add(w)
	}
}

func (t *template) add(w wildcard) {
	t.wildcards = append(t.wildcards, w)
	t.literals = append(t.literals, "")
}

// text adds literal text. Characters beyond ASCII are percent-encoded, as they are in a URL.
func (t *template) text(literal string) {
	var out strings.Builder
	for i := range len(literal) {
		if c := literal[i]; c < 0x80 {
			out.WriteByte(c)
		} else {
			fmt.Fprintf(&out, "%%%02X", c)
		}
	}
	t.literals[len(t.literals)-1] += out.String()
}

// hasRest reports whether a wildcard stands for any number of segments.
func (t *template) hasRest() bool {
	for _, w := range t.wildcards {
		if w.rest {
			return true
		}
	}
	return false
}

// spread returns the template with n wildcards of one segment each in place of the rest.
func (t *template) spread(n int) *template {
	out := &template{literals: t.literals[:1:1]}
	for i, w := range t.wildcards {
		if !w.rest {
			out.wildcards = append(out.wildcards, w)
		} else {
			for k := range n {
				one := w
				if n > 1 {
					one.name = fmt.Sprintf("%s-%d", w.name, k+1)
				}
				if k > 0 {
					out.literals = append(out.literals, "/")
				}
				out.wildcards = append(out.wildcards, one)
			}
		}
		out.literals = append(out.literals, t.literals[i+1])
	}
	return out
}

// path returns the path of the document, with the given names of the wildcards.
func (t *template) path(name func(i int) string) string {
	var out strings.Builder
	out.WriteString(t.literals[0])
	for i := range t.wildcards {
		out.WriteString("{" + name(i) + "}" + t.literals[i+1])
	}
	return out.String()
}

// names returns the path with the names that the wildcards have themselves.
func (t *template) names() string { return t.path(func(i int) string { return t.wildcards[i].name }) }

// shape returns the path without names. In OpenAPI, two paths of one shape are the same path.
func (t *template) shape() string { return t.path(func(int) string { return "" }) }

// exact reports whether the path of the document says all that the template says.
func (t *template) exact() bool {
	for _, w := range t.wildcards {
		if w.rest || w.whole != "" || w.variable == "" {
			return false
		}
	}
	return true
}
