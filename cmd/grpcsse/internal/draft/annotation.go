package draft

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/grpcsse/grpcsse/bridge"
	"github.com/grpcsse/grpcsse/bridge/config"
	grpcssev1 "github.com/grpcsse/grpcsse/gen/grpcsse/v1"
)

// maxRules is how many rules of a method are read.
const maxRules = 20

// Rule is a path at which annotations of a method ask for the method to be served: a rule of google.api.http, or the option
// grpcsse.v1.route. Several rules of a method with one path are one Rule.
type Rule struct {
	// Route is the route that the rule asks for. It is nil where the bridge cannot have such a route.
	Route *config.Route

	info    bridge.RouteInfo // what a bridge says about Route
	rpc     string
	words   string // the rule as it is called in comments
	refused string // why there is no such route, "" where there is one
}

// Refuse notes why there is no such route.
func (r *Rule) Refuse(reason string) { r.refused = reason }

// Accept notes what a bridge that has the route says about it.
func (r *Rule) Accept(info bridge.RouteInfo) { r.info, r.refused = info, "" }

// Rules returns the rules of methods. No two of those with a Route have paths that fit the same requests, unless a path has unusual
// escapes. A rule for POST becomes a route for GET and POST where the method has none for GET, because an EventSource sends GET.
func Rules(methods []bridge.RouteInfo) (all []*Rule) {
	seen := map[string]string{} // the shapes of paths, and whose they are
	for _, info := range methods {
		if info.Method == nil {
			continue
		}
		for _, r := range rulesOf(info) {
			all = append(all, r)
			if r.Route == nil {
				continue
			}
			for _, p := range r.Route.Validate() {
				if !p.Warning && r.refused == "" {
					r.Refuse(p.Message)
				}
			}
			shape := shapeOf(r.Route.Path)
			if other, ok := seen[shape]; ok && r.refused == "" {
				r.Refuse("it fits the same requests as " + other)
			}
			if r.refused != "" {
				r.Route = nil
				continue
			}
			seen[shape] = r.Route.Path
			r.Route.Name = fmt.Sprintf("rule %d", len(all))
		}
	}
	return all
}

// rulesOf returns the rules of a method.
func rulesOf(info bridge.RouteInfo) (rules []*Rule) {
	at := func(path, words string) *Rule {
		for _, r := range rules {
			if r.Route != nil && r.Route.Path == path {
				return r
			}
		}
		route := config.NewRoute(path)
		route.Service, route.Method, route.Methods = string(info.Method.Parent().FullName()), string(info.Method.Name()), nil
		rules = append(rules, &Rule{Route: route, rpc: info.RPC, words: words})
		return rules[len(rules)-1]
	}
	options := info.Method.Options()
	if own, ok := proto.GetExtension(options, grpcssev1.E_Route).(*grpcssev1.Route); ok && own.GetPath() != "" {
		at(own.GetPath(), "the option grpcsse.v1.route").answer("GET")
	}
	gets := false
	for _, h := range httpRules(options) {
		verb, path := patternOf(h)
		words := "the google.api.http rule `" + verb + " " + path + "`"
		switch verb {
		case "get":
			r := at(path, words)
			r.answer("GET")
			r.Route.Event.Data = h.GetResponseBody()
			gets = true
		case "post":
			r := at(path, words)
			r.answer("POST")
			r.Route.Body, r.Route.Event.Data = h.GetBody(), h.GetResponseBody()
		case "": // a rule without a path
		default:
			rules = append(rules, &Rule{rpc: info.RPC, words: words, refused: "the bridge answers GET and POST"})
		}
	}
	for _, r := range rules {
		if r.Route != nil && !gets {
			r.answer("GET")
		}
	}
	return rules
}

// answer makes the route answer an HTTP method. GET stands first.
func (r *Rule) answer(method string) {
	if !slices.Contains(r.Route.Methods, method) {
		r.Route.Methods = append(r.Route.Methods, method)
		slices.Sort(r.Route.Methods)
	}
}

// httpRules returns the google.api.http rule of a method and its additional bindings.
func httpRules(options protoreflect.ProtoMessage) []*annotations.HttpRule {
	rule, ok := proto.GetExtension(options, annotations.E_Http).(*annotations.HttpRule)
	if !ok || rule == nil {
		return nil
	}
	rules := append([]*annotations.HttpRule{rule}, rule.GetAdditionalBindings()...)
	return rules[:min(len(rules), maxRules)]
}

// patternOf returns the HTTP method of a rule in lower case, and the path.
func patternOf(rule *annotations.HttpRule) (verb, path string) {
	switch p := rule.GetPattern().(type) {
	case *annotations.HttpRule_Get:
		return "get", p.Get
	case *annotations.HttpRule_Post:
		return "post", p.Post
	case *annotations.HttpRule_Put:
		return "put", p.Put
	case *annotations.HttpRule_Patch:
		return "patch", p.Patch
	case *annotations.HttpRule_Delete:
		return "delete", p.Delete
	case *annotations.HttpRule_Custom:
		return strings.ToLower(p.Custom.GetKind()), p.Custom.GetPath()
	}
	return "", ""
}

var variable = regexp.MustCompile(`\{[^{}=]*(?:=([^{}]*))?\}`)

// shapeOf returns what paths have in common that fit the same requests: their words, and a * for each variable.
func shapeOf(path string) string {
	path = variable.ReplaceAllStringFunc(path, func(v string) string {
		if _, pattern, ok := strings.Cut(strings.Trim(v, "{}"), "="); ok {
			return pattern
		}
		return "*"
	})
	if plain, err := url.PathUnescape(path); err == nil {
		return plain
	}
	return path
}
