package bridge

import (
	"google.golang.org/grpc"

	"github.com/grpcsse/grpcsse/bridge/internal/source"
)

// WithService makes a gRPC service of this process an upstream without a connection. The bridge calls the server-streaming
// methods of impl directly and concurrently, each call on a goroutine of its own. Routes find the service by the name in `rpc`.
// Where an upstream of the configuration has a service of the same name, this one is used, unless the route names the upstream.
//
//	bridge.WithService(&pb.MarketService_ServiceDesc, server)
//
// A method works as it does behind a connection. Its context ends when the browser leaves, and has the deadline of the route.
// The headers that the route forwards and the metadata that it sets are incoming metadata. A route can expose the header that
// the method sends. Send waits while the browser is slow. The error that the method returns becomes the status at the end of
// the stream. Trailers are dropped, since an event stream has no place for them. A panic is logged, and ends its stream with
// INTERNAL.
//
// The interceptors of a grpc.Server do not run, not even those that check credentials: pass them here again. The first
// interceptor is the outermost. [New] returns what is wrong with desc and impl as [config.Problems].
func WithService(desc *grpc.ServiceDesc, impl any, interceptors ...grpc.StreamServerInterceptor) Option {
	return optionFunc(func(o *options) {
		o.services = append(o.services, source.Service{Desc: desc, Impl: impl, Interceptors: interceptors})
	})
}
