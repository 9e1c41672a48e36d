package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/grpcsse/grpcsse/bridge/internal/pathtmpl"
)

// checkBindings refuses a field of the request that is given twice: by two variables of the path, by the path and `request.set`,
// by two entries of `request.set`, or by one of these and a query parameter that the route lists. A field collides also with
// the fields around it and inside it.
func (s *sections) checkBindings(r *mappedRoute) {
	bound := bindings{}
	if r.template != nil {
		for _, v := range r.template.Variables() {
			path := r.node.child("path")
			name := "{" + v.Path + "}"
			if path.secret {
				name = "{…}"
			}
			if other, ok := bound.collision(v.Path); ok {
				s.problem(path, "", "the variable %s is bound twice: %s has it already", name, other)
			}
			bound.add(v.Path, "the variable "+name+" of the path "+path.shown())
		}
	}
	request := r.node.child("request")
	if set := request.child("set"); set != nil && set.kind == mapping {
		for _, n := range set.children {
			if !isFieldName(n.name) {
				continue
			}
			if other, ok := bound.collision(n.name); ok {
				s.add(n.key.problem(n.path, fmt.Sprintf("%s is bound twice: %s has it already", quote(n.name), other), ""))
			}
			bound.add(n.name, "`request.set."+n.name+"`")
		}
	}
	query := request.child("query")
	if query == nil || r.Request.QueryAll {
		return
	}
	for _, c := range query.children {
		if c.kind != scalar {
			continue
		}
		if other, ok := bound.collision(c.text()); ok {
			s.problem(c, "", "a query parameter can't bind %s: %s has it already", c.shown(), other)
		}
	}
}

// checkPathReferences refuses a ${path.NAME} that names no variable of the path.
func (s *sections) checkPathReferences(r *mappedRoute) {
	if r.template == nil {
		return
	}
	path := r.node.child("path")
	var names []string
	for _, v := range r.template.Variables() {
		names = append(names, v.Path)
	}
	check := func(n *node) {
		for _, part := range n.value {
			name, ok := strings.CutPrefix(part.Ref, "path.")
			if !ok || slices.Contains(names, name) {
				continue
			}
			hint := ""
			if !path.secret && s.reports < manyProblems {
				hint = didYouMean(name, names)
			}
			s.problem(n, hint, "${%s} names no variable of the path %s", part.Ref, path.shown())
		}
	}
	for _, set := range []*node{r.node.child("request").child("set"), r.node.child("metadata").child("set")} {
		set.each(check)
	}
}

// bindings has the fields that are bound, and the fields around them, by field path.
type bindings map[string]binding

// binding says that a field is bound, and what binds it.
type binding struct {
	field, by string
}

// collision returns what binds a field already, or a field around it or inside it.
func (b bindings) collision(field string) (by string, found bool) {
	if other, ok := b[field]; ok {
		return other.by, true
	}
	for parent := range parents(field) {
		if other, ok := b[parent]; ok && other.field == parent {
			return other.by, true
		}
	}
	return "", false
}

func (b bindings) add(field, by string) {
	b[field] = binding{field, by}
	for parent := range parents(field) {
		if _, ok := b[parent]; !ok {
			b[parent] = binding{field, by}
		}
	}
}

// parents yields the fields around a field: "a.b" and "a" for "a.b.c".
func parents(field string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for dot := strings.LastIndex(field, "."); dot >= 0; dot = strings.LastIndex(field[:dot], ".") {
			if !yield(field[:dot]) {
				return
			}
		}
	}
}

// pathConflict reports a path that another route has.
func (s *sections) pathConflict(n *node, err error) {
	var conflict *pathtmpl.ConflictError[*node]
	if !errors.As(err, &conflict) {
		s.problem(n, "", "%v", err)
		return
	}
	other := conflict.Existing
	if other.raw == n.raw {
		s.problem(n, "", "duplicate path: %s is already at %v; change one of the two", n.shown(), other.pos)
		return
	}
	s.problem(n, "", "duplicate path: %s answers the same requests as %s at %v; change one of the two", n.shown(), other.shown(), other.pos)
}
