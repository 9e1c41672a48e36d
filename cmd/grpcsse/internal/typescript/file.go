package typescript

import (
	"cmp"
	"slices"
	"strings"

	"github.com/grpcsse/grpcsse/cmd/grpcsse/internal/contract"
)

// mark is how each file begins.
const mark = "// Made by `grpcsse types`"

// IsMade reports whether a file was made by this package.
func IsMade(text []byte) bool { return strings.HasPrefix(string(text), mark) }

// Options say what a file has.
type Options struct {
	// Standalone leaves out what depends on the npm package "grpcsse". The file then exports its Routes.
	Standalone bool
}

// File returns the declarations for routes. The same routes give the same text in every order.
func File(routes []contract.Route, o Options) []byte {
	routes = slices.Clone(routes)
	slices.SortStableFunc(routes, func(a, b contract.Route) int { return cmp.Compare(a.Path, b.Path) })
	t := collect(routes)
	var gets, posts text
	for _, r := range unique(routes, (*contract.Route).Gets) {
		gets.route(t, r, nil)
	}
	for _, r := range unique(routes, (*contract.Route).Posts) {
		posts.route(t, r, r.Body)
	}
	var out text
	out.line("%s: the routes of a bridge, and the types of their events.", mark)
	out.line("// Do not edit it. Run the command again when the configuration or a .proto file has changed.")
	out.line("/* eslint-disable */")
	out.line("export {};")
	out.line("")
	out.block("", routesHead(o), routesTail(o), gets)
	if posts.Len() > 0 {
		out.comment("", "Routes that answer POST, with the types of their bodies. `subscribe` opens none of them: send the body with `fetch`.", false)
		out.block("", []string{"export interface PostRoutes {"}, []string{"}"}, posts)
	}
	out.types(t)
	return []byte(strings.TrimRight(out.String(), "\n") + "\n")
}

func routesHead(o Options) []string {
	if o.Standalone {
		return []string{"export interface Routes {"}
	}
	return []string{`declare module "grpcsse" {`, "  interface Routes {"}
}

func routesTail(o Options) []string {
	if o.Standalone {
		return []string{"}"}
	}
	return []string{"  }", "}"}
}

// unique returns the routes that answer a method, without those whose path an earlier one has.
func unique(routes []contract.Route, answers func(*contract.Route) bool) (out []contract.Route) {
	for _, r := range routes {
		if answers(&r) && !slices.ContainsFunc(out, func(o contract.Route) bool { return o.Path == r.Path }) {
			out = append(out, r)
		}
	}
	return out
}
