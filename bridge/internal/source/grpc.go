package source

import (
	"context"
	"errors"

	"google.golang.org/grpc/metadata"

	"github.com/grpcsse/grpcsse/bridge/internal/upstream"
)

// GRPC returns the source that calls the methods of a gRPC server.
func GRPC(client *upstream.Client) Source { return grpcSource{client} }

type grpcSource struct{ client *upstream.Client }

var _ Held = grpcSource{}

func (s grpcSource) Open(ctx context.Context, method string, request []byte, md metadata.MD) (Stream, error) {
	stream, err := s.client.Open(metadata.NewOutgoingContext(ctx, md), method, request)
	if err != nil {
		return nil, err
	}
	return &grpcStream{stream: stream}, nil
}

// UsesContextValues implements [Source]. The server runs elsewhere, and the bridge's own client reads no values.
func (grpcSource) UsesContextValues() bool { return false }

// Hold implements [Held].
func (s grpcSource) Hold() bool { return s.client.Hold() }

// Release implements [Held].
func (s grpcSource) Release() { s.client.Release() }

// grpcStream releases each message when the next one is asked for.
type grpcStream struct {
	stream *upstream.Stream
	last   upstream.Message
}

func (s *grpcStream) Header() (metadata.MD, bool) {
	md, err := s.stream.Header()
	return md, err == nil && md != nil
}

func (s *grpcStream) Recv() ([]byte, error) {
	s.last.Release()
	var err error
	if s.last, err = s.stream.Recv(); err != nil {
		if errors.Is(err, upstream.ErrTooLarge) {
			err = ErrMessageTooLarge
		}
		return nil, err
	}
	return s.last.Bytes(), nil
}

func (s *grpcStream) Close() {
	s.last.Release()
	s.stream.Close()
}
