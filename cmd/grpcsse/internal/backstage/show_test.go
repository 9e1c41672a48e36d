package backstage

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"github.com/grpcsse/grpcsse/cmd/grpcsse/internal/crowd"
	crowdv1 "github.com/grpcsse/grpcsse/gen/demo/crowd/v1"
)

// soon is how long anything may take here.
const soon = 20 * time.Second

// listeners counts the clients of a server of events.
type listeners struct {
	mu sync.Mutex
	n  int
}

func (l *listeners) add(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.n += n
}

func (l *listeners) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.n
}

// startShow runs a show whose crowd listens to a server that sends numbers, until the test ends.
func startShow(t *testing.T, ctx context.Context) (*Show, *listeners) {
	t.Helper()
	there, begin := new(listeners), time.Now()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		there.add(1)
		defer there.add(-1)
		w.Header().Set("Content-Type", "text/event-stream")
		const gap = 5 * time.Millisecond
		for n := time.Since(begin)/gap + 1; r.Context().Err() == nil; n++ {
			select {
			case <-time.After(time.Until(begin.Add(n * gap))):
			case <-r.Context().Done():
				return
			}
			_, _ = fmt.Fprintf(w, "id: %d\ndata: {}\n\n", n)
			w.(http.Flusher).Flush()
		}
	}))
	t.Cleanup(server.Close)
	s := NewShow(ctx, startUpstream(t), server.URL)
	t.Cleanup(s.Stop)
	return s, there
}

// audience looks at the figures of a show.
type audience struct {
	grpc.ServerStream

	ctx     context.Context
	leave   context.CancelFunc
	figures chan *crowdv1.Figures
	ended   chan error
}

func (a *audience) Context() context.Context            { return a.ctx }
func (a *audience) SendHeader(metadata.MD) error        { return nil }
func (a *audience) Send(figures *crowdv1.Figures) error { a.figures <- figures; return nil }

func watch(t *testing.T, s *Show) *audience {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	a := &audience{ctx: ctx, leave: cancel, figures: make(chan *crowdv1.Figures, 100), ended: make(chan error, 1)}
	go func() { a.ended <- s.WatchCrowd(&crowdv1.WatchCrowdRequest{}, a) }()
	t.Cleanup(cancel)
	require.Eventually(t, s.board.watched, soon, time.Millisecond)
	return a
}

// until waits for figures that are as wanted.
func (a *audience) until(t *testing.T, wanted func(*crowdv1.Figures) bool) *crowdv1.Figures {
	t.Helper()
	within := time.After(soon)
	for {
		select {
		case f := <-a.figures:
			if wanted(f) {
				return f
			}
		case <-within:
			require.Fail(t, "the figures never were as wanted")
		}
	}
}

func TestACrowdComesAndGoes(t *testing.T) {
	s, there := startShow(t, t.Context())
	a := watch(t, s)
	assert.Equal(t, errNobody, s.Double())
	assert.Equal(t, errNobody, s.Stall(1))

	require.NoError(t, s.Start(10))
	f := a.until(t, func(f *crowdv1.Figures) bool { return f.GetCurrent() == 10 && f.GetDeliveriesPerSecond() > 0 })
	assert.EqualValues(t, 10, f.GetBrowsers())
	assert.True(t, f.GetUpstream().GetRunning())
	require.NoError(t, s.Double())
	a.until(t, func(f *crowdv1.Figures) bool { return f.GetCurrent() == 20 })
	require.NoError(t, s.Stall(5))
	a.until(t, func(f *crowdv1.Figures) bool { return f.GetStalled() == 5 && f.GetCurrent() == 15 })

	s.Stop()
	assert.Equal(t, errNobody, s.Double())
	require.NoError(t, <-a.ended, "the stream ends with OK")
	f = a.until(t, func(f *crowdv1.Figures) bool { return f.GetBrowsers() == 0 })
	assert.Zero(t, f.GetConnected())
	assert.Positive(t, f.GetDeliveries(), "the ledger stays")
	assert.Zero(t, f.GetLedger().GetGaps()+f.GetLedger().GetRepeats()+f.GetLedger().GetDisorders())
	assert.Eventually(t, func() bool { return there.count() == 0 }, soon, time.Millisecond)
}

func TestASecondStartIsANewCrowd(t *testing.T) {
	s, there := startShow(t, t.Context())
	require.NoError(t, s.Start(5))
	require.NoError(t, s.Start(3))
	assert.Eventually(t, func() bool { return there.count() == 3 }, soon, time.Millisecond)
	watch(t, s).until(t, func(f *crowdv1.Figures) bool { return f.GetBrowsers() == 3 })
}

func TestACrowdThatNobodyWatchesGoesHome(t *testing.T) {
	s, there := startShow(t, t.Context())
	s.patience = 2 * pace
	a := watch(t, s)
	require.NoError(t, s.Start(5))
	a.until(t, func(f *crowdv1.Figures) bool { return f.GetCurrent() == 5 })
	watched := time.Now()
	a.until(t, func(*crowdv1.Figures) bool { return time.Since(watched) > 3*pace })
	assert.Equal(t, 5, there.count(), "there is a watcher")

	a.leave()
	assert.Eventually(t, func() bool { return there.count() == 0 }, soon, time.Millisecond)
	assert.Equal(t, errNobody, s.Double())
}

func TestTheCrowdLeavesWithTheProgram(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s, there := startShow(t, ctx)
	require.NoError(t, s.Start(5))
	assert.Eventually(t, func() bool { return there.count() == 5 }, soon, time.Millisecond)
	cancel()
	assert.Eventually(t, func() bool { return there.count() == 0 }, soon, time.Millisecond)
	require.ErrorIs(t, s.Start(5), context.Canceled)
}

func TestACrowdIsNotDoubledForEver(t *testing.T) {
	s, _ := startShow(t, t.Context())
	s.url = "http://127.0.0.1:1/" // no server listens there
	require.NoError(t, s.Start(crowd.Most))
	assert.Equal(t, errFull, s.Double())
}

func TestSpeedometer(t *testing.T) {
	begin := time.Now()
	var s speedometer
	assert.Zero(t, s.measure(begin, 1000))
	for i := 1; i < 20; i++ {
		assert.InDelta(t, 200, s.measure(begin.Add(time.Duration(i)*pace), int64(1000+100*i)), 1e-6, i)
	}
	for i := 20; i < 40; i++ { // it stands still
		speed := s.measure(begin.Add(time.Duration(i)*pace), 2900)
		if i >= 20+len(s.times) {
			assert.Zero(t, speed)
		}
	}
}
