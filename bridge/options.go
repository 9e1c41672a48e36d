package bridge

import (
	"context"
	"log/slog"
	"runtime/debug"

	"go.opentelemetry.io/otel/trace"

	"github.com/grpcsse/grpcsse/bridge/internal/catalog"
	"github.com/grpcsse/grpcsse/bridge/internal/fanout"
	"github.com/grpcsse/grpcsse/bridge/internal/safelog"
	"github.com/grpcsse/grpcsse/bridge/internal/source"
	"github.com/grpcsse/grpcsse/bridge/internal/tracing"
)

// Option adds to what [New] builds, or changes it. An Option may be used for several bridges.
type Option interface{ apply(*options) }

type options struct {
	log       *slog.Logger
	observers observers
	access    *slog.Logger         // nil where there is no access log
	tracing   trace.TracerProvider // nil where there is no tracing
	services  []source.Service
	routes    []catalog.SourcedRoute

	authorizer Authorizer // nil where the program has none
	cluster    Cluster    // nil where the bridge is alone
}

// newOptions applies options to the defaults.
func newOptions(opts []Option) *options {
	o := &options{log: slog.New(slog.DiscardHandler)}
	for _, opt := range opts {
		opt.apply(o)
	}
	o.log = safelog.New(o.log)
	o.access = safelog.New(o.access)
	o.observers.log = o.log
	return o
}

// tracer returns the tracer of the bridge, nil where the program brings no provider.
func (o *options) tracer(ctx context.Context) *tracing.Tracer {
	return tracing.New(ctx, o.tracing, func(panicked any) {
		o.log.Error("the tracer panicked: further panics are not logged", "panic", panicked, "stack", string(debug.Stack()))
	})
}

// catalog returns the options of the catalog.
func (o *options) catalog() catalog.Options {
	return catalog.Options{
		Log: o.log, Observer: catalogObserver{&o.observers}, Services: o.services, Routes: o.routes,
		Authorized: o.authorizer != nil,
	}
}

type optionFunc func(*options)

func (f optionFunc) apply(o *options) { f(o) }

// WithLogger makes the bridge log to l. Warn and Info are for what an operator should know, Debug for the end of each stream.
// No credential, message of a stream, path or query of a request is logged; what an upstream itself
// says of an error is, at Debug. Of its headers, only Origin and Host are, where the request was
// refused because of them. A panic of a source that the program brings is logged with its value. A panic of l's own handler
// costs one line, and the first one is told to the package log. By default, and with nil, nothing is logged.
func WithLogger(l *slog.Logger) Option {
	return optionFunc(func(o *options) {
		if l != nil {
			o.log = l
		}
	})
}

// WithAccessLog makes the bridge write an access log to l, at the level Info: one line when a stream ends, and one for each
// request that gets none. The message is "stream", "refused" or "answered". docs/operations.md, "Log lines", has the
// attributes.
//
// The section `server.access_log` of the configuration says which lines are written, and whether they have the path and the
// query of the request. The format of the lines is that of l. What a client sends is in the lines as printable ASCII without
// blanks and quotes. No header of the request is written, and no cursor. By default, and with nil, there is no access log.
func WithAccessLog(l *slog.Logger) Option {
	return optionFunc(func(o *options) { o.access = l })
}

// WithTracerProvider makes the bridge create spans. A request has a server span from its arrival until the answer begins, and
// the end of a stream has a short span with a link to that. The parent of a server span is the span in the header traceparent
// of the request, and no other. What the upstream of a private stream does becomes a child of the server span. Without the
// option, and with nil, there are no spans, and the upstream of a private stream gets the trace context of its client.
// A panic of p, or of what p makes, costs a span, and the first one is logged. docs/operations.md, "Tracing", has the spans and
// their attributes.
func WithTracerProvider(p trace.TracerProvider) Option {
	return optionFunc(func(o *options) { o.tracing = p })
}

// Cluster connects the bridges of several processes, so that they read one upstream stream for all clients of a shared route with
// the same request. Package bridge/cluster makes one. Its methods are for the bridge.
type Cluster interface{ fanout.Cluster }

// WithCluster makes the bridge share the upstream streams of its shared routes with other bridges, unless `share.cluster` is
// false. A Cluster serves one bridge, and is closed after it. By default, and with nil, the bridge is alone.
func WithCluster(c Cluster) Option {
	return optionFunc(func(o *options) { o.cluster = c })
}

// WithObserver makes the bridge call the methods of o. The option may be given several times: the bridge calls each of the
// observers, in the order of the options. By default there is none. nil adds none.
func WithObserver(o Observer) Option {
	return optionFunc(func(set *options) {
		if o != nil {
			set.observers.all = append(set.observers.all, o)
		}
	})
}
