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

// KeyNames returns the names of all keys that a file can have.
func KeyNames() (names []string) {
	eachField("", everyKey(), func(name string, _ field) { names = append(names, name) })
	return names
}
