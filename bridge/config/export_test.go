package config

// WithoutSource returns a copy for comparison: it does not know where it stood.
func (r *Route) WithoutSource() Route {
	c := *r
	c.source = source{}
	return c
}

// WithoutSource returns a copy for comparison: it does not know where it stood.
func (u *Upstream) WithoutSource() Upstream {
	c := *u
	c.source = source{}
	return c
}
