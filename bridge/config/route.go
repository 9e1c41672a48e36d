package config

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/grpcsse/grpcsse/bridge/internal/pathtmpl"
)

func defaultRoute() *Route {
	return &Route{
		Methods:       []string{"GET"},
		Request:       RequestMapping{QueryAll: true},
		Event:         EventMapping{Retry: 2 * time.Second},
		JSON:          JSONOptions{EmitDefaults: true},
		OnEnd:         "stop",
		Reopen:        Reopen{Base: 200 * time.Millisecond, Max: 10 * time.Second},
		OpenErrors:    "event",
		OpenWait:      300 * time.Millisecond,
		Heartbeat:     15 * time.Second,
		WriteTimeout:  10 * time.Second,
		SendBuffer:    128 * KiB,
		MaxEventBytes: 4 * MiB,
		Compression:   true,
	}
}

// mappedRoute is a route and what is known of it besides.
type mappedRoute struct {
	*Route

	template *pathtmpl.Template // nil where the path is wrong
}

// route decodes the keys of a route, whichever there are.
func (d *decoder) route(n *node) *mappedRoute {
	r := &mappedRoute{Route: defaultRoute()}
	r.source = source{node: n, path: n.path}
	d.fields(n, "route", []field{
		{"name", into(&r.Name, d.word)},
		{"path", func(n *node) { r.template = d.template(n, &r.Path) }},
		{"rpc", func(n *node) { d.rpc(n, r.Route) }},
		{"upstream", into(&r.Upstream, d.word)},
		{"methods", into(&r.Methods, d.methods)},
		{"body", into(&r.Body, d.body)},
		{"request", func(n *node) { d.request(n, &r.Request) }},
		{"metadata", func(n *node) { d.routeMetadata(n, &r.Metadata) }},
		{"event", func(n *node) { d.event(n, &r.Event) }},
		{"json", func(n *node) { d.json(n, &r.JSON) }},
		{"share", func(n *node) { r.Share = d.share(n) }},
		{"on_end", into(&r.OnEnd, d.oneOf("stop", "reconnect", "reopen"))},
		{"reopen", func(n *node) { d.reopen(n, &r.Reopen) }},
		{"status", func(n *node) { r.Status = d.status(n) }},
		{"open_errors", into(&r.OpenErrors, d.oneOf("event", "http"))},
		{"expose_errors", into(&r.ExposeErrors, d.boolean)},
		{"open_wait", into(&r.OpenWait, d.duration)},
		{"heartbeat", into(&r.Heartbeat, d.positive)},
		{"write_timeout", into(&r.WriteTimeout, d.positive)},
		{"send_buffer", into(&r.SendBuffer, d.sendBuffer)},
		{"max_age", into(&r.MaxAge, d.durationOrOff)},
		{"max_event_bytes", into(&r.MaxEventBytes, d.size)},
		{"compression", into(&r.Compression, d.choice(off, auto))},
		{"cors", func(n *node) { r.CORS = d.cors(n) }},
		{"auth", d.routeAuth},
		{"limits", func(n *node) {
			d.fields(n, "route.limits", []field{
				{"streams", shape(d.countOr(unlimited))},
				{"streams_per_client", shape(d.countOr(unlimited))},
			})
		}},
	})
	return r
}

// sendBuffer reads a size that a socket option takes, and that is not so small that every event goes out in pieces.
func (d *decoder) sendBuffer(n *node) (Size, bool) {
	return d.sizeFrom(4*KiB, GiB, "a size from 4KiB to 1GiB")(n)
}

// maxPathBytes bounds a path template: no HTTP server takes a request whose path is longer.
const maxPathBytes = 8 << 10

// template reads a path template.
func (d *decoder) template(n *node, path *string) *pathtmpl.Template {
	const what = "a path such as /quotes/{symbol}"
	text, ok := d.wordFor(what)(n)
	if !ok {
		return nil
	}
	if len(text) > maxPathBytes {
		d.problem(n, "", "expected a path of at most %v, found %d bytes", Size(maxPathBytes), len(text))
		return nil
	}
	t, err := pathtmpl.Parse(text)
	if err != nil {
		d.templateProblem(n, text, err)
		return nil
	}
	*path = text
	return t
}

// templateProblem reports a mistake in a path template, at its column where the file has the template as it reads.
func (d *decoder) templateProblem(n *node, text string, err error) {
	var syntax *pathtmpl.SyntaxError
	if n.secret || !errors.As(err, &syntax) {
		d.expected(n, "a path template such as /quotes/{symbol}", "")
		return
	}
	at := n.pos
	if n.raw == text {
		at = n.within(len(string([]rune(text)[:syntax.Column-1])))
	}
	d.add(at.problem(n.path, "invalid path template: "+syntax.Msg, ""))
}

// rpc reads package.Service/Method.
func (d *decoder) rpc(n *node, r *Route) {
	const what = "a method as package.Service/Method"
	if !d.isScalar(n, what) {
		return
	}
	text := n.text()
	service, method, _ := strings.Cut(text, "/")
	if isFieldPath(service) && isIdentifier(method) {
		r.Service, r.Method = service, method
		return
	}
	d.expected(n, what, rpcHint(text))
}

// rpcHint guesses the method behind "/pkg.Service/Method" and "pkg.Service.Method".
func rpcHint(text string) string {
	guess := strings.TrimPrefix(text, "/")
	if dot := strings.LastIndex(guess, "."); dot >= 0 && !strings.Contains(guess, "/") {
		guess = guess[:dot] + "/" + guess[dot+1:]
	}
	service, method, _ := strings.Cut(guess, "/")
	if isFieldPath(service) && isIdentifier(method) {
		return "did you mean `" + guess + "`?"
	}
	return ""
}

func (d *decoder) json(n *node, j *JSONOptions) {
	d.fields(n, "route.json", []field{
		{"emit_defaults", into(&j.EmitDefaults, d.boolean)},
		{"enums", into(&j.EnumNumbers, d.choice("names", "numbers"))},
		{"field_names", into(&j.ProtoNames, d.choice("json", "proto"))},
	})
}

// status reads which codes are to be taken how.
func (d *decoder) status(n *node) map[string]Verdict {
	if !d.isMapping(n, "route.status") {
		return nil
	}
	codes := statusCodes()
	verdicts := make(map[string]Verdict, len(n.children))
	for _, c := range n.children {
		if c.name == "OK" {
			d.add(c.key.problem(c.path, "OK is no error: what it asks of the browser is said by `on_end`", ""))
			continue
		}
		if !slices.Contains(codes, c.name) {
			d.add(c.key.problem(c.path, "expected the name of a gRPC status code such as UNAVAILABLE, found "+quote(c.name), didYouMean(c.name, codes)))
			continue
		}
		if verdict, ok := d.verdict(c); ok {
			verdicts[c.name] = verdict
		}
	}
	return verdicts
}

// verdict reads what a status asks of the browser.
func (d *decoder) verdict(n *node) (Verdict, bool) {
	if isWord(n, "retry") {
		d.expected(n, oneOfText([]string{string(Stop), string(Reconnect)}), "did you mean `reconnect`?")
		return "", false
	}
	word, ok := d.oneOf(string(Stop), string(Reconnect))(n)
	return Verdict(word), ok
}

// statusCodes are the gRPC codes that are errors, by their names in google.rpc.Code.
func statusCodes() []string {
	return []string{
		"CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED",
		"FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
	}
}
