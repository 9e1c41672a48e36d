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

// Stream is one call of a server-streaming method. One goroutine uses Header, Recv and Trailer. Close may be called
// concurrently: Header or Recv then returns with CANCELED.
type Stream struct {
	calls    grpc.ClientStream
	cancel   context.CancelFunc
	limit    messageLimit
	incoming Message // the codec puts a message here; a local variable would escape to the heap

	pool   *pool
	on     *connection // the connection of the stream's slot
	closed atomic.Bool
}

// Header waits for the response metadata of the server. It may be called before the first Recv, or not at all. Where the stream
// ended without metadata, metadata and error are both nil, and Recv returns the status.
func (s *Stream) Header() (metadata.MD, error) { return s.calls.Header() }

// Recv waits for the next message. The caller must call [Message.Release]. While the caller does not call Recv, the sends of
// the server block once the flow-control window is full.
//
// The error is io.EOF for a stream that ended with OK, and a [*TooLargeError] for a message over the limit. Every other error
// carries the gRPC status of the end ([status.FromError]). After an error the stream is closed.
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

// Trailer returns the metadata at the end of the stream. It is complete only after Recv has returned an error.
func (s *Stream) Trailer() metadata.MD { return s.calls.Trailer() }

// Close ends the call. The server sees a cancelled call, unless the call had ended. Messages that were received stay valid
// until they are released. Further calls do nothing.
func (s *Stream) Close() {
	if s.end() {
		s.pool.dismiss()
	}
}

// end ends the call and gives back the slot. It reports false where that was done before.
func (s *Stream) end() (first bool) {
	if first = s.closed.CompareAndSwap(false, true); first {
		s.pool.release(s.on) // before cancel, so that the slot is counted as free when it can be used
	}
	s.cancel()
	return first
}

// ErrTooLarge is what [errors.Is] finds in a [*TooLargeError].
var ErrTooLarge = errors.New("message too large")

// TooLargeError says that a received message was over the limit of this client. A RESOURCE_EXHAUSTED that the server sends is
// not a TooLargeError.
type TooLargeError struct {
	// Size is the size of the message in bytes. It is 0 where the size is unknown, because decompression stops at the limit.
	Size int
	// Limit is the configured limit in bytes.
	Limit int
}

// Error returns a message with both numbers.
func (e *TooLargeError) Error() string {
	if e.Size == 0 {
		return fmt.Sprintf("expected messages of at most %d bytes, found a larger one", e.Limit)
	}
	return fmt.Sprintf("expected messages of at most %d bytes, found one of %d", e.Limit, e.Size)
}

// Is reports whether target is [ErrTooLarge].
func (e *TooLargeError) Is(target error) bool { return target == ErrTooLarge }

// GRPCStatus returns RESOURCE_EXHAUSTED, as gRPC itself does.
func (e *TooLargeError) GRPCStatus() *status.Status {
	return status.New(codes.ResourceExhausted, e.Error())
}

// explain returns a [*TooLargeError] for an error with which gRPC in this process refused a message, and err otherwise. Only
// the text of gRPC's error distinguishes it from an error of the server: the text has a limit that only this package sets.
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
	const unpacked = "grpc: received message after decompression larger than max %d"
	if n, _ := fmt.Sscanf(text, unpacked, &limit); n == 1 && limit == l.wire {
		return &TooLargeError{Limit: l.bytes}
	}
	return err
}
