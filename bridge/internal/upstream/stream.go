package upstream

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// Stream is one call of a server-streaming method. Header, Recv and Trailer are for one goroutine; Close may be called
// from any, also while another waits in Header or Recv: that one then returns with CANCELED.
type Stream struct {
	calls    grpc.ClientStream
	cancel   context.CancelFunc
	limit    messageLimit
	incoming Message // where the codec puts a message; a field because what gRPC fills in escapes to the heap

	pool   *pool
	on     *connection // whose slot it holds
	closed atomic.Bool
}

// Header waits for the server's response metadata. It may be called before the first Recv or not at all. Where the
// stream ended without any, metadata and error are both nil, and Recv knows how it ended.
func (s *Stream) Header() (metadata.MD, error) { return s.calls.Header() }

// Recv waits for the next message, whose Release the caller must call. The server is held up while nobody receives:
// once 64 KiB wait here, its sends block.
//
// The error is io.EOF for a stream that ended with OK, a [*TooLargeError] for a message over the limit, and else one
// that carries the gRPC status of the end ([status.FromError]). After an error the stream is closed.
func (s *Stream) Recv() (Message, error) {
	if err := s.calls.RecvMsg(&s.incoming); err != nil {
		s.Close()
		return Message{}, s.limit.explain(err)
	}
	message := s.incoming
	s.incoming = Message{}
	if size := len(message.data); size > s.limit.bytes {
		message.Release()
		s.Close()
		return Message{}, &TooLargeError{Size: size, Limit: s.limit.bytes}
	}
	return message, nil
}

// Trailer is the metadata that came with the end. It is complete only after Recv returned an error.
func (s *Stream) Trailer() metadata.MD { return s.calls.Trailer() }

// Close cancels the call, whatever state it is in. The server sees it cancelled unless it had ended. Further calls do
// nothing. Messages that were received stay valid until they are released.
func (s *Stream) Close() {
	if s.closed.CompareAndSwap(false, true) {
		s.pool.release(s.on) // first, so that whoever gets the slot finds it counted as free
	}
	s.cancel()
}

// ErrTooLarge is what [errors.Is] finds in a [*TooLargeError].
var ErrTooLarge = errors.New("message too large")

// TooLargeError says that a message was over this side's limit. A server that ran out of something of its own is not
// meant: that is a plain status of RESOURCE_EXHAUSTED.
type TooLargeError struct {
	// Size of the message in bytes, 0 where it is not known: decompression stops at the limit.
	Size int
	// Limit is the configured one, in bytes.
	Limit int
}

// Error names both numbers.
func (e *TooLargeError) Error() string {
	if e.Size == 0 {
		return fmt.Sprintf("expected messages of at most %d bytes, found a larger one", e.Limit)
	}
	return fmt.Sprintf("expected messages of at most %d bytes, found one of %d", e.Limit, e.Size)
}

// Is makes it an [ErrTooLarge].
func (e *TooLargeError) Is(target error) bool { return target == ErrTooLarge }

// GRPCStatus makes it a RESOURCE_EXHAUSTED, as gRPC itself would have it.
func (e *TooLargeError) GRPCStatus() *status.Status {
	return status.New(codes.ResourceExhausted, e.Error())
}

// explain finds in gRPC's error that it was gRPC here, and not the server, that refused a message. gRPC-go says so in
// its text alone; the limit in it is one that only this package sets.
func (l messageLimit) explain(err error) error {
	s, ok := status.FromError(err)
	if !ok || s.Code() != codes.ResourceExhausted {
		return err
	}
	var size, limit int
	text := s.Message()
	if n, _ := fmt.Sscanf(text, "grpc: received message larger than max (%d vs. %d)", &size, &limit); n == 2 && limit == l.wire {
		return &TooLargeError{Size: size, Limit: l.bytes}
	}
	if n, _ := fmt.Sscanf(text, "grpc: received message after decompression larger than max %d", &limit); n == 1 && limit == l.wire {
		return &TooLargeError{Limit: l.bytes}
	}
	return err
}
