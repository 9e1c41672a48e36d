package backstage

import (
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/status"

	"github.com/grpcsse/grpcsse/cmd/grpcsse/internal/crowd"
	crowdv1 "github.com/grpcsse/grpcsse/gen/demo/crowd/v1"
	marketv1 "github.com/grpcsse/grpcsse/gen/demo/market/v1"
)

// topic is the method that the crowd listens to.
var topic = strings.TrimPrefix(marketv1.MarketService_WatchTape_FullMethodName, "/")

// figures returns the figures of a crowd and of the gRPC server, without the speed.
func (s *Show) figures(c *crowd.Crowd) *crowdv1.Figures {
	f := c.Figures()
	return &crowdv1.Figures{
		Browsers:   int32(f.Clients),
		Connected:  int32(f.Connected),
		Stalled:    int32(f.Stalled),
		Current:    int32(f.Current),
		Gone:       int32(f.Gone),
		Deliveries: f.Deliveries,
		Ledger: &crowdv1.Ledger{
			Gaps:       f.Ledger.Gaps,
			Repeats:    f.Ledger.Repeats,
			Disorders:  f.Ledger.Disorders,
			Resets:     f.Ledger.Resets,
			Reconnects: f.Ledger.Reconnects,
		},
		Upstream: &crowdv1.Upstream{Running: s.upstream.Running(), Streams: int32(s.upstream.Streams(topic))},
	}
}

// Service describes the gRPC service of a Show.
func (s *Show) Service() *grpc.ServiceDesc { return &crowdv1.CrowdService_ServiceDesc }

// WatchCrowd implements crowdv1.CrowdServiceServer.
func (s *Show) WatchCrowd(_ *crowdv1.WatchCrowdRequest, stream grpc.ServerStreamingServer[crowdv1.Figures]) error {
	defer s.board.watch()()
	if err := stream.SendHeader(nil); err != nil {
		return err
	}
	for seen := false; ; {
		now := s.board.read()
		if now.on || seen {
			if err := stream.Send(now.figures); err != nil {
				return err
			}
			if !now.on {
				return nil
			}
			seen = true
		}
		select {
		case <-stream.Context().Done():
			return status.FromContextError(stream.Context().Err()).Err()
		case <-now.changed:
		}
	}
}

// board holds the newest figures for its watchers. It may be used concurrently.
type board struct {
	mu       sync.Mutex
	notice   notice // guarded by mu
	watchers int    // guarded by mu
}

// notice is what a board shows. It does not change.
type notice struct {
	figures *crowdv1.Figures
	on      bool          // while there is a crowd
	changed chan struct{} // closed when the board shows something else
}

func newBoard() *board {
	return &board{notice: notice{changed: make(chan struct{})}}
}

// show replaces the figures.
func (b *board) show(figures *crowdv1.Figures, on bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	close(b.notice.changed)
	b.notice = notice{figures: figures, on: on, changed: make(chan struct{})}
}

func (b *board) read() notice {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.notice
}

// watch counts a watcher, until the function that it returns is called.
func (b *board) watch() (leave func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.watchers++
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.watchers--
	}
}

func (b *board) watched() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.watchers > 0
}

// speedometer measures how fast a number grows, over the last few measurements.
type speedometer struct {
	times  [7]time.Time
	values [7]int64
	count  int
}

// measure notes the number and returns its growth per second, which is 0 at the first call.
func (s *speedometer) measure(now time.Time, value int64) float64 {
	i := s.count % len(s.times)
	oldest := i
	if s.count < len(s.times) {
		oldest = 0
	}
	then, before := s.times[oldest], s.values[oldest]
	s.times[i], s.values[i] = now, value
	s.count++
	if s.count == 1 || !now.After(then) {
		return 0
	}
	return float64(value-before) / now.Sub(then).Seconds()
}
