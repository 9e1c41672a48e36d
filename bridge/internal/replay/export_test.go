package replay

// Noted returns how many ids are noted.
func (r *Ring) Noted() int { return len(r.ids) }

// Made returns of how many segments the events are made.
func (r *Ring) Made() (n int) {
	for i := range r.window.segments.len() {
		if (*r.window.segments.at(i)).made.Load() != nil {
			n++
		}
	}
	return n
}

// Segments returns how many segments the log has.
func (r *Ring) Segments() int { return r.window.segments.len() }
