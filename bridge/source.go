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

// Source is where the events of a route come from in place of an upstream: made by [RPC] or [Func], put on a route by
// [WithRoute]. It is immutable, and may serve several routes and several bridges.
type Source struct{ definition source.Definition }

// RPC returns a source that calls a server-streaming method of a generated client:
//
//	bridge.WithRoute(quotes, bridge.RPC(client.WatchQuotes))
//
// The function has the signature that protoc-gen-go-grpc generates. It is called once for each stream, concurrently, with a
// context that ends when the browser leaves and that carries, as outgoing metadata, what the route forwards and sets. The
// connection behind the client, its interceptors and its limits are the program's own. An upstream in the configuration
// costs less: its messages are never decoded into Go.
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

// Func returns a source that is a Go iterator: each value that it yields becomes an event.
//
//	bridge.Func(func(ctx context.Context, request *pb.WatchRequest) iter.Seq2[*pb.Quote, error] { … })
//
// The function is called once for each stream, concurrently, and iterated on a goroutine of its own. When the browser
// leaves, ctx ends and yield returns false, so that deferred clean-up runs; an iterator that waits for something must wait
// for ctx too. It may use a value again once yield has returned, and yield waits for a browser that is slow.
//
// An iterator that returns ends the stream with OK. An error that it yields ends the stream with its gRPC status
// ([google.golang.org/grpc/status.FromError]): CANCELLED and DEADLINE_EXCEEDED for those of a context, UNKNOWN for an
// error without one. A panic is logged, and ends its stream with INTERNAL.
//
// The request is what the route binds path, query, body and Request.Set to: a generated protobuf message, or a struct, or a
// pointer to one, whose fields have the names that encoding/json gives them. Such fields are text, numbers, bools, []byte,
// time.Time, time.Duration, types with UnmarshalText, structs of such, and pointers to and slices of them; a pointer tells
// what is absent from a zero. Where there is nothing to bind, struct{} does. What is yielded is a generated message too, or any
// other Go value: that is encoded with encoding/json, and `event.id`, `event.name` and `event.data` name its fields as the JSON
// does; the route's JSONOptions do not concern it.
//
// What the route forwards and sets is incoming metadata of ctx. Functions such as grpc.SetHeader work on ctx too; the first
// value, or grpc.SendHeader, tells that the stream has begun.
func Func[Req, Res any](f func(ctx context.Context, request Req) iter.Seq2[Res, error]) Source {
	return Source{source.Func(f)}
}

// WithRoute adds a route whose events come from src. All that a route in the file can say holds for it too: the request
// message is bound from path and query, ids resume, ends and errors reach the browser in the same form.
//
//	quotes := config.NewRoute("/quotes/{symbol}")
//	quotes.Event.ID = "sequence"
//	b, err := bridge.New(ctx, nil, bridge.WithRoute(quotes, bridge.RPC(client.WatchQuotes)))
//
// [New] returns everything that is wrong with such routes as [config.Problems]. The route is copied then, and may be
// changed and used again afterwards.
func WithRoute(route *config.Route, src Source) Option {
	return optionFunc(func(o *options) {
		o.routes = append(o.routes, catalog.SourcedRoute{Config: route, Source: src.definition})
	})
}
