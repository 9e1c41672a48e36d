package replay

// Noted returns how many ids are noted.
func (r *Ring) Noted() int { return len(r.ids) }

// Made returns how many events are made.
func (r *Ring) Made() (n int) {
	for i := range r.window.segments.len() {
		for j := range segmentEvents {
			if (*r.window.segments.at(i)).known(j) != nil {
				n++
			}
		}
	}
	return n
}

// Cooled returns of how many segments that the log holds what was made early is dropped.
func (r *Ring) Cooled() int { return r.window.segments.len() - r.window.warm }
