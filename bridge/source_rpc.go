package bridge

import (
	"context"
	"io"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
)

// pointer is a pointer to a generated message.
type pointer[T any] interface {
	*T
	proto.Message
}

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
	src := Source{
		input:  ReqP(nil).ProtoReflect().Descriptor(),
		output: ResP(nil).ProtoReflect().Descriptor(),
		open:   func(*program, encoder) source { return rpcSource[Req, Res, ReqP, ResP]{method} },
	}
	if method == nil {
		src.mistake = "expected a method of a generated client, found nil"
	}
	return src
}

type rpcSource[Req, Res any, ReqP pointer[Req], ResP pointer[Res]] struct {
	method func(context.Context, ReqP, ...grpc.CallOption) (grpc.ServerStreamingClient[Res], error)
}

func (s rpcSource[Req, Res, ReqP, ResP]) Open(ctx context.Context, _ string, wire []byte, md metadata.MD) (messageStream, error) {
	request := ReqP(new(Req))
	if err := unmarshal(wire, request); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(metadata.NewOutgoingContext(ctx, md))
	stream, err := s.method(ctx, request)
	if err != nil {
		cancel()
		return nil, err
	}
	return &rpcStream[Res, ResP]{stream: stream, cancel: cancel}, nil
}

type rpcStream[Res any, ResP pointer[Res]] struct {
	stream grpc.ServerStreamingClient[Res]
	cancel context.CancelFunc
	wire   []byte
}

func (s *rpcStream[Res, ResP]) Header() (metadata.MD, bool) {
	md, err := s.stream.Header()
	return md, err == nil && md != nil
}

func (s *rpcStream[Res, ResP]) Recv() ([]byte, error) {
	if cap(s.wire) > keptBytes {
		s.wire = nil
	}
	message, err := s.stream.Recv()
	if err == io.EOF { //nolint:errorlint // gRPC's own end of a stream; an error that wraps one is an error
		return nil, io.EOF
	}
	if err != nil {
		return nil, endOf(err)
	}
	if s.wire, err = encodeMessage(s.wire[:0], ResP(message)); err != nil {
		return nil, endOf(err)
	}
	return s.wire, nil
}

// Close ends the call. gRPC lets go of a stream whose context has ended.
func (s *rpcStream[Res, ResP]) Close() { s.cancel() }
