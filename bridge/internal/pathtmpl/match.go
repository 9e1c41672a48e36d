package pathtmpl

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// Outcome is the result of a match.
type Outcome int

const (
	// NotFound: no template fits the path.
	NotFound Outcome = iota
	// Found: a template fits, and has the method.
	Found
	// MethodNotAllowed: templates fit, and none of them has the method.
	MethodNotAllowed
	// Malformed: the path has a percent sign without two hexadecimal digits, or a variable whose value is not UTF-8.
	Malformed
)

// Match is the result of [Router.Match].
type Match[T any] struct {
	Outcome Outcome
	// Value and Template belong to the route, where the outcome is Found.
	Value    T
	Template *Template
	// Variables is the slice that was passed in, with the values of Template's variables appended, in their order, where
	// the outcome is Found.
	Variables []string
	// Allowed are the methods that the path has, sorted, where the outcome is MethodNotAllowed.
	Allowed []string
}

// Match finds the route for a method and a path as it stands in the request line, see [net/url.URL.EscapedPath].
// A route for GET is not one for HEAD. A server that answers HEAD with the route for GET asks for GET.
//
// Where several templates fit, Match returns the most specific one that has the method. A template with the verb of the path comes
// before one without a verb. Then, from left to right, a literal comes before "*", and "*" before "**".
//
// Values are percent-decoded as google/api/http.proto says. The value of a variable that is a single segment is decoded whole, so
// that %2F is a slash in the value. In the value of a variable that may be several segments, %2F and %2f stay as they are, since
// a decoded slash could not be told from a slash between segments.
//
// Match allocates for values that have escapes, and for Allowed, and for nothing else.
func (r *Router[T]) Match(method, path string, variables []string) Match[T] {
	switch {
	case !isWellFormed(path):
		return Match[T]{Outcome: Malformed, Variables: variables}
	case !strings.HasPrefix(path, "/") || hasDotSegment(path):
		return Match[T]{Variables: variables}
	}
	if stem, verb, ok := r.cutVerb(path); ok {
		if e := r.root.find(trimRoot(stem), method, verb); e != nil {
			return e.match(stem, variables)
		}
	}
	if e := r.root.find(trimRoot(path), method, ""); e != nil {
		return e.match(path, variables)
	}
	if allowed := r.allowed(path); allowed != nil {
		return Match[T]{Outcome: MethodNotAllowed, Allowed: allowed, Variables: variables}
	}
	return Match[T]{Variables: variables}
}

// cutVerb splits path at its last colon where a template has the verb behind it.
func (r *Router[T]) cutVerb(path string) (stem, verb string, ok bool) {
	i := strings.LastIndexByte(path, ':')
	if len(r.verbs) == 0 || i < 0 || strings.IndexByte(path[i:], '/') >= 0 {
		return "", "", false
	}
	verb = unescape(path[i+1:], false)
	_, ok = r.verbs[verb]
	return path[:i], verb, ok
}

// trimRoot returns the segments of a path, each behind its slash: none for "/".
func trimRoot(path string) string {
	if path == "/" {
		return ""
	}
	return path
}

// find returns the most specific endpoint below n for rest, which is the segments that are left, each with its slash. It visits each
// node at most once, so the number of templates bounds its cost, and not the path.
func (n *node[T]) find(rest, method, verb string) *endpoint[T] {
	if rest == "" {
		if e := pick(n.ends, method, verb); e != nil {
			return e
		}
		return pick(n.rests, method, verb)
	}
	text, next := cutSegment(rest)
	if child := n.lookUp(text); child != nil {
		if e := child.find(next, method, verb); e != nil {
			return e
		}
	}
	if n.one != nil && text != "" {
		if e := n.one.find(next, method, verb); e != nil {
			return e
		}
	}
	if fitsRest(rest) {
		return pick(n.rests, method, verb)
	}
	return nil
}

// lookUp returns the node behind the literal that text, which may have escapes, stands for.
func (n *node[T]) lookUp(text string) *node[T] {
	if len(n.literals) == 0 || strings.IndexByte(text, '%') < 0 {
		return n.literals[text]
	}
	var buf [128]byte
	return n.literals[string(appendUnescaped(buf[:0], text, false))]
}

// cutSegment splits off the first segment of rest.
func cutSegment(rest string) (text, next string) {
	rest = rest[1:]
	if i := strings.IndexByte(rest, '/'); i >= 0 {
		return rest[:i], rest[i:]
	}
	return rest, ""
}

// fitsRest reports whether "**" fits rest. The text that it captures must not begin with a slash.
func fitsRest(rest string) bool { return !strings.HasPrefix(rest, "//") }

// allowed returns the methods of all templates that fit path, sorted, or nil.
func (r *Router[T]) allowed(path string) []string {
	methods := r.root.methods(nil, trimRoot(path), "")
	if stem, verb, ok := r.cutVerb(path); ok {
		methods = r.root.methods(methods, trimRoot(stem), verb)
	}
	slices.Sort(methods)
	return slices.Compact(methods)
}

// methods appends the methods of all templates below n that fit rest.
func (n *node[T]) methods(dst []string, rest, verb string) []string {
	if rest == "" || fitsRest(rest) {
		dst = appendMethods(dst, n.rests, verb)
	}
	if rest == "" {
		return appendMethods(dst, n.ends, verb)
	}
	text, next := cutSegment(rest)
	if child := n.lookUp(text); child != nil {
		dst = child.methods(dst, next, verb)
	}
	if n.one != nil && text != "" {
		dst = n.one.methods(dst, next, verb)
	}
	return dst
}

func appendMethods[T any](dst []string, ends []endpoint[T], verb string) []string {
	for _, e := range ends {
		if e.template.verb == verb {
			dst = append(dst, e.method)
		}
	}
	return dst
}

// match returns e with the values of its variables in path, which has no verb.
func (e *endpoint[T]) match(path string, variables []string) Match[T] {
	m := Match[T]{Outcome: Found, Value: e.value, Template: e.template, Variables: variables}
	position, rest := 0, path // position counts the segments before rest
	for _, v := range e.template.variables {
		for ; position < v.first; position++ {
			_, rest = cutSegment(rest)
		}
		raw := rest
		for ; position < v.end; position++ {
			if e.template.segments[position].kind == kindRest {
				rest = ""
				break
			}
			_, rest = cutSegment(rest)
		}
		value := unescape(strings.TrimPrefix(raw[:len(raw)-len(rest)], "/"), v.Multi)
		if !utf8.ValidString(value) {
			return Match[T]{Outcome: Malformed, Variables: variables}
		}
		m.Variables = append(m.Variables, value)
	}
	return m
}
