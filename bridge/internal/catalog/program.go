package catalog

import (
	"crypto/rand"
	"fmt"
	"slices"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/internal/route"
	"github.com/grpcsse/grpcsse/bridge/internal/schema"
	"github.com/grpcsse/grpcsse/bridge/internal/source"
)

// program holds the services and the routes that the Go program adds to those of the configuration.
type program struct {
	services []*backend
	routes   []*route.Route      // as they were compiled for the first configuration
	sources  []source.Definition // of the routes
	runner   *source.Runner      // runs the code of both

	authorized bool // see [Options.Authorized]
}

// newProgram compiles the services and the routes in the options, and returns all problems at once. The routes keep their
// warnings.
func newProgram(o *Options, cfg *config.Config) (*program, config.Problems) {
	p := &program{runner: source.NewRunner(o.Log), authorized: o.Authorized}
	problems := checkGoConfig(cfg)
	seen := map[string]bool{}
	for _, s := range o.Services {
		u, problem := serviceBackend(s, p.runner)
		if problem == nil && seen[s.Name()] {
			problem = serviceProblem(s, "the service is there twice: expected one implementation")
		}
		if problem != nil {
			problems = append(problems, problem)
			continue
		}
		seen[s.Name()] = true
		p.services = append(p.services, u)
	}
	for _, r := range o.Routes {
		rt, routeProblems := route.NewWithSource(r.Config, &cfg.Auth, r.Source, p.runner)
		if rt == nil {
			problems = append(problems, routeProblems...)
			continue
		}
		p.routes, p.sources = append(p.routes, rt), append(p.sources, r.Source)
	}
	problems = append(problems, p.checkNames(cfg)...)
	problems = append(problems, p.checkAuth(cfg)...)
	if len(problems) > 0 {
		return nil, problems
	}
	return p, nil
}

// routesFor returns the routes of the program for a configuration. old is the table before, or nil. A route stays the same
// unless what decides about its callers has changed.
func (p *program) routesFor(auth *config.Auth, old *table) ([]*route.Route, *config.Problem) {
	now := slices.Clone(p.routes)
	for i, rt := range now {
		if old != nil {
			rt = old.ofProgram[i]
		}
		if !rt.SameCallers(auth) {
			health := rt.Health
			var problems config.Problems
			if rt, problems = route.NewWithSource(rt.Config, auth, p.sources[i], p.runner); rt == nil {
				return nil, errorsOf(problems)[0]
			}
			rt.Health = health
		}
		now[i] = rt
	}
	return now, nil
}

// checkAuth returns the problems of routes with `auth`, and of settings that refer to claims. Those of a file that need no program to
// be found were found when the file was loaded.
func (p *program) checkAuth(cfg *config.Config) (problems config.Problems) {
	for _, j := range cfg.Auth.JWT {
		if j.Problem("", "", "").File == "" {
			problems = append(problems, errorsOf(j.Validate())...)
		}
	}
	for _, a := range cfg.Auth.Ask {
		if a.Problem("", "", "").File == "" {
			problems = append(problems, errorsOf(a.Validate())...)
		}
	}
	routes := slices.Clone(cfg.Routes)
	if cfg.Defaults != nil && derives(cfg) {
		routes = append(routes, cfg.Defaults)
	}
	for _, rt := range p.routes {
		routes = append(routes, rt.Config)
	}
	return append(problems, cfg.AuthProblems(routes, p.authorized)...)
}

// derives reports whether routes follow from schemas, with the settings of the defaults.
func derives(cfg *config.Config) bool {
	return cfg.ServeAll || slices.ContainsFunc(cfg.Upstreams, func(u *config.Upstream) bool { return u.Annotations })
}

// checkGoConfig returns the problems of upstreams, routes and defaults that Go code made. Those of a file were checked when the
// file was loaded.
func checkGoConfig(cfg *config.Config) (problems config.Problems) {
	for _, u := range cfg.Upstreams {
		if u.Problem("", "", "").File == "" {
			problems = append(problems, errorsOf(u.Validate())...)
		}
	}
	switch {
	case !derives(cfg) || cfg.Defaults == nil:
	case cfg.Defaults.Problem("", "", "").File != "": // Go code may have changed them since
		problems = append(problems, cfg.Defaults.MixedCursor()...)
	default:
		derived := *cfg.Defaults // every route that follows from a schema has a path
		derived.Path = "/"
		problems = append(problems, errorsOf(derived.Validate())...)
	}
	for _, r := range cfg.Routes {
		if r.Problem("", "", "").File != "" {
			continue
		}
		if routeProblems := r.Validate(); len(errorsOf(routeProblems)) > 0 {
			problems = append(problems, routeProblems...)
		}
		if r.Service == "" && r.Method == "" {
			problems = append(problems,
				r.Problem("rpc", "expected a Service and a Method: a route with another source is given to WithRoute", ""))
		}
	}
	return problems
}

// errorsOf returns the problems that are not warnings.
func errorsOf(problems config.Problems) config.Problems {
	return slices.DeleteFunc(slices.Clone(problems), func(p *config.Problem) bool { return p.Warning })
}

// checkNames reports routes of the program that have the name of another route: metrics would add the two up.
func (p *program) checkNames(cfg *config.Config) (problems config.Problems) {
	seen := map[string]bool{}
	for _, r := range cfg.Routes {
		seen[r.Name] = true
	}
	for _, rt := range p.routes {
		if seen[rt.Config.Name] {
			problems = append(problems, rt.Config.Problem("name",
				fmt.Sprintf("duplicate route name: another route is called %q; rename one of the two", rt.Config.Name), ""))
		}
		seen[rt.Config.Name] = true
	}
	return problems
}

// serviceBackend returns the backend for a service of this process.
func serviceBackend(s source.Service, runner *source.Runner) (*backend, *config.Problem) {
	sd, err := s.Descriptor()
	if err != nil {
		return nil, serviceProblem(s, err.Error())
	}
	snap, err := schema.FromProgram(sd)
	if err != nil {
		return nil, serviceProblem(s, err.Error())
	}
	u := &backend{
		cfg:    &config.Upstream{Name: source.InProcess},
		server: &server{source: s.Source(runner), registration: rand.Text(), tried: make(chan struct{})},
	}
	u.setSchema(snap)
	return u, nil
}

// serviceProblem returns a problem of a service that was passed to bridge.WithService.
func serviceProblem(s source.Service, message string) *config.Problem {
	return &config.Problem{Path: "bridge.WithService(" + s.Name() + ")", Message: message}
}
