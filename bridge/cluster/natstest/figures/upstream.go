package main

import (
	"context"
	"net"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/reflection"

	streamv1 "github.com/grpcsse/grpcsse/gen/test/stream/v1"
)

// upstream is a gRPC server in this process. Every topic has the same sequence of events, which grows while an [upstream.flow] runs. A
// stream begins with the newest event, or behind the cursor of its request.
type upstream struct {
	streamv1.UnimplementedStreamServiceServer

	address string

	mu     sync.Mutex
	newest int64
	grown  chan struct{}             // closed when there are more events
	due    map[int64]time.Time       // when an event was sent, of the newest ones
	open   map[string]map[string]int // topic → address of the reader → streams
}

// history is of how many events the upstream remembers when they were sent.
const history = 100_000

// text is what an event has beside its number: about 170 bytes.
var text = strings.Repeat("an event of a hundred and seventy bytes, ", 4)

func startUpstream(g *group) (*upstream, error) {
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	u := &upstream{
		address: lis.Addr().String(), newest: 1, grown: make(chan struct{}), due: map[int64]time.Time{},
		open: map[string]map[string]int{},
	}
	s := grpc.NewServer()
	streamv1.RegisterStreamServiceServer(s, u)
	reflection.Register(s)
	go func() { _ = s.Serve(lis) }()
	g.add(s.Stop)
	return u, nil
}

// Watch implements the service.
func (u *upstream) Watch(r *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
	from, _ := peer.FromContext(stream.Context())
	u.count(r.GetTopic(), from.Addr.String(), 1)
	defer u.count(r.GetTopic(), from.Addr.String(), -1)
	next := int64(0)
	if after := r.GetAfterSequence(); after > 0 {
		next = after + 1
	}
	for {
		newest, grown := u.now()
		if next == 0 {
			next = newest
		}
		for ; next <= newest; next++ {
			if err := stream.Send(&streamv1.Event{Sequence: next, Text: text}); err != nil {
				return err
			}
		}
		select {
		case <-grown:
		case <-stream.Context().Done():
			return stream.Context().Err()
		}
	}
}

func (u *upstream) now() (newest int64, grown <-chan struct{}) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.newest, u.grown
}

func (u *upstream) count(topic, reader string, by int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.open[topic] == nil {
		u.open[topic] = map[string]int{}
	}
	if u.open[topic][reader] += by; u.open[topic][reader] == 0 {
		delete(u.open[topic], reader)
	}
}

// readers returns how many streams of a topic are open.
func (u *upstream) readers(topic string) int {
	u.mu.Lock()
	defer u.mu.Unlock()
	sum := 0
	for _, n := range u.open[topic] {
		sum += n
	}
	return sum
}

// readBy reports whether a replica reads a topic.
func (u *upstream) readBy(r *replica, topic string) bool {
	u.mu.Lock()
	var from []string
	for address := range u.open[topic] {
		from = append(from, address)
	}
	u.mu.Unlock()
	for _, address := range from {
		if r.has(address) {
			return true
		}
	}
	return false
}

// send adds events to the sequence.
func (u *upstream) send(events int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	now := time.Now()
	for range events {
		u.newest++
		u.due[u.newest] = now
		delete(u.due, u.newest-history)
	}
	close(u.grown)
	u.grown = make(chan struct{})
}

// flow adds events at a pace until it is stopped.
func (u *upstream) flow(events int, every time.Duration) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		for ctx.Err() == nil {
			select {
			case <-ticker.C:
				u.send(events)
			case <-ctx.Done():
			}
		}
	})
	return func() {
		cancel()
		running.Wait()
	}
}

// sentAt returns when an event was sent.
func (u *upstream) sentAt(event int64) time.Time {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.due[event]
}
