package config

import "cmp"

// Validate returns the problems and warnings of an issuer of tokens that was made or changed in Go: the same that the issuer would
// have in a file, as far as they can be found without its keys. Algorithms and From that are empty count as left out.
func (j *JWT) Validate() Problems {
	var c collector
	d := &decoder{collector: &c}
	d.jwt(treeWriter{collector: &c}.jwt(j))
	return c.placed(j.place())
}

// Validate returns the problems and warnings of an endpoint that was made or changed in Go: the same that the endpoint would have
// in a file.
func (a *Ask) Validate() Problems {
	var c collector
	d := &decoder{collector: &c}
	d.ask(treeWriter{collector: &c}.ask(a))
	return c.placed(a.place())
}

// jwt turns an issuer of tokens back into the tree of a file.
func (w treeWriter) jwt(j *JWT) *node {
	defaults, given := defaultJWT(j.Name), *j
	if len(given.Algorithms) == 0 {
		given.Algorithms = defaults.Algorithms
	}
	if len(given.From) == 0 {
		given.From = defaults.From
	}
	root := &node{kind: mapping, pos: nowhere()}
	d := &decoder{collector: w.collector}
	w.fields(root, d.jwtKeys(&given))
	return root
}

// ask turns an endpoint back into the tree of a file.
func (w treeWriter) ask(a *Ask) *node {
	root := &node{kind: mapping, pos: nowhere()}
	d := &decoder{collector: w.collector}
	w.fields(root, d.askKeys(a))
	return root
}

// Problem returns a problem at the position of a key of the issuer, as [Route.Problem] does. One that was made in Go has the path
// that it would have in a file.
func (j *JWT) Problem(key, message, hint string) *Problem {
	return j.place().problem(key, message, hint)
}

func (j *JWT) place() source {
	at := j.source
	at.path = cmp.Or(at.path, keyPath("auth.jwt", j.Name))
	return at
}

// Problem returns a problem at the position of a key of the endpoint, as [Route.Problem] does.
func (a *Ask) Problem(key, message, hint string) *Problem {
	return a.place().problem(key, message, hint)
}

func (a *Ask) place() source {
	at := a.source
	at.path = cmp.Or(at.path, keyPath("auth.ask", a.Name))
	return at
}
