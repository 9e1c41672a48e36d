package config

// checkMixedCursor refuses a setting of a shared route that has the cursor beside another reference. Callers share a stream when
// everything that is sent for them is the same, without the settings that have the cursor. The other reference would not be
// compared, and two callers who differ in it would get one stream.
func (s *sections) checkMixedCursor(r *mappedRoute) {
	if r.Share == nil {
		return
	}
	for _, section := range []string{"request", "metadata"} {
		set := r.node.child(section).child("set")
		if set == nil {
			continue
		}
		for _, c := range set.children {
			s.mixedCursor(c)
		}
	}
}

// MixedCursor returns what [Route.Validate] and [Parse] say of settings that have the cursor beside another reference of the
// request, on a shared route. It is for code that must not depend on either: a route can be changed after it was checked.
func (r *Route) MixedCursor() Problems {
	if r.Share == nil {
		return nil
	}
	var c collector
	s := sections{decoder: &decoder{collector: &c}}
	written := *r
	written.source = source{node: treeWriter{collector: &collector{}}.route(r)}
	s.checkMixedCursor(&mappedRoute{Route: &written})
	out := make(Problems, len(c.problems))
	for i, p := range c.problems {
		out[i] = r.Problem(p.Path, p.Message, p.Hint)
	}
	return out
}

func (s *sections) mixedCursor(setting *node) {
	hasCursor := false
	var other *node
	var ref string
	setting.each(func(n *node) {
		for _, part := range n.value {
			switch {
			case part.Ref == LastEventID:
				hasCursor = true
			case part.Ref != "" && other == nil:
				other, ref = n, part.Ref
			}
		}
	})
	if hasCursor && other != nil {
		s.problem(other, "give each of the two a setting of its own", "${%s} can't stand in one setting with ${%s} on a shared route: "+
			"callers who differ in it would get one stream", ref, LastEventID)
	}
}
