// Package tracing makes the spans of a bridge. It is the only package of the library that knows OpenTelemetry, and it knows the
// API only.
//
// A request has a server span from its arrival until the answer begins. So a stream of some hours has no span of some hours.
// The end of a stream has a short span of its own, with a link to the server span. The opening of a shared upstream stream
// belongs to no request: it has a span of its own, with a link to the server span of the request that caused it.
//
// The methods of a nil [Tracer], [Span] and [Opening] do nothing and allocate nothing.
package tracing
