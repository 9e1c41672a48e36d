package pathtmpl

import "fmt"

// Router finds the template that fits a request. Templates are added first; after that, any number of goroutines may
// call Match.
type Router[T any] struct {
	root  node[T]
	verbs map[string]struct{}
}

// NewRouter returns a router without templates.
func NewRouter[T any]() *Router[T] {
	return &Router[T]{verbs: make(map[string]struct{})}
}

// ConflictError is the error for a template with the shape and the method of a template that was added before.
type ConflictError[T any] struct {
	Method string
	// Template is the template that was refused, ExistingTemplate the one it collides with.
	Template, ExistingTemplate *Template
	// Existing is the value of the template that is already there.
	Existing T
}

func (e *ConflictError[T]) Error() string {
	return fmt.Sprintf("path template %q fits the same %s requests as %q", e.Template, e.Method, e.ExistingTemplate)
}

// node is a place in the tree of all templates, reached by the segments before it.
type node[T any] struct {
	literals map[string]*node[T] // by decoded text
	one      *node[T]            // by "*"
	// ends are the templates that end here, rests those that end here with "**".
	ends, rests []endpoint[T]
}

// endpoint is the end of a template.
type endpoint[T any] struct {
	method   string
	template *Template
	value    T
}

// Add makes t a route for an HTTP method. [Router.Match] finds v for it. The order of calls does not matter. Where a template of the
// same shape has the method already, the error is a [*ConflictError].
func (r *Router[T]) Add(method string, t *Template, v T) error {
	n := &r.root
	for _, s := range t.segments {
		switch s.kind {
		case kindLiteral:
			n = n.literal(s.literal)
		case kindOne:
			if n.one == nil {
				n.one = new(node[T])
			}
			n = n.one
		case kindRest:
			// The last segment, which has no node.
		}
	}
	ends := &n.ends
	if t.endsInRest() {
		ends = &n.rests
	}
	if e := pick(*ends, method, t.verb); e != nil {
		return &ConflictError[T]{Method: method, Template: t, ExistingTemplate: e.template, Existing: e.value}
	}
	*ends = append(*ends, endpoint[T]{method: method, template: t, value: v})
	if t.verb != "" {
		r.verbs[t.verb] = struct{}{}
	}
	return nil
}

// literal returns the node behind a literal, and makes it where it is missing.
func (n *node[T]) literal(text string) *node[T] {
	if n.literals == nil {
		n.literals = make(map[string]*node[T])
	}
	next := n.literals[text]
	if next == nil {
		next = new(node[T])
		n.literals[text] = next
	}
	return next
}

// pick returns the endpoint with this method and verb, or nil.
func pick[T any](ends []endpoint[T], method, verb string) *endpoint[T] {
	for i := range ends {
		if ends[i].method == method && ends[i].template.verb == verb {
			return &ends[i]
		}
	}
	return nil
}
