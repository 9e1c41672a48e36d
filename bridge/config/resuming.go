package config

import (
	"slices"
	"strings"
)

// reopenKeys say how an upstream stream is opened again.
func (d *decoder) reopenKeys(r *Reopen) []field {
	return []field{
		key("max_attempts", "How many attempts there may be in a row.", &r.MaxAttempts, d.countOrWord(unlimited)),
		d.section("route.reopen.backoff", "The pauses between attempts.", "{base: 200ms, max: 10s}",
			func() []field { return d.backoffKeys(r) }).
			reading(func(n *node) { d.backoff(n, r) }),
	}
}

func (d *decoder) backoffKeys(r *Reopen) []field {
	return []field{
		key("base", "The pause before the first attempt of a row. Each that follows is twice as long.", &r.Base, durations(d.positive, positiveForm)),
		key("max", "The longest pause.", &r.Max, durations(d.positive, positiveForm)),
	}
}

// backoff decodes the pauses between attempts.
func (d *decoder) backoff(n *node, r *Reopen) {
	d.fields(n, "route.reopen.backoff", d.backoffKeys(r))
	if r.Base <= r.Max {
		return
	}
	if c := n.child("max"); c != nil {
		d.problem(c, "", "expected at least `base`, which is %v, found %s", r.Base, c.found())
	} else if c := n.child("base"); c != nil {
		d.problem(c, "raise `max`", "expected at most `max`, which is %v, found %s", r.Max, c.found())
	}
}

// checkResuming warns of routes that ask for reopening and can't have it. A stream that belongs to one browser is opened again after
// the last id that was sent, so it needs ids and a setting with the cursor. Ids may also come from the annotations of a schema.
func (s *sections) checkResuming() {
	if s.reports > 0 {
		return // a mistake may be the reason for what seems to be missing
	}
	annotated := s.annotated()
	for _, r := range s.allRoutes {
		asks := r.asksToReopen()
		if asks == nil || r.Share != nil {
			continue
		}
		if lacks := r.lacksToResume(annotated); lacks != "" {
			s.warn(asks, toResume,
				"the stream of the route %s is never reopened: the route %s, and without a cursor events would be lost or repeated",
				r.shownPath(), lacks)
		}
	}
}

// toResume is the hint for a route that cannot resume.
const toResume = "set `event.id`, and in `request.set` the field that takes the cursor: ${" + LastEventID + "}"

// lacksToResume says what the route lacks so that an upstream stream can go on after an id. It returns "" where nothing is missing.
func (r *mappedRoute) lacksToResume(annotated bool) string {
	var lacks []string
	if r.Event.ID == "" && !annotated {
		lacks = append(lacks, "has no `event.id`")
	}
	if !r.bindsCursor() {
		lacks = append(lacks, "binds ${"+LastEventID+"} nowhere in `request.set`")
	}
	return strings.Join(lacks, " and ")
}

// asksToReopen returns the value with which a route asks for reopening, or nil. A `reopen` in `defaults` does not count, since it
// is for the routes that can be reopened.
func (r *mappedRoute) asksToReopen() *node {
	if r.OnEnd == OnEndReopen {
		return r.node.child("on_end")
	}
	return r.asksFor("reopen")
}

// asksFor returns the value of a key that the route itself has, or nil. A value in `defaults` does not count.
func (r *mappedRoute) asksFor(key string) *node {
	n, found := r.node.find(key)
	if !found || strings.HasPrefix(n.path, "defaults") {
		return nil
	}
	return n
}

// bindsCursor reports whether a setting sends the cursor to the upstream.
func (r *mappedRoute) bindsCursor() bool {
	refers := func(t Template) bool {
		return slices.ContainsFunc(t, func(p Part) bool { return p.Ref == LastEventID })
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
