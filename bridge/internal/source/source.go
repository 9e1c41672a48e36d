package source

import (
	"context"
	"errors"

	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/grpcsse/grpcsse/bridge/internal/upstream"
)

// Source opens streams of messages. Its methods are called concurrently.
type Source interface {
	// Open starts a stream for a request message on the wire, with md sent along. It may wait for the source; ctx ends the
	// wait, and afterwards the stream. The error carries a gRPC status.
	Open(ctx context.Context, method string, request []byte, md metadata.MD) (Stream, error)
	// UsesContextValues reports whether code of this process is given the context of Open, and can read the values in it.
	UsesContextValues() bool
}

// Stream is one stream of messages on the wire. One goroutine uses it.
type Stream interface {
	// Header waits for the source's word that the stream has begun, and returns the metadata that came with it. It reports
	// false where the stream ended without: Recv then says how.
	Header() (metadata.MD, bool)
	// Recv waits for the next message, which is valid until the next call. io.EOF is an OK end; another error carries a gRPC
	// status, or is ErrMessageTooLarge.
	Recv() ([]byte, error)
	// Close ends the stream, and leaves nothing of it behind.
	Close()
}

// ErrMessageTooLarge is a message over the upstream's max_message_bytes.
var ErrMessageTooLarge = errors.New("a message of the upstream is larger than max_message_bytes")

// GRPC returns the source of an upstream in the configuration file.
func GRPC(client *upstream.Client) Source { return grpcSource{client} }

// grpcSource is an upstream in the configuration file.
type grpcSource struct{ client *upstream.Client }

func (s grpcSource) Open(ctx context.Context, method string, request []byte, md metadata.MD) (Stream, error) {
	stream, err := s.client.Open(metadata.NewOutgoingContext(ctx, md), method, request)
	if err != nil {
		return nil, err
	}
	return &grpcStream{stream: stream}, nil
}

// UsesContextValues implements [Source].
func (grpcSource) UsesContextValues() bool { return false }

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

// StatusOf returns the gRPC status of an error. An error of a context becomes CANCELLED or DEADLINE_EXCEEDED, and an error
// without a status becomes UNKNOWN.
func StatusOf(err error) *status.Status {
	if st, ok := status.FromError(err); ok {
		return st
	}
	return status.FromContextError(err)
}
