package config

import (
	"slices"
	"strings"
)

// reopen decodes how an upstream stream is opened again.
func (d *decoder) reopen(n *node, r *Reopen) {
	d.fields(n, "route.reopen", []field{
		{"max_attempts", into(&r.MaxAttempts, d.countOr(unlimited))},
		{"backoff", func(n *node) {
			d.fields(n, "route.reopen.backoff", []field{
				{"base", into(&r.Base, d.positive)},
				{"max", into(&r.Max, d.positive)},
			})
			if r.Base <= r.Max {
				return
			}
			if c := n.child("max"); c != nil {
				d.problem(c, "", "expected at least `base`, which is %v, found %s", r.Base, c.found())
			} else if c := n.child("base"); c != nil {
				d.problem(c, "raise `max`", "expected at most `max`, which is %v, found %s", r.Max, c.found())
			}
		}},
	})
}

// checkResuming warns of routes that ask for reopening and can't have it: a stream that belongs to one browser is opened
// again from the last id that was sent, and from nowhere else. An id may also come from annotations, which a schema has.
func (s *sections) checkResuming() {
	if s.reports > 0 {
		return // what is wrong may be what is missed here
	}
	annotated := s.annotated()
	for _, r := range s.allRoutes {
		asks := r.asksToReopen()
		if asks == nil || r.Share != nil {
			continue
		}
		var lacks []string
		if r.Event.ID == "" && !annotated {
			lacks = append(lacks, "has no `event.id`")
		}
		if !r.bindsCursor() {
			lacks = append(lacks, "binds ${"+lastEventID+"} nowhere in `request.set`")
		}
		if len(lacks) > 0 {
			s.warn(asks, "set `event.id`, and in `request.set` the field that takes the cursor: ${"+lastEventID+"}",
				"the stream of the route %s is never reopened: the route %s, and without a cursor events would be lost or repeated",
				r.shownPath(), strings.Join(lacks, " and "))
		}
	}
}

// asksToReopen returns the value with which a route asks for reopening, or nil. A `reopen` in `defaults` is for those
// routes that can have it.
func (r *mappedRoute) asksToReopen() *node {
	if r.OnEnd == "reopen" {
		return r.node.child("on_end")
	}
	if n := r.node.child("reopen"); n != nil && !strings.HasPrefix(n.path, "defaults") {
		return n
	}
	return nil
}

// bindsCursor reports whether the cursor goes to the upstream.
func (r *mappedRoute) bindsCursor() bool {
	refers := func(t Template) bool {
		return slices.ContainsFunc(t, func(p Part) bool { return p.Ref == lastEventID })
	}
	return slices.ContainsFunc(r.Request.Set, func(s Setting) bool { return slices.ContainsFunc(s.Templates(), refers) }) ||
		slices.ContainsFunc(r.Metadata.Set, func(s MetadataSetting) bool { return refers(s.Value) })
}

// shownPath returns the path as messages show it.
func (r *mappedRoute) shownPath() string {
	if n := r.node.child("path"); n != nil && n.kind == scalar {
		return n.shown()
	}
	if r.Path != "" {
		return quote(r.Path) // of a method's annotation
	}
	return "without a path"
}
