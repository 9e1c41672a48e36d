package bridge

import (
	"context"
	"iter"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/internal/catalog"
	"github.com/grpcsse/grpcsse/bridge/internal/source"
)

// Source is the origin of a route's events, in place of an upstream. [RPC] and [Func] make a Source, and [WithRoute] uses it. A
// Source is immutable, and may serve several routes and several bridges.
type Source struct{ definition source.Definition }

// RPC returns a source that calls a server-streaming method of a generated client:
//
//	bridge.WithRoute(quotes, bridge.RPC(client.WatchQuotes))
//
// method has the signature that protoc-gen-go-grpc generates. It is called once for each stream, concurrently. Its context ends
// when the browser leaves. The headers that the route forwards and the metadata that it sets are outgoing metadata of the
// context. The connection of the client, its interceptors and its limits belong to the program. An upstream in the
// configuration costs less than this source, because its messages are never decoded into Go structs.
func RPC[Req, Res any, ReqP pointer[Req], ResP pointer[Res]](
	method func(ctx context.Context, request ReqP, opts ...grpc.CallOption) (grpc.ServerStreamingClient[Res], error),
) Source {
	return Source{source.RPC[Req, Res, ReqP, ResP](method)}
}

// pointer is a pointer to a generated message.
type pointer[T any] interface {
	*T
	proto.Message
}

// Func returns a source that is a Go iterator. Each value that the iterator yields becomes an event.
//
//	bridge.Func(func(ctx context.Context, request *pb.WatchRequest) iter.Seq2[*pb.Quote, error] { … })
//
// f is called once for each stream, concurrently. Its iterator runs on a goroutine of its own. When the browser leaves, ctx
// ends and yield returns false, so that deferred functions run. An iterator that waits for something must also wait for ctx.
// yield waits while the browser is slow. Once yield has returned, the iterator may change the value and yield it again.
//
// When the iterator returns, the stream ends with OK. An error that it yields ends the stream with the gRPC status of the error
// ([google.golang.org/grpc/status.FromError]). The errors of a context become CANCELLED and DEADLINE_EXCEEDED, and an error
// without a status becomes UNKNOWN. A panic is logged, and ends its stream with INTERNAL.
//
// Req is the type to which the route binds the path, the query, the body and Request.Set. It is a pointer to a generated
// protobuf message, a struct, or a pointer to a struct. The fields of a struct have the names that encoding/json gives them.
// They are strings, numbers, bools, []byte, time.Time, time.Duration, types with UnmarshalText, structs of these, and pointers
// to and slices of these. A pointer distinguishes an absent value from a zero. Where nothing is bound, Req can be struct{}.
//
// Res is a pointer to a generated message, or any other Go type. Other types are encoded with encoding/json: `event.id`,
// `event.name` and `event.data` then use the names of the JSON, and the JSONOptions of the route have no effect.
//
// The headers that the route forwards and the metadata that it sets are incoming metadata of ctx. Functions such as
// grpc.SetHeader work with ctx. The stream counts as opened with the first value, or with grpc.SendHeader.
func Func[Req, Res any](f func(ctx context.Context, request Req) iter.Seq2[Res, error]) Source {
	return Source{source.Func(f)}
}

// WithRoute adds a route whose events come from src. Everything else works as on a route of the configuration file: the request
// message is bound from the path and the query, ids let a browser resume, and ends and errors have the same form.
//
//	quotes := config.NewRoute("/quotes/{symbol}")
//	quotes.Event.ID = "sequence"
//	b, err := bridge.New(ctx, nil, bridge.WithRoute(quotes, bridge.RPC(client.WatchQuotes)))
//
// [New] copies the route, so that it may be changed and used again afterwards. New returns everything that is wrong with the
// route and the source as [config.Problems].
func WithRoute(route *config.Route, src Source) Option {
	return optionFunc(func(o *options) {
		o.routes = append(o.routes, catalog.SourcedRoute{Config: route, Source: src.definition})
	})
}

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
