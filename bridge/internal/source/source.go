// Package source opens the streams that the bridge reads messages from. A [Source] is one of four kinds:
//
//   - [GRPC]: a gRPC server, over package upstream. Its messages are never decoded.
//   - [RPC]: a server-streaming method of a generated client that the program owns.
//   - [Func]: a Go iterator of the program. It yields protobuf messages or plain Go values.
//   - [Service]: a gRPC service that the program implements, called without a connection.
//
// The reader sees no difference between them: it opens a [Stream] with a request in the protobuf wire format, and receives
// messages in that format. So Func describes a request that is a Go struct as a message type ([Definition.Input]), and sends a
// plain Go value as a message of the type [ValueMessage].
//
// The iterators and the services run on goroutines of a [Runner]. One message at most is on its way between such code and the
// reader: the code waits in Send or yield until the reader takes the message, and so a slow browser slows it down.
//
// The package knows neither the configuration nor the routes. It reports what is wrong with a declaration as text, or as a
// [ValueProblem], and package route adds the route.
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
	// Open starts a stream. request is the request message in the protobuf wire format, and md is the metadata that is sent
	// with it. Open may wait for the source. The end of ctx ends the wait and, later, the stream. The error carries a gRPC
	// status.
	Open(ctx context.Context, method string, request []byte, md metadata.MD) (Stream, error)
	// UsesContextValues reports whether code of this process is given the context of [Source.Open], or one that is derived
	// from it, and so can read the values in it.
	UsesContextValues() bool
}

// Held is a [Source] whose connections are closed after the last release. Its methods are called concurrently.
type Held interface {
	Source
	// Hold keeps the connections open until Release. It reports false where they are closed already.
	Hold() bool
	// Release ends a Hold.
	Release()
}

// Hold keeps the connections of a source open, if it has any, until [Release]. It reports false where they are closed already.
func Hold(s Source) bool {
	held, ok := s.(Held)
	return !ok || held.Hold()
}

// Release ends a [Hold].
func Release(s Source) {
	if held, ok := s.(Held); ok {
		held.Release()
	}
}

// Window returns how many bytes a source may hold for a stream whose reader does not read. Code of this process waits until the
// reader takes a message, and holds none.
func Window(s Source) int {
	if _, grpc := s.(grpcSource); grpc {
		return upstream.Window
	}
	return 0
}

// Stream is one stream of messages. One goroutine uses it.
type Stream interface {
	// Header waits until the stream has begun, and returns the metadata that the source answered with. It reports false
	// where the stream ended before it began; Recv returns the reason then.
	Header() (metadata.MD, bool)
	// Recv waits for the next message and returns it in the protobuf wire format. The message is valid until the next call.
	// The error is io.EOF where the source ended the stream with OK. Any other error is [ErrMessageTooLarge] or carries a
	// gRPC status.
	Recv() ([]byte, error)
	// Close ends the stream and releases what belongs to it. It does not wait for code of this process: [Runner.Close] does.
	Close()
}

// ErrMessageTooLarge means that a message is larger than the upstream's max_message_bytes.
var ErrMessageTooLarge = errors.New("a message of the upstream is larger than max_message_bytes")

// StatusOf returns the gRPC status of an error. An error of a context becomes CANCELLED or DEADLINE_EXCEEDED, and an error
// without a status becomes UNKNOWN.
func StatusOf(err error) *status.Status {
	if st, ok := status.FromError(err); ok {
		return st
	}
	return status.FromContextError(err)
}
