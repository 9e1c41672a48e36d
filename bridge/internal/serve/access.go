package serve

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/internal/access"
	"github.com/grpcsse/grpcsse/bridge/internal/bind"
	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/pump"
	"github.com/grpcsse/grpcsse/bridge/internal/request"
	"github.com/grpcsse/grpcsse/bridge/internal/route"
	"github.com/grpcsse/grpcsse/bridge/internal/tracing"
)

// entry is what the line of the access log says of a request. A visit on a parked connection keeps its entry, so an entry
// shares no memory with the request. An entry does not change once it was made, and requests of the usual kind share one.
type entry struct {
	method, protocol string
	traceID          string
	path, query      string // "" unless `access_log.values` is true
}

func accessSettings(a config.AccessLog) access.Settings {
	return access.Settings{
		Off: a.Format == config.AccessFormatOff, Count: a.SampleOver.Count, Per: a.SampleOver.Per, Values: a.Values,
	}
}

// entryOf returns the entry of a request. It returns nil where there is no access log. rt is nil where no route matched.
func (h *Handler) entryOf(rt *route.Route, req *request.Request) *entry {
	if !h.access.On() {
		return nil
	}
	e := &entry{method: methodOf(req.HTTP), protocol: protocolOf(req.HTTP), traceID: req.Span.TraceID()}
	if e.traceID == "" {
		e.traceID = tracing.IDOf(req.HTTP.Header["Traceparent"])
	}
	if h.access.Values() {
		hides := func(name string) bool { return h.access.Hides(name) || rt != nil && hidden(rt.Config, name) }
		e.path = access.Path(req.HTTP.URL.EscapedPath(), hides)
		if rt != nil { // otherwise it is unknown which parameters hold credentials
			e.query = access.Query(req.HTTP.URL.RawQuery, hides)
		}
	}
	if *e == usualEntry {
		return &usualEntry
	}
	return e
}

// usualEntry is the entry of what an EventSource sends where neither traces nor values are logged.
var usualEntry = entry{method: http.MethodGet, protocol: "HTTP/1.1"}

// HideTokens keeps the query parameters in which tokens stand out of the access log, from now on. See [access.Log.Hide].
func (h *Handler) HideTokens(auth config.Auth) {
	var names []string
	for _, issuer := range auth.JWT {
		for _, from := range issuer.From {
			if from.In == config.InQuery {
				names = append(names, from.Name)
			}
		}
	}
	h.access.Hide(names)
}

// methodOf returns the method of a request. The text of a usual method shares no memory with the request.
func methodOf(r *http.Request) string {
	switch r.Method {
	case http.MethodGet:
		return http.MethodGet
	case http.MethodPost:
		return http.MethodPost
	}
	return r.Method
}

func protocolOf(r *http.Request) string {
	switch {
	case r.ProtoMajor == 1 && r.ProtoMinor == 1:
		return "HTTP/1.1"
	case r.ProtoMajor == 2 && r.ProtoMinor == 0:
		return "HTTP/2.0"
	}
	return "HTTP/" + strconv.Itoa(r.ProtoMajor) + "." + strconv.Itoa(r.ProtoMinor)
}

// hidden reports whether the value of a query parameter must not be logged: a cursor, or what the route sends as metadata,
// where credentials are.
func hidden(r *config.Route, name string) bool {
	if name == bind.CursorParameter || name == bind.CursorParameterJS {
		return true
	}
	for _, m := range r.Metadata.Set {
		for _, part := range m.Value {
			if part.Ref == "query."+name {
				return true
			}
		}
	}
	return false
}

// logRefusal writes the line of a request that got no stream. rt is nil where no route matched. bytes is the size of the body.
func (h *Handler) logRefusal(rt *route.Route, req *request.Request, status int, end *ending.Ending, bytes int64) {
	h.logRequest(rt, req, access.Record{
		Kind: access.Refused, Status: status, Code: end.Code, Reason: end.Reason, Limit: end.Limit, Bytes: bytes,
	})
}

// logAnswer writes the line of a request that asked for no stream. rt is nil where the route was not looked for.
func (h *Handler) logAnswer(rt *route.Route, req *request.Request, status int) {
	h.logRequest(rt, req, access.Record{Kind: access.Answered, Status: status})
}

// logRequest completes the line of a request without a stream, and writes it. It also ends the span of the request.
func (h *Handler) logRequest(rt *route.Route, req *request.Request, line access.Record) {
	if rt != nil {
		line.Route = rt.Config.Name
	}
	req.Span.End(line.Status, line.Code, line.Reason)
	e := h.entryOf(rt, req)
	if e == nil {
		return
	}
	line.Client, line.Duration = req.Client, time.Since(req.Arrived)
	e.write(h.access, &line)
}

// begin begins the server span of a request.
func (h *Handler) begin(req *request.Request) {
	if h.tracer == nil {
		return
	}
	r := req.HTTP
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	req.Span = h.tracer.Begin(tracing.Request{
		Method: r.Method, Scheme: scheme, Protocol: strings.TrimSuffix(strings.TrimPrefix(protocolOf(r), "HTTP/"), ".0"),
		Arrived: req.Arrived, Traceparent: r.Header["Traceparent"], Tracestate: r.Header["Tracestate"],
	})
}

// routeOf describes a route to the span of a request.
func routeOf(rt *route.Route) tracing.Route {
	return tracing.Route{Name: rt.Config.Name, Path: rt.Config.Path, RPC: rt.RPC()}
}

// logEnd makes the span of the end of a visit, and writes the line.
func (v *visit) logEnd(lasted time.Duration, out pump.Outcome) {
	if !v.refused {
		v.span.StreamEnded(tracing.StreamEnd{
			At: v.control.Began.Add(lasted), Code: codeOf(out), Reason: out.Reason, Retry: out.End != nil && out.End.Ending.Retry,
			Events: out.Events, Bytes: out.Bytes, Lasted: lasted,
		})
	}
	if v.entry == nil {
		return
	}
	line := access.Record{
		Kind: access.Stream, Route: v.rt.Config.Name, Client: v.client, Status: http.StatusOK, Code: codeOf(out),
		Reason: out.Reason, Duration: lasted, Events: out.Events, Bytes: out.Bytes, Resumed: v.sub.Resumed(),
	}
	if v.refused {
		line.Kind = access.Refused
	}
	if out.End != nil {
		line.Limit = out.End.Ending.Limit
	}
	v.entry.write(v.handler.access, &line)
}

// write writes a line with what the entry has.
func (e *entry) write(to *access.Log, line *access.Record) {
	line.Method, line.Protocol, line.TraceID, line.Path, line.Query = e.method, e.protocol, e.traceID, e.path, e.query
	to.Write(line)
}
