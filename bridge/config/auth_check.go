package config

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// AuthProblems returns the problems of routes with `auth`: a name that `auth` does not have, a claim that no caller can have,
// and a token in the query that a route would pass on. routes are those of the configuration and those that Go code adds.
// authorized says that Go code authorizes callers too, and may give them claims on every route.
//
// [Parse] makes these checks for the routes of a file, as if Go code authorized callers, since it does not know.
func (c *Config) AuthProblems(routes []*Route, authorized bool) Problems {
	var problems Problems
	for _, r := range routes {
		problems = append(problems, c.Auth.problemsOf(r, authorized)...)
	}
	return problems
}

// problemsOf returns the problems of one route.
func (a *Auth) problemsOf(r *Route, authorized bool) Problems {
	if r.Auth == nil {
		return a.claimsWithoutAuth(r, authorized)
	}
	var problems Problems
	if r.Auth.JWT != "" {
		j := a.jwtNamed(r.Auth.JWT)
		if j == nil {
			return append(problems, unknownAuth(r, "jwt", r.Auth.JWT, namesOf(a.JWT, func(j *JWT) string { return j.Name })))
		}
		return append(problems, j.queryProblems(r)...)
	}
	if r.Auth.Ask == "" {
		return append(problems, r.Problem("auth", "expected the name of an entry of `auth.jwt` or `auth.ask`, found neither", ""))
	}
	s := a.askNamed(r.Auth.Ask)
	if s == nil {
		return append(problems, unknownAuth(r, "ask", r.Auth.Ask, namesOf(a.Ask, func(s *Ask) string { return s.Name })))
	}
	return append(problems, s.claimProblems(r, authorized)...)
}

func namesOf[T any](all []T, name func(T) string) (names []string) {
	for _, one := range all {
		names = append(names, name(one))
	}
	return names
}

// unknownAuth returns the problem of a route that names an entry that does not exist.
func unknownAuth(r *Route, key, name string, known []string) *Problem {
	hint := didYouMean(name, known)
	what := "an entry of `auth." + key + "`"
	if len(known) > 0 && len(known) <= shortList {
		what = oneOfText(known) + " of `auth." + key + "`"
	}
	if len(known) == 0 {
		hint = "there is no `auth." + key + "`"
	}
	return r.Problem("auth."+key, fmt.Sprintf("unknown name: expected %s, found %s", what, quote(name)), hint)
}

// claimsWithoutAuth returns the problems of references to claims on a route without `auth`.
func (a *Auth) claimsWithoutAuth(r *Route, authorized bool) (problems Problems) {
	if authorized {
		return nil
	}
	for key, ref := range r.references() {
		if strings.HasPrefix(ref, "claim.") {
			problems = append(problems, r.Problem(key,
				"${"+ref+"} stands for a claim of an authenticated caller, and the route has no `auth`",
				"for example `auth: {jwt: NAME}`, with NAME below `auth.jwt`"))
		}
	}
	return problems
}

// claimProblems returns the problems of claims that the answer of the endpoint never has.
func (a *Ask) claimProblems(r *Route, authorized bool) (problems Problems) {
	if authorized {
		return nil
	}
	unknown := func(key, claim string) {
		if !slices.Contains(a.Claims, claim) {
			problems = append(problems, r.Problem(key, fmt.Sprintf("the endpoint %s gives no claim %s", quote(a.Name), quote(claim)),
				"list the header of its answer in `claims`"))
		}
	}
	for key, ref := range r.references() {
		if claim, ok := strings.CutPrefix(ref, "claim."); ok {
			unknown(key, claim)
		}
	}
	for _, required := range r.Auth.Require {
		unknown("auth.require."+required.Claim, required.Claim)
	}
	return problems
}

// queryProblems returns the problems of a route that would pass on a token in the query.
func (j *JWT) queryProblems(r *Route) (problems Problems) {
	for _, from := range j.From {
		if from.In != InQuery {
			continue
		}
		why := fmt.Sprintf("the query parameter %s has the token of %s, which the bridge does not pass on",
			quote(from.Name), quote(j.Name))
		if i := slices.Index(r.Request.Query, from.Name); i >= 0 {
			problems = append(problems, r.Problem(fmt.Sprintf("request.query[%d]", i), why, ""))
		}
		for key, ref := range r.references() {
			if ref == "query."+from.Name {
				problems = append(problems, r.Problem(key, why, "a claim of the token is ${claim.NAME}"))
			}
		}
	}
	return problems
}

// references yields each reference in the settings of a route, with the key of the setting.
func (r *Route) references() func(yield func(key, ref string) bool) {
	return func(yield func(key, ref string) bool) {
		for _, s := range r.Request.Set {
			for _, p := range slices.Concat(s.Templates()...) {
				if p.Ref != "" && !yield("request.set."+s.Field, p.Ref) {
					return
				}
			}
		}
		for _, m := range r.Metadata.Set {
			for _, p := range m.Value {
				if p.Ref != "" && !yield("metadata.set."+m.Name, p.Ref) {
					return
				}
			}
		}
	}
}

// checkAuth makes the checks of [Config.AuthProblems] for the routes of the files.
func (s *sections) checkAuth(cfg *Config) {
	for _, r := range s.allRoutes {
		if n := r.node.child("auth"); n != nil && (n.kind == broken || r.Auth != nil && (r.Auth.JWT == "") == (r.Auth.Ask == "")) {
			continue // reported already
		}
		for _, p := range cfg.Auth.problemsOf(r.Route, true) {
			s.add(p)
		}
	}
}

// isLoopbackHost reports whether a host is this machine.
func isLoopbackHost(host string) bool {
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback() || strings.EqualFold(host, "localhost") ||
		strings.HasSuffix(strings.ToLower(host), ".localhost")
}
