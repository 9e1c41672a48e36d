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
	// Routes are the methods, one route each. Those without a Method are left out.
	Routes []bridge.RouteInfo
	// LeftOut says which services are not in the file, and why.
	LeftOut []string
}

// usualTarget is the address of a server whose address is unknown.
const usualTarget = "localhost:50051"

// YAML returns the file. It has as many routes as there are methods.
func (d Draft) YAML() []byte {
	b := new(bytes.Buffer)
	d.head(b)
	d.upstream(b)
	b.WriteString("\nroutes:")
	for _, r := range newRoutes(d.Routes) {
		b.WriteByte('\n')
		r.write(b)
	}
	for _, reason := range d.LeftOut {
		b.WriteByte('\n')
		comment(b, "  ", "Left out: "+reason, maxDocLines)
	}
	return b.Bytes()
}

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
	b.WriteString(`    # tls: {} # where the server speaks TLS

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
	info     bridge.RouteInfo
	bindings []bridge.Binding // those of query parameters, as long as the route has no variable
	path     string
	variable *bridge.Binding // of the path; nil where there is none
	cursor   *bridge.Binding // the field that probably takes a cursor; nil where there is none
	event    *describe.Object
}

// newRoutes plans the routes. Methods with unusual messages have fewer proposals, and every method has a path of its own.
func newRoutes(infos []bridge.RouteInfo) []*route {
	var routes []*route
	shapes := describe.New(describe.Options{})
	for _, info := range infos {
		if info.Method == nil {
			continue
		}
		r := &route{info: info, bindings: info.Bindings()}
		if shape := shapes.Message(info.Method.Output()); shape.Kind == describe.Message {
			r.event = shape.Object
		}
		r.cursor = cursorOf(r.bindings)
		r.variable = variableOf(r.bindings, r.cursor)
		routes = append(routes, r)
	}
	assignPaths(routes)
	return routes
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
	if r.variable != nil {
		comment(b, "    ", "{"+r.variable.Name+"} is a field of the request, "+described(*r.variable), 1)
	}
	r.writeParameters(b)
	for _, p := range r.proposals() {
		if p.reason != "" {
			comment(b, "    ", p.reason, maxDocLines)
		}
		fmt.Fprintf(b, "    # %s: %s\n", p.key, p.value)
	}
}

// maxParameters is how many query parameters are listed.
const maxParameters = 12

// writeParameters lists the query parameters.
func (r *route) writeParameters(b *bytes.Buffer) {
	parameters := slices.Clone(r.bindings)
	if r.variable != nil {
		parameters = slices.DeleteFunc(parameters, func(p bridge.Binding) bool { return p.Name == r.variable.Name })
	}
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
