package route

import (
	"slices"
	"strings"

	"github.com/grpcsse/grpcsse/bridge/config"
)

// HeadersRead returns the names of the request headers that a route reads: the headers that it forwards, the headers to which
// its settings refer, and the trace context. The names are sorted, in lower case and without duplicates. A preflight allows
// these headers, and a stream that may be opened again keeps them.
func HeadersRead(r *config.Route) []string {
	names := slices.Concat(traceContext(), r.Metadata.Forward)
	refer := func(values ...config.Template) {
		for _, value := range values {
			for _, part := range value {
				if name, ok := strings.CutPrefix(part.Ref, "header."); ok {
					names = append(names, name)
				}
				if strings.HasPrefix(part.Ref, "cookie.") {
					names = append(names, "cookie")
				}
			}
		}
	}
	for _, s := range r.Request.Set {
		refer(s.Templates()...)
	}
	for _, m := range r.Metadata.Set {
		refer(m.Value)
	}
	for i, name := range names {
		names[i] = strings.ToLower(name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// traceContext returns the names of the headers of W3C Trace Context. A private stream continues the trace of its caller.
func traceContext() []string { return []string{"traceparent", "tracestate"} }
