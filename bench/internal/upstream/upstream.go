// Package upstream is the gRPC server behind every candidate: a real grpc-go server, which sends what has been encoded
// beforehand, so that it leaves the machine to the candidate, and which knows when each of its streams was cancelled.
package upstream

import (
	"context"
	"net"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/reflection"

	"github.com/grpcsse/grpcsse/bench/internal/event"
	streamv1 "github.com/grpcsse/grpcsse/gen/test/stream/v1"
)

// Server is test.stream.v1.StreamService. Its methods may be called concurrently.
type Server struct {
	streamv1.UnimplementedStreamServiceServer
	shape event.Shape
	flow  event.Flow

	mu     sync.Mutex
	counts Streams // guarded by mu
	ended  []End   // guarded by mu
}

// Streams says how many streams there are.
type Streams struct {
	Open   int `json:"open"`
	Opened int `json:"opened"` // since the beginning
}

// End is the end of a stream.
type End struct {
	Topic string `json:"topic"` // of the request
	At    int64  `json:"at"`    // when its context was done, in Unix nanoseconds
}

// New returns a server each of whose streams sends events of this shape as the flow says.
func New(shape event.Shape, flow event.Flow) *Server {
	return &Server{shape: shape, flow: flow}
}

// Serve serves until ctx ends.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	server := grpc.NewServer(grpc.ForceServerCodecV2(rawCodec{}))
	streamv1.RegisterStreamServiceServer(server, s)
	reflection.Register(server)
	stop := context.AfterFunc(ctx, server.Stop)
	defer stop()
	return server.Serve(listener)
}

// slab is for how many messages memory is allocated at once: gRPC keeps a message until it is written, so each needs its
// own.
const slab = 16

// Watch sends events until the stream's context ends.
func (s *Server) Watch(r *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
	s.begin()
	ctx := stream.Context()
	// At once, and not when the sender comes to see it.
	context.AfterFunc(ctx, func() { s.end(r.GetTopic(), time.Now()) })
	var free []byte
	return s.flow.RunAfter(ctx, s.after(r), func(number uint64, due time.Time) error {
		if cap(free) < s.shape.Size() {
			free = make([]byte, 0, slab*s.shape.Size())
		}
		message := s.shape.AppendMessage(free, number, due)
		free = message[len(message):]
		return stream.SendMsg(message[:len(message):len(message)])
	})
}

// after returns the number of the event that a caller has already. Only a tape has events that came before.
func (s *Server) after(r *streamv1.WatchRequest) uint64 {
	if s.flow.Epoch == 0 {
		return 0
	}
	return uint64(max(0, r.GetAfterSequence()))
}

func (s *Server) begin() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts.Open++
	s.counts.Opened++
}

func (s *Server) end(topic string, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts.Open--
	s.ended = append(s.ended, End{Topic: topic, At: at.UnixNano()})
}

// Streams returns how many streams there are.
func (s *Server) Streams() Streams {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counts
}

// Ended returns the ends of all streams that have ended.
func (s *Server) Ended() []End {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]End{}, s.ended...)
}
