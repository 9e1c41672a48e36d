package stream

import (
	"context"
	"io"
	"iter"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/fanout"
	"github.com/grpcsse/grpcsse/bridge/internal/route"
	"github.com/grpcsse/grpcsse/bridge/internal/source"
	"github.com/grpcsse/grpcsse/bridge/transcode"
	streamv1 "github.com/grpcsse/grpcsse/gen/test/stream/v1"
)

func TestLogsHoldNothingOfAMessage(t *testing.T) {
	err := withoutValues(&transcode.Error{
		Kind: transcode.ErrUnrepresentable, Message: "test.v1.Event", Path: "mask", Offset: 7, Detail: `path "secret"`,
	})
	require.ErrorIs(t, err, transcode.ErrUnrepresentable)
	assert.Contains(t, err.Error(), "mask", "where it is, an operator must know")
	assert.NotContains(t, err.Error(), "secret")

	tooLarge := &eventTooLargeError{limit: 1}
	assert.Equal(t, error(tooLarge), withoutValues(tooLarge))
}

// feeble is a source whose streams begin, bring one event and fail.
type feeble struct {
	stood time.Duration // before each ends
	end   error         // what each ends with; UNAVAILABLE where it is nil

	mu     sync.Mutex
	opened []time.Time
	closed atomic.Int64 // streams, once each
}

// opens is how many streams were opened.
func (f *feeble) opens() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.opened)
}

func (f *feeble) Open(ctx context.Context, _ string, _ []byte, _ metadata.MD) (source.Stream, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.opened = append(f.opened, time.Now())
	return &feebleStream{ctx: ctx, stood: f.stood, end: f.end, closed: sync.OnceFunc(func() { f.closed.Add(1) })}, nil
}

func (f *feeble) UsesContextValues() bool { return true }

type feebleStream struct {
	ctx    context.Context
	stood  time.Duration
	end    error
	sent   bool
	closed func()
}

func (s *feebleStream) Header() (metadata.MD, bool) { return metadata.MD{}, true }
func (s *feebleStream) Close()                      { s.closed() }

func (s *feebleStream) Recv() ([]byte, error) {
	if !s.sent {
		s.sent = true
		return proto.Marshal(&streamv1.Event{Sequence: 1})
	}
	select {
	case <-time.After(s.stood):
	case <-s.ctx.Done():
	}
	if s.end != nil {
		return nil, s.end
	}
	return nil, status.Error(codes.Unavailable, "")
}

// TestAPrivateStreamThatBringsALittleAndFailsIsOpenedLessAndLessOften holds for shared streams by a test of package fanout.
func TestAPrivateStreamThatBringsALittleAndFailsIsOpenedLessAndLessOften(t *testing.T) {
	for name, tt := range map[string]struct {
		stood    time.Duration
		attempts int
		waits    []time.Duration // the last one for all that follow
		opens    int
		end      error
	}{
		"at once":             {0, 0, []time.Duration{1, 2, 4, 5, 5, 5}, 100, nil},
		"before it has stood": {4 * time.Second, 0, []time.Duration{1, 2, 4, 5, 5, 5}, 100, nil},
		"after it has stood":  {5 * time.Second, 0, []time.Duration{1, 1, 1, 1, 1, 1}, 100, nil},
		"with few attempts":   {time.Second, 3, []time.Duration{1, 2, 4}, 4, nil},
		"few, but it stands":  {time.Minute, 1, []time.Duration{1, 1, 1, 1}, 100, nil},
		"in good order":       {0, 1, []time.Duration{1, 1, 1, 1}, 100, io.EOF},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				src := &feeble{stood: tt.stood, end: tt.end}
				b, rt := resumableRoute(t, src)
				rt.Config.Reopen = config.Reopen{Base: time.Second, Max: 5 * time.Second, MaxAttempts: tt.attempts}
				rt.Config.OnEnd = config.OnEndReopen
				sub, end := watchThrough(b, rt)
				require.Nil(t, end)
				for range 20_000 {
					time.Sleep(time.Second / 2) // shorter than any wait, so that it sees each opening
					sub.Cursor().Advance(len(first(sub.Cursor().Peek(nil, 1<<20))))
					if src.opens() >= tt.opens {
						break
					}
				}
				sub.Close()
				require.Len(t, src.opened, tt.opens)
				for i, seconds := range tt.waits {
					wait := seconds * time.Second
					assert.InDelta(t, wait, src.opened[i+1].Sub(src.opened[i])-tt.stood, float64(wait)/5, "attempt %d", i)
				}
				require.NoError(t, b.Close())
			})
		})
	}
}

func first[A, B any](a A, _ B) A { return a }

// running are streams that a test can end.
type running struct {
	*Streams

	cancel context.CancelFunc
}

// Close ends them as a bridge does, and waits until nothing of them is left.
func (r running) Close() error {
	r.CloseShared()
	r.cancel()
	r.Wait()
	r.Streams.Close()
	return nil
}

func newRunning(t *testing.T, log *slog.Logger) running {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	return running{New(ctx, fanout.Limits{}, nil, log, deaf{}), cancel}
}

// deaf is an observer that ignores every call.
type deaf struct{}

func (deaf) Reopened(string, bool, ending.Code) {}

func (deaf) UpstreamEnded(string, bool, ending.Code) {}
func (deaf) Resumed(string, bool, ending.Resumed)    {}
func (deaf) Reset(string, bool, ending.Reset)        {}
func (deaf) Skipped(string)                          {}
func (deaf) Superseded(string, int)                  {}

func (deaf) IDLeftOut(string)           {}
func (deaf) TypeUnknown(string, string) {}
func (deaf) CatchUpStarted(string)      {}

func (deaf) CatchUpEnded(string, fanout.Outcome, time.Duration) {}

// resumableRoute returns streams and a route, GET /watch, whose upstream streams src opens and which can resume.
func resumableRoute(t *testing.T, src source.Source) (running, *route.Route) {
	t.Helper()
	return loggedRoute(t, src, slog.New(slog.DiscardHandler))
}

// loggedRoute is resumableRoute with a log.
func loggedRoute(t *testing.T, src source.Source, log *slog.Logger) (running, *route.Route) {
	t.Helper()
	cfg := config.NewRoute("/watch")
	cfg.Event.ID = "sequence"
	cfg.Request.Set = []config.Setting{{Field: "after_sequence", Value: config.Template{{Ref: "last_event_id"}}}}
	rt := routeOf(t, cfg)
	rt.Plan.Source = src
	return newRunning(t, log), rt
}

// routeOf compiles a route whose messages are test events.
func routeOf(t *testing.T, cfg *config.Route) *route.Route {
	t.Helper()
	events := source.Func(func(context.Context, *streamv1.WatchRequest) iter.Seq2[*streamv1.Event, error] {
		return func(func(*streamv1.Event, error) bool) {}
	})
	rt, problems := route.NewWithSource(cfg, nil, events, source.NewRunner(slog.New(slog.DiscardHandler)))
	require.Empty(t, problems)
	return rt
}
