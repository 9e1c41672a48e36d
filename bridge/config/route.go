package config

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/grpcsse/grpcsse/bridge/internal/pathtmpl"
)

// DefaultSendBuffer is the value of `send_buffer` where a file has none.
const DefaultSendBuffer = 128 * KiB

func defaultRoute() *Route {
	return &Route{
		Methods:       []string{"GET"},
		Request:       RequestMapping{QueryAll: true},
		Event:         EventMapping{Retry: 2 * time.Second},
		JSON:          JSONOptions{EmitDefaults: true},
		OnEnd:         OnEndStop,
		Reopen:        Reopen{Base: 200 * time.Millisecond, Max: 10 * time.Second},
		OpenErrors:    OpenErrorsEvent,
		OpenWait:      300 * time.Millisecond,
		Heartbeat:     15 * time.Second,
		WriteTimeout:  10 * time.Second,
		SendBuffer:    DefaultSendBuffer,
		MaxEventBytes: 4 * MiB,
		Compression:   true,
	}
}

// mappedRoute is a route with its parsed path.
type mappedRoute struct {
	*Route

	// template is nil where the path has a mistake.
	template *pathtmpl.Template
}

// route decodes the keys of a route. None is required here.
func (d *decoder) route(n *node) *mappedRoute {
	r := &mappedRoute{Route: defaultRoute()}
	r.source = source{node: n, path: n.path}
	d.fields(n, "route", d.routeKeys(r))
	return r
}

// routeKeys are the keys of a route, and those of `defaults`.
func (d *decoder) routeKeys(r *mappedRoute) []field {
	return slices.Concat(d.mappingKeys(r), d.deliveryKeys(r.Route))
}

// mappingKeys are the keys of a route that map a path onto a method.
func (d *decoder) mappingKeys(r *mappedRoute) []field {
	return []field{
		key("name", "The label of the route in logs and metrics. The path by default.", &r.Name, words(d.word)),
		custom("path", "The path that browsers open: a google.api.http template such as /quotes/{symbol}.", pathForm,
			func(n *node) { r.template = d.template(n, &r.Path) },
			func(_ treeWriter, around *node) { around.set("path", textNode(r.Path)) }),
		custom("rpc", "The server-streaming method to call, as package.Service/Method.", rpcForm,
			func(n *node) { d.rpc(n, r.Route) },
			func(w treeWriter, around *node) { w.rpc(around, r.Route) }),
		key("upstream", "The name of the upstream. It may be left out where only one has the service.", &r.Upstream, words(d.word)),
		key("methods", "The HTTP methods that the path answers.", &r.Methods, texts("[GET, POST]", notEmptyForm(setForm(wordForm(methods()...))), d.methods)),
		key("body", "Where the JSON body of a POST goes: \"*\" for the whole request message, or a field path.", &r.Body, words(d.body).as(bodyForm)),
		d.section("route.request", "How an HTTP request becomes the request message.", `{set: {after_sequence: "${last_event_id}"}}`,
			func() []field { return d.requestKeys(&r.Request) }),
		d.section("route.metadata", "Which metadata passes between browser and upstream.", "{forward: [authorization]}",
			func() []field { return d.metadataKeys(&r.Metadata) }).
			reading(func(n *node) { d.routeMetadata(n, &r.Metadata) }),
		d.section("route.event", "Which parts of a message become which lines of an event.", "{id: sequence}",
			func() []field { return d.eventKeys(&r.Event) }),
		d.section("route.json", "The choices that ProtoJSON leaves open.", "{enums: numbers}",
			func() []field { return d.jsonKeys(&r.JSON) }),
	}
}

// deliveryKeys are the keys of a route for how streams are opened, sent and ended.
func (d *decoder) deliveryKeys(r *Route) []field {
	return []field{
		optional(d, "route.share", "How browsers that ask for the same thing share one upstream stream. Left out or off, each has its own.",
			"{late_join: latest}", &r.Share, freshShare, d.shareKeys).
			or(wordForm(off)).reading(func(n *node) { r.Share = d.share(n) }).
			writing(func(w treeWriter, around *node) { w.share(around, r.Share) }),
		key("on_end", "What an OK status leads to: the browser stops or comes back, or the bridge opens the upstream again.",
			&r.OnEnd, wordOf(d, onEnds())),
		d.section("route.reopen", "How the bridge opens a broken upstream stream again.", "{max_attempts: 3}",
			func() []field { return d.reopenKeys(&r.Reopen) }).
			writing(func(w treeWriter, around *node) { w.reopen(around, r.Reopen) }),
		d.statusKey(r),
		key("open_errors", "How an error before the first message is told: as an event, or as an HTTP status, of which a page sees nothing.",
			&r.OpenErrors, wordOf(d, openErrors())),
		key("expose_errors", "Whether messages of server-fault codes reach the browser.", &r.ExposeErrors, d.flag()),
		key("open_wait", "How long to wait for the upstream's first word before answering 200.", &r.OpenWait, durations(d.duration, durationForm)),
		key("heartbeat", "The time without traffic after which a comment is sent.", &r.Heartbeat, durations(d.positive, positiveForm)),
		key("write_timeout", "A client that takes nothing for so long is cut off.", &r.WriteTimeout, durations(d.positive, positiveForm)),
		key("send_buffer", "Unsent bytes that the kernel may hold for one client, from 4KiB to 1GiB. Linux only.", &r.SendBuffer, sizes(d.sendBuffer)),
		key("max_age", "A connection ends after this time, minus up to 20 % at random.", &r.MaxAge, d.timeOrOff()),
		key("max_event_bytes", "The largest JSON of one event.", &r.MaxEventBytes, sizes(d.size)),
		key("compression", "Whether events are compressed for browsers that accept it.", &r.Compression, d.either(off, auto)),
		optional(d, "route.cors", "Which pages of other origins may read the streams. Left out, none.",
			`{origins: ["https://app.example.com"]}`, &r.CORS, func() *CORS { return &CORS{} }, d.corsKeys).
			demanding(corsRule).
			reading(func(n *node) { r.CORS = d.cors(n) }),
		optional(d, "route.auth", "Who may read the streams: callers with a token, or those that an endpoint lets in. Left out or off, anybody.",
			"{jwt: corp}", &r.Auth, func() *RouteAuth { return &RouteAuth{} }, d.routeAuthKeys).
			or(wordForm(off)).demanding(routeAuthRule).reading(func(n *node) { r.Auth = d.routeAuth(n) }),
		d.section("route.limits", "Limits of the route's streams.", "{streams: 5000, streams_per_client: 20}", func() []field { return d.routeLimitKeys(&r.Limits) }),
	}
}

// sendBuffer reads the size of a send buffer. Below 4 KiB, most events would be sent in several pieces.
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

// templateProblem reports a mistake in a path template, at its column where the file has the very text of the template.
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

func (d *decoder) jsonKeys(j *JSONOptions) []field {
	return []field{
		key("emit_defaults", "Whether fields that hold their default are sent.", &j.EmitDefaults, d.flag()),
		key("enums", "How enum values are sent.", &j.EnumNumbers, d.either("names", "numbers")),
		key("field_names", "How fields are called: lowerCamelCase, or as in the .proto file.", &j.ProtoNames, d.either("json", "proto")),
	}
}

// statusKey is the key of a mapping of codes to verdicts.
func (d *decoder) statusKey(r *Route) field {
	f := custom("status", "Overrides, by gRPC code, whether the browser comes back.", statusForm,
		func(n *node) { r.Status = d.status(n) },
		func(_ treeWriter, around *node) {
			status := around.section("status")
			for _, code := range slices.Sorted(maps.Keys(r.Status)) {
				status.set(string(code), textNode(string(r.Status[code])))
			}
		})
	f.example = "{UNKNOWN: stop}"
	return f
}

func statusForm() map[string]any {
	properties := make(map[string]any)
	for _, code := range statusCodes() {
		properties[string(code)] = wordForm(verdicts()...)()
	}
	return map[string]any{"type": "object", "properties": properties, "additionalProperties": false}
}

// status reads the verdict for each code.
func (d *decoder) status(n *node) map[StatusCode]Verdict {
	if !d.isMapping(n, "route.status") {
		return nil
	}
	codes := statusCodes()
	status := make(map[StatusCode]Verdict, len(n.children))
	for _, c := range n.children {
		if c.name == "OK" {
			d.add(c.key.problem(c.path, "OK is no error: `on_end` says what follows it", ""))
			continue
		}
		code := StatusCode(c.name)
		if !slices.Contains(codes, code) {
			d.add(c.key.problem(c.path, "expected the name of a gRPC status code such as UNAVAILABLE, found "+quote(c.name), didYouMean(c.name, codes)))
			continue
		}
		if verdict, ok := d.verdict(c); ok {
			status[code] = verdict
		}
	}
	return status
}

// verdict reads whether the browser comes back.
func (d *decoder) verdict(n *node) (Verdict, bool) {
	if isWord(n, "retry") {
		d.expected(n, oneOfText(verdicts()), "did you mean `reconnect`?")
		return "", false
	}
	return oneOf(d, verdicts())(n)
}
