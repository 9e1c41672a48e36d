package route

import (
	"iter"
	"slices"
	"strings"

	"github.com/grpcsse/grpcsse/bridge/config"
)

// HeadersRead returns the names of the request headers that a route reads: the headers that it forwards, the headers to which
// its settings refer, and the trace context. The names are sorted, in lower case and without duplicates. A preflight allows
// these headers, and a stream that may be opened again keeps them.
func HeadersRead(r *config.Route) []string {
	names := slices.Concat(traceContext(), r.Metadata.Forward)
	for ref := range references(r) {
		if name, ok := strings.CutPrefix(ref, "header."); ok {
			names = append(names, name)
		}
		if strings.HasPrefix(ref, "cookie.") {
			names = append(names, "cookie")
		}
	}
	for i, name := range names {
		names[i] = strings.ToLower(name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// credentialHeaders returns the names of the headers with the credentials of a route's callers.
func credentialHeaders(r *config.Route, auth *config.Auth) (names []string) {
	jwt, ask := auth.Of(r)
	if jwt != nil && slices.Contains(jwt.From, config.TokenSource{In: config.InHeader}) {
		names = append(names, "authorization")
	}
	if ask != nil {
		names = append(names, ask.Forward...)
	}
	return names
}

// ClaimsRead returns the names of the claims to which the settings of a route refer, sorted and without duplicates.
func ClaimsRead(r *config.Route) (names []string) {
	for ref := range references(r) {
		if name, ok := strings.CutPrefix(ref, "claim."); ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// references yields each reference in the settings of a route, such as "header.x-tenant".
func references(r *config.Route) iter.Seq[string] {
	return func(yield func(string) bool) {
		var values []config.Template
		for _, s := range r.Request.Set {
			values = append(values, s.Templates()...)
		}
		for _, m := range r.Metadata.Set {
			values = append(values, m.Value)
		}
		for _, part := range slices.Concat(values...) {
			if part.Ref != "" && !yield(part.Ref) {
				return
			}
		}
	}
}

// traceContext returns the names of the headers of W3C Trace Context. A private stream continues the trace of its caller.
func traceContext() []string { return []string{"traceparent", "tracestate"} }

func isTraceContext(name string) bool { return slices.Contains(traceContext(), strings.ToLower(name)) }
