package config

import (
	"slices"
	"strings"
)

// Warnings returns warnings about a route whose settings are complete: with an event id, say, that comes from the annotations of a
// schema. [Parse] makes these checks itself, unless an upstream has annotations.
func (r *Route) Warnings() Problems {
	if r.source.node == nil {
		return slices.DeleteFunc(r.Validate(), func(p *Problem) bool { return !p.Warning })
	}
	var c collector
	s := sections{decoder: &decoder{collector: &c}, byName: map[string]*Upstream{}, allRoutes: []*mappedRoute{{Route: r}}}
	s.checkPurposes()
	return c.problems
}

// checkPurposes warns of settings that are allowed, and that do not do what they seem to be there for.
func (s *sections) checkPurposes() {
	s.checkResuming()
	s.checkSharedIDs()
	s.checkCatchUps()
	s.checkCursors()
	s.checkSharedCallers()
}

// checkCursors warns of routes that have one half of what is needed to resume: ids and no request field that takes the cursor, or
// such a field and no ids. It makes no check where ids may come from the annotations of a schema.
func (s *sections) checkCursors() {
	if s.reports > 0 || s.annotated() {
		return // a mistake may be the reason for what seems to be missing
	}
	for _, r := range s.allRoutes {
		if r.Share != nil || !slices.Contains(r.Methods, "GET") {
			continue // a shared stream resumes from its log, and the client of a POST is never told to come back
		}
		if asks := r.asksToReopen(); asks != nil && (r.Event.ID == "" || !r.bindsCursor()) {
			continue // checkResuming warns of it
		}
		switch hasID, bound := r.Event.ID != "", r.bindsCursor(); {
		case hasID && !bound:
			s.warnOf(r, "event.id", "bind the field of the request that says where to go on: `request: {set: {FIELD: \"${"+LastEventID+"}\"}}`; or leave out `event.id`",
				"events of the route %s have ids, and no setting has ${%s}: the upstream is never told where to go on, so every browser that comes back begins anew, with grpc-reset",
				r.shownPath(), LastEventID)
		case bound && !hasID:
			s.warnOf(r, r.cursorKey(), "set `event.id` to the field of the message that tells where to go on",
				"the route %s binds ${%s} and has no `event.id`: no browser ever has an id to come back with", r.shownPath(), LastEventID)
		}
	}
}

// cursorKey returns the first key whose value has the cursor.
func (r *mappedRoute) cursorKey() string {
	for _, s := range r.Request.Set {
		if slices.ContainsFunc(s.Templates(), func(t Template) bool { return refersTo(t, isCursor) }) {
			return "request.set." + s.Field
		}
	}
	for _, s := range r.Metadata.Set {
		if refersTo(s.Value, isCursor) {
			return "metadata.set." + s.Name
		}
	}
	return "request.set"
}

func isCursor(ref string) bool { return ref == LastEventID }

func refersTo(t Template, is func(ref string) bool) bool {
	return slices.ContainsFunc(t, func(p Part) bool { return is(p.Ref) })
}

// checkSharedCallers warns of shared routes that send the upstream something that identifies the caller. Two callers share a stream
// only where the same is sent for both, so each user has a stream alone.
func (s *sections) checkSharedCallers() {
	if s.reports > 0 {
		return
	}
	for _, r := range s.allRoutes {
		if r.Share == nil {
			continue
		}
		for _, name := range r.Metadata.Forward {
			if tellsUsersApart("header." + name) {
				s.warnOfShared(r, "metadata.forward", "the header "+quote(name))
			}
		}
		for _, m := range r.Metadata.Set {
			s.warnOfSharedValue(r, "metadata.set."+m.Name, m.Value)
		}
		for _, set := range r.Request.Set {
			s.warnOfSharedValue(r, "request.set."+set.Field, slices.Concat(set.Templates()...))
		}
	}
}

func (s *sections) warnOfSharedValue(r *mappedRoute, key string, value Template) {
	for _, p := range value {
		if tellsUsersApart(p.Ref) {
			s.warnOfShared(r, key, "${"+p.Ref+"}")
		}
	}
}

func (s *sections) warnOfShared(r *mappedRoute, key, what string) {
	s.warnOf(r, key, "give the bridge credentials of its own, in `metadata` of the upstream; or leave out `share`",
		"%s differs from user to user, and is sent to the upstream: each user of the shared route %s has an upstream stream of their own", what, r.shownPath())
}

// tellsUsersApart reports references whose value differs from user to user, going by their names.
func tellsUsersApart(ref string) bool {
	kind, name, _ := strings.Cut(ref, ".")
	switch kind {
	case "cookie", "claim":
		return true
	case "header", "query":
		if name == "authorization" || name == "cookie" {
			return true
		}
		words := []string{"caller", "email", "identity", "login", "principal", "session", "sessionid", "sub", "subject", "token", "uid", "user", "userid", "username"}
		return name != "user-agent" && hasWord(name, words)
	}
	return false
}
