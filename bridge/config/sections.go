package config

import (
	"fmt"
	"slices"

	"github.com/grpcsse/grpcsse/bridge/internal/pathtmpl"
)

// defaults decodes the `defaults` section, which may be nil, and returns the route that it describes. It refuses the keys that each
// route needs for itself.
func (d *decoder) defaults(root, section *node) *Route {
	kept := &node{kind: mapping, pos: root.pos, path: "defaults"}
	if section != nil && d.isMapping(section, "defaults") {
		clone := *section
		clone.children = nil
		for _, c := range section.children {
			if c.name == "name" || c.name == "path" {
				d.add(c.key.problem(c.path, fmt.Sprintf("`%s` can't stand in `defaults`: each route needs its own", c.name), ""))
				continue
			}
			clone.children = append(clone.children, c)
		}
		kept = &clone
	}
	r := d.route(kept).Route
	r.Service, r.Method = "", ""
	return r
}

// sections gathers the upstreams and routes of all files, and makes the checks that need several of them.
type sections struct {
	*decoder

	root     *node
	defaults *node

	// unread is true where an included file could not be read. It may have what seems to be missing.
	unread bool

	allUpstreams []*Upstream
	byName       map[string]*Upstream
	empty        []string // names of upstreams without a value, which count as left out
	allRoutes    []*mappedRoute
	conflicting  map[*mappedRoute]bool // routes whose path another route has
}

func (s *sections) upstreams(n *node) {
	if n == nil || n.kind == broken || !s.isMapping(n, "upstreams") {
		return
	}
	for _, c := range n.children {
		if c.kind == null {
			s.empty = append(s.empty, c.name)
			continue
		}
		if before := s.byName[c.name]; before != nil {
			s.add(c.key.problem(c.path, fmt.Sprintf("duplicate upstream: %s is already at %v; rename one of the two",
				printableKey(c.name), before.source.node.key), ""))
			continue
		}
		u := s.upstream(c)
		s.files.noteSchema(u.Schema)
		s.allUpstreams = append(s.allUpstreams, u)
		s.byName[c.name] = u
	}
}

func (s *sections) routes(n *node) {
	if n == nil || n.kind == broken || !s.isList(n, "`- path: /quotes`") {
		return
	}
	for _, c := range n.children {
		if c.kind != broken && s.isMapping(c, "route") {
			s.allRoutes = append(s.allRoutes, s.mapRoute(c))
		}
	}
}

// mapRoute decodes one route over the defaults, and makes the checks that need no other route.
func (s *sections) mapRoute(n *node) *mappedRoute {
	r := s.route(merge(s.defaults, n))
	s.missing(r.node, "path", "the path that browsers open, such as /quotes/{symbol}")
	s.missing(r.node, "rpc", "the method to call, as package.Service/Method")
	s.checkBody(r)
	s.checkCORS(r)
	s.checkShare(r)
	s.checkMixedCursor(r)
	s.checkBindings(r)
	s.checkPathReferences(r)
	if r.Name == "" {
		r.Name = r.Path
	}
	return r
}

// check makes the checks that need all upstreams and routes, or the other settings of cfg.
func (s *sections) check(cfg *Config) {
	s.checkUpstreams()
	s.checkNames()
	s.checkPaths()
	s.checkPurposes()
	s.checkReplayBytes(cfg.Server.ReplayBytes)
	s.checkPaces()
	s.checkLimits(&cfg.Server)
	s.checkListeners(s.root, &cfg.Server)
	s.checkDocumentPath(&cfg.Server)
	s.checkFixedMetadata()
	s.checkAuth(cfg)
	s.checkCluster(&cfg.Server)
	if s.annotated() {
		derived := &mappedRoute{Route: cfg.Defaults} // routes that come from annotations have these settings
		s.checkShare(derived)
		s.checkMixedCursor(derived)
	}
	if len(s.allRoutes) == 0 && s.reports == 0 && !s.annotated() {
		p := s.root.pos.problem("routes", "there are no routes: nothing is served", "")
		p.Warning = true
		s.add(p)
	}
}

// annotated reports whether there is an upstream with routes that come from annotations.
func (s *sections) annotated() bool {
	return slices.ContainsFunc(s.allUpstreams, func(u *Upstream) bool { return u.Annotations })
}

const (
	// shortList is how many upstreams a message lists.
	shortList = 8
	// manyProblems is the number of problems after which no hints are looked for, since each takes a look at every upstream.
	manyProblems = 1000
)

// checkUpstreams refuses a configuration without upstreams, and routes that name an upstream that does not exist.
func (s *sections) checkUpstreams() {
	if s.unread {
		return
	}
	if len(s.allUpstreams) == 0 {
		given := s.root.child("upstreams")
		nothing := given == nil || given.kind == mapping && len(given.children) == len(s.empty)
		if nothing && !slices.Contains(s.guessed[s.root], "upstreams") {
			hint := `for example: market: {target: "localhost:50051"}`
			if len(s.empty) > 0 {
				hint = "`" + printableKey(s.empty[0]) + "` is there and has nothing below it: give it a `target`"
			}
			s.add(s.root.pos.problem("upstreams", "no upstream: expected at least one gRPC server under `upstreams`", hint))
		}
		return
	}
	names := make([]string, len(s.allUpstreams))
	for i, u := range s.allUpstreams {
		names[i] = u.Name
	}
	what := "the name of an upstream"
	if len(names) <= shortList {
		what = oneOfText(names)
	}
	for _, r := range s.allRoutes {
		if r.Upstream == "" || s.byName[r.Upstream] != nil {
			continue
		}
		n := r.node.child("upstream")
		hint := ""
		if !n.secret && s.reports < manyProblems {
			hint = didYouMean(n.text(), names)
			if slices.Contains(s.empty, n.text()) {
				hint = "`" + printableKey(n.text()) + "` is there and has nothing below it: give it a `target`"
			}
		}
		s.problem(n, hint, "unknown upstream: expected %s, found %s", what, n.found())
	}
}

// checkNames refuses two routes of one name, since their metrics would be added up.
func (s *sections) checkNames() {
	first := make(map[string]*node)
	for _, r := range s.allRoutes {
		n := r.node.child("name")
		if n == nil || r.Name == "" || n.kind != scalar {
			continue
		}
		if before := first[r.Name]; before != nil {
			s.problem(n, "", "duplicate route name: %s is already at %v; rename one of the two", n.shown(), before.pos)
			continue
		}
		first[r.Name] = n
	}
}

// checkPaths refuses two routes that answer the same requests.
func (s *sections) checkPaths() {
	router := pathtmpl.NewRouter[*node]()
	for _, r := range s.allRoutes {
		if r.template == nil {
			continue
		}
		n := r.node.child("path")
		for _, method := range r.Methods {
			err := router.Add(method, r.template, n)
			if err == nil {
				continue
			}
			s.pathConflict(n, err)
			if s.conflicting == nil {
				s.conflicting = make(map[*mappedRoute]bool)
			}
			s.conflicting[r] = true
			break
		}
	}
}
