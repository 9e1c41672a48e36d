package bridge

import (
	"google.golang.org/grpc"

	"github.com/grpcsse/grpcsse/bridge/internal/source"
)

// WithService makes a gRPC service of this process an upstream without a connection: impl's server-streaming methods are
// called directly, concurrently, each on a goroutine of its own. Routes find the service by the name in `rpc`; it goes
// before upstreams that have it too, unless the route names one of them.
//
//	bridge.WithService(&pb.MarketService_ServiceDesc, server)
//
// A method works as behind a connection: its context ends when the browser leaves, and has the route's deadline; what the
// route forwards and sets is incoming metadata; the header that it sends can be exposed; Send waits for a browser that is
// slow; the error that it returns is the end's status. Trailers have no place in an event stream. A panic is logged, and
// ends its stream with INTERNAL.
//
// The interceptors of a grpc.Server do not run, those that check credentials neither: give them here again. The first one
// is the outermost.
func WithService(desc *grpc.ServiceDesc, impl any, interceptors ...grpc.StreamServerInterceptor) Option {
	return optionFunc(func(o *options) {
		o.services = append(o.services, source.Service{Desc: desc, Impl: impl, Interceptors: interceptors})
	})
}
