// Package draft writes a first configuration file for a gRPC server: a route for each server-streaming method, with what its
// schema says as comments, and with proposals to switch on.
//
// All names and comments of a schema are the text of a stranger. They never leave a comment or a quoted word of the file, and
// their length is bounded.
package draft

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/grpcsse/grpcsse/bridge"
	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/describe"
)

// Draft is what a file is written of.
type Draft struct {
	// File is the name that the file has, or will probably have, as a word of a shell.
	File string
	// Target is the gRPC target of the server. "" stands for an unknown one, and a usual address is written instead.
	Target string
	// Schema says where the schema comes from. Its paths are relative to the file.
	Schema config.Schema
	// TLS says how the server is reached over TLS. It is nil where the server speaks plaintext. Its paths are relative to the file.
	TLS *config.UpstreamTLS
	// Routes are the methods, one route each. Those without a Method are left out.
	Routes []bridge.RouteInfo
	// Rules are the rules of these methods. A method with a rule is served where the rule says, and not at a path of its name.
	Rules []*Rule
	// LeftOut says which services are not in the file, and why.
	LeftOut []string
}

// usualTarget is the address of a server whose address is unknown.
const usualTarget = "localhost:50051"

// YAML returns the file. A method has one route, or one for each of its rules.
func (d Draft) YAML() []byte {
	b := new(bytes.Buffer)
	d.head(b)
	d.upstream(b)
	b.WriteString("\nroutes:")
	for _, r := range newRoutes(d.Routes, d.Rules) {
		b.WriteByte('\n')
		r.write(b)
	}
	for _, reason := range d.LeftOut {
		b.WriteByte('\n')
		comment(b, "  ", "Left out: "+reason, maxDocLines)
	}
	return b.Bytes()
}

// Count returns how many routes the file has.
func (d Draft) Count() int { return len(newRoutes(d.Routes, d.Rules)) }

func (d Draft) head(b *bytes.Buffer) {
	fmt.Fprintf(b, `# yaml-language-server: $schema=./%[1]s.schema.json
#
# The first line is for editors: they complete keys and mark mistakes, once the schema is beside this file:
#   %[1]s schema > %[1]s.schema.json
# To check this file, and to serve it:
#   %[1]s check %[2]s
#   %[1]s serve --config %[2]s
# Lines such as "# share: ..." below are proposals. They come from names and types alone: remove the # where one is right. What a
# page gets that joins a shared stream is a choice: latest, all, none, {latest_by: FIELD} or {since: FIELD}.

server:
  listen: "127.0.0.1:8080" # for this machine only; ":8080" is for all

`, programName, strings.Map(plain, d.File))
}

func (d Draft) upstream(b *bytes.Buffer) {
	target, remark := d.Target, ""
	if target == "" {
		target, remark = usualTarget, " # the address of the gRPC server"
	}
	fmt.Fprintf(b, "upstreams:\n  %s:\n    target: %s%s\n", nameFor(target), quoted(target), remark)
	switch s := d.Schema; {
	case s.DescriptorSet != "":
		fmt.Fprintf(b, "    schema: {descriptor_set: %s}\n", quoted(s.DescriptorSet))
	case s.Proto != nil:
		b.WriteString("    schema:\n      proto:\n")
		list := func(key string, values []string) {
			if len(values) > 0 {
				fmt.Fprintf(b, "        %s: [%s]\n", key, strings.Join(mapped(values, quoted), ", "))
			}
		}
		list("files", s.Proto.Files)
		list("import_paths", s.Proto.ImportPaths)
	}
	switch {
	case d.TLS == nil:
		b.WriteString("    # tls: {} # where the server speaks TLS\n")
	case d.TLS.CAFile != "":
		fmt.Fprintf(b, "    tls: {ca_file: %s}\n", quoted(d.TLS.CAFile))
	default:
		b.WriteString("    tls: {}\n")
	}
	b.WriteString(`
# defaults:
#   cors: {origins: ["http://localhost:5173"]} # let pages of another origin read the streams
`)
}

// nameFor returns a name for the upstream: the first part of a host's name, or "upstream".
func nameFor(target string) string {
	_, host, ok := strings.Cut(target, "///")
	if !ok {
		host = target
	}
	host, _, _ = strings.Cut(host, ":")
	host, _, _ = strings.Cut(host, ".")
	isLetter := func(r rune) bool { return r >= 'a' && r <= 'z' }
	ok = host != "" && isLetter(rune(host[0])) && host != "localhost" &&
		!strings.ContainsFunc(host, func(r rune) bool { return !isLetter(r) && r != '-' && (r < '0' || r > '9') })
	if !ok {
		return "upstream"
	}
	return word(host)
}

// route is one method on its way into the file.
type route struct {
	info      bridge.RouteInfo
	rule      *Rule // where the path comes from; nil where it is made of names
	passed    []*Rule
	bindings  []bridge.Binding // those of query parameters
	variables []bridge.Binding // those of the path
	path      string
	cursor    *bridge.Binding // the field that probably takes a cursor; nil where there is none
	event     *describe.Object
}

// newRoutes plans the routes. Methods with unusual messages have fewer proposals, and every route has a path of its own.
func newRoutes(infos []bridge.RouteInfo, rules []*Rule) []*route {
	var routes []*route
	for _, info := range infos {
		if info.Method == nil {
			continue
		}
		var passed []*Rule
		begin := len(routes)
		for _, rule := range rules {
			switch {
			case rule.rpc != info.RPC:
			case rule.refused != "":
				passed = append(passed, rule)
			default:
				routes = append(routes, newRuleRoute(info, rule))
			}
		}
		if len(routes) == begin {
			routes = append(routes, newNamedRoute(info))
		}
		routes[begin].passed = passed
	}
	assignPaths(routes)
	return routes
}

// newRuleRoute plans the route of a rule.
func newRuleRoute(info bridge.RouteInfo, rule *Rule) *route {
	r := &route{info: info, rule: rule, path: rule.info.Path, event: eventOf(info)}
	for _, b := range rule.info.Bindings() {
		switch b.From {
		case bridge.BindingPath:
			r.variables = append(r.variables, b)
		case bridge.BindingQuery:
			r.bindings = append(r.bindings, b)
		case bridge.BindingBody:
		}
	}
	r.cursor = cursorOf(r.bindings)
	return r
}

// newNamedRoute plans a route whose path is made of names.
func newNamedRoute(info bridge.RouteInfo) *route {
	r := &route{info: info, bindings: info.Bindings(), event: eventOf(info)}
	r.cursor = cursorOf(r.bindings)
	if v := variableOf(r.bindings, r.cursor); v != nil {
		r.variables = []bridge.Binding{*v}
		r.bindings = slices.DeleteFunc(slices.Clone(r.bindings), func(b bridge.Binding) bool { return b.Name == v.Name })
	}
	return r
}

// eventOf returns what the JSON of a method's messages looks like, nil where it is no usual object.
func eventOf(info bridge.RouteInfo) *describe.Object {
	if shape := describe.New(describe.Options{}).Message(info.Method.Output()); shape.Kind == describe.Message {
		return shape.Object
	}
	return nil
}

// write writes the route, and what is to know about it.
func (r *route) write(b *bytes.Buffer) {
	if doc := describe.Doc(r.info.Method); doc != "" {
		comment(b, "  ", doc, maxDocLines)
	}
	if describe.Deprecated(r.info.Method) {
		comment(b, "  ", "The method is deprecated.", 1)
	}
	fmt.Fprintf(b, "  - path: %s\n    rpc: %s\n", word(r.path), word(r.info.RPC))
	r.writeRule(b)
	for _, v := range r.variables {
		comment(b, "    ", "{"+v.Name+"} is a field of the request, "+described(v), 1)
	}
	r.writeParameters(b)
	if data := r.data(); data != "" {
		fmt.Fprintf(b, "    event:\n      data: %s # the response_body of the rule\n", word(data))
	}
	for _, p := range r.proposals() {
		if p.reason != "" {
			comment(b, p.indent, p.reason, maxDocLines)
		}
		fmt.Fprintf(b, "%s# %s: %s\n", p.indent, p.key, p.value)
	}
}

// writeRule writes what follows from the rule, and why other rules are not in the file.
func (r *route) writeRule(b *bytes.Buffer) {
	if r.rule != nil {
		comment(b, "    ", "The path is that of "+r.rule.words+".", maxDocLines)
		if r.posts() {
			fmt.Fprintf(b, "    methods: [%s]\n", strings.Join(r.rule.Route.Methods, ", "))
			if body := r.rule.Route.Body; body != "" {
				fmt.Fprintf(b, "    body: %s\n", quoted(body))
			}
		}
		if r.posts() && len(r.rule.Route.Methods) > 1 {
			comment(b, "    ", "GET is for an EventSource, which sends no POST. Leave GET out if a call starts or changes something.", maxDocLines)
		}
	}
	for _, passed := range r.passed {
		comment(b, "    ", "Not used: "+passed.words+": "+passed.refused, maxDocLines)
	}
}

// posts reports whether the route answers a POST.
func (r *route) posts() bool {
	return r.rule != nil && slices.Contains(r.rule.Route.Methods, "POST")
}

// data returns the field that the rule makes the data of the events, "" for the whole message.
func (r *route) data() string {
	if r.rule == nil {
		return ""
	}
	return r.rule.Route.Event.Data
}

// maxParameters is how many query parameters are listed.
const maxParameters = 12

// writeParameters lists the query parameters.
func (r *route) writeParameters(b *bytes.Buffer) {
	parameters := r.bindings
	if len(parameters) == 0 {
		return
	}
	comment(b, "    ", "Query parameters, which set fields of the request:", 1)
	for _, p := range parameters[:min(len(parameters), maxParameters)] {
		comment(b, "    ", "  "+p.Name+": "+described(p), 1)
	}
	if more := len(parameters) - maxParameters; more > 0 {
		comment(b, "    ", fmt.Sprintf("  and %d more, which `%s routes --json` lists", more, programName), 1)
	}
}

// described returns the type of a field, and the first line of its documentation.
func described(b bridge.Binding) string {
	leaf := b.Path[len(b.Path)-1]
	shape := describe.New(describe.Options{}).Field(leaf)
	text := string(shape.Kind)
	if shape.Kind == describe.List {
		text = string(shape.Elem.Kind) + ", repeated"
	}
	if doc, _, _ := strings.Cut(describe.Doc(leaf), "\n"); doc != "" {
		text += ". " + doc
	}
	return text
}

func mapped(values []string, f func(string) string) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = f(v)
	}
	return out
}
