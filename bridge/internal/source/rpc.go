package source

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

// RPC defines a source that calls a server-streaming method of a generated client. The method is called once for each stream.
// The connection belongs to the program.
func RPC[Req, Res any, ReqP pointer[Req], ResP pointer[Res]](
	method func(ctx context.Context, request ReqP, opts ...grpc.CallOption) (grpc.ServerStreamingClient[Res], error),
) Definition {
	def := Definition{
		Input:  ReqP(nil).ProtoReflect().Descriptor(),
		Output: ResP(nil).ProtoReflect().Descriptor(),
		open:   func(*Runner, encoder) Source { return rpcSource[Req, Res, ReqP, ResP]{method} },
	}
	if method == nil {
		def.Mistake = "expected a method of a generated client, found nil"
	}
	return def
}

type rpcSource[Req, Res any, ReqP pointer[Req], ResP pointer[Res]] struct {
	method func(context.Context, ReqP, ...grpc.CallOption) (grpc.ServerStreamingClient[Res], error)
}

func (s rpcSource[Req, Res, ReqP, ResP]) Open(ctx context.Context, _ string, wire []byte, md metadata.MD) (Stream, error) {
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

// UsesContextValues implements [Source]. The client's interceptors are code of this process.
func (rpcSource[Req, Res, ReqP, ResP]) UsesContextValues() bool { return true }

// rpcStream encodes each message that the generated client has decoded.
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
	if err == io.EOF { //nolint:errorlint // gRPC ends a stream with io.EOF itself; an error that wraps io.EOF is a failure
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

// Close ends the call. gRPC releases a stream whose context has ended.
func (s *rpcStream[Res, ResP]) Close() { s.cancel() }
