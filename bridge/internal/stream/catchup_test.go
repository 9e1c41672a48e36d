package stream

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/internal/bind"
	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/reading"
	"github.com/grpcsse/grpcsse/bridge/internal/request"
	"github.com/grpcsse/grpcsse/bridge/internal/route"
	"github.com/grpcsse/grpcsse/bridge/internal/source"
	"github.com/grpcsse/grpcsse/bridge/internal/upstream"
)

// catchingUp is the first attempt of a catch-up, and afterTheBreak one that follows.
func catchingUp() reading.Attempt {
	return reading.Attempt{Cursor: "7", HasCursor: true, CatchingUp: true}
}

func afterTheBreak() reading.Attempt {
	a := catchingUp()
	a.Reopening = true
	return a
}

// TestWhatTheEndOfACatchUpMeans plays one upstream stream of a catch-up. Whatever its end, the health of the route stays as it is,
// and nothing is logged.
func TestWhatTheEndOfACatchUpMeans(t *testing.T) {
	down, gone, stale := status.Error(codes.Unavailable, ""), status.Error(codes.NotFound, ""), status.Error(codes.OutOfRange, "")
	for name, tt := range map[string]struct {
		attempt reading.Attempt
		play    play
		change  func(*config.Route)
		fate    reading.Fate
		code    ending.Code
		retry   bool
	}{
		"it ends in good order":            {attempt: catchingUp(), play: play{events: 1}, code: ending.OK},
		"it ends in good order, reopened":  {attempt: catchingUp(), play: play{events: 1}, change: func(c *config.Route) { c.OnEnd = config.OnEndReopen }, fate: reading.Broken, code: ending.OK},
		"it breaks":                        {attempt: catchingUp(), play: play{events: 1, end: down}, fate: reading.Broken, code: ending.Unavailable, retry: true},
		"it breaks again":                  {attempt: afterTheBreak(), play: play{events: 1, end: down}, fate: reading.Broken, code: ending.Unavailable, retry: true},
		"it never was":                     {attempt: catchingUp(), play: play{silent: true, end: down}, fate: reading.Broken, code: ending.Unavailable, retry: true},
		"the request is refused":           {attempt: catchingUp(), play: play{silent: true, end: gone}, code: ending.NotFound},
		"the request is refused later":     {attempt: afterTheBreak(), play: play{silent: true, end: gone}, code: ending.NotFound},
		"the cursor is refused":            {attempt: catchingUp(), play: play{silent: true, end: stale}, fate: reading.Refused, code: ending.OutOfRange},
		"the cursor is refused later":      {attempt: afterTheBreak(), play: play{silent: true, end: stale}, fate: reading.Refused, code: ending.OutOfRange},
		"the cursor is refused at an end":  {attempt: catchingUp(), play: play{events: 1, end: stale}, code: ending.OutOfRange},
		"the cursor does not fit":          {attempt: reading.Attempt{Cursor: "no number", HasCursor: true, CatchingUp: true}, fate: reading.Refused, code: ending.InvalidArgument},
		"an event is too large":            {attempt: catchingUp(), play: play{events: 1}, change: func(c *config.Route) { c.MaxEventBytes = 5 }, code: ending.DataLoss},
		"the deadline of the route passes": {attempt: catchingUp(), play: play{stands: time.Hour}, change: func(c *config.Route) { c.Request.Timeout = time.Minute }, fate: reading.Broken, code: ending.DeadlineExceeded, retry: true},
	} {
		for _, failing := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					l := &logged{}
					src := &scripted{plays: []play{tt.play}}
					b, rt := loggedRoute(t, src, l.logger())
					if tt.change != nil {
						tt.change(rt.Config)
					}
					if failing {
						rt.Health.Failed()
					}
					f := b.sharedFeed(rt, &request.Request{}, bind.Input{}, &route.Call{Request: []byte("the call of the shared stream")})
					got := f.Run(t.Context(), tt.attempt, &accepting{})
					assert.Equal(t, tt.fate, got.Fate)
					assert.Equal(t, tt.code, got.End.Ending.Code)
					assert.Equal(t, tt.retry, got.End.Ending.Retry)
					for _, cursor := range src.presented() {
						assert.EqualValues(t, 7, cursor)
					}
					time.Sleep(time.Minute)
					assert.Equal(t, failing, rt.Health.FailingFor() > 0, "the health of the route")
					assert.Empty(t, l.lines(""), "the log")
					require.NoError(t, b.Close())
				})
			})
		}
	}
}

// An attempt that resumes, whether of the stream itself or of a catch-up, has its cursor in its request. The first call of a shared
// stream has none.
func TestASharedStreamResumesWithItsCursor(t *testing.T) {
	for name, a := range map[string]reading.Attempt{
		"the stream itself": {Cursor: "7", HasCursor: true, Reopening: true}, "a catch-up": catchingUp(),
	} {
		synctest.Test(t, func(t *testing.T) {
			src := &scripted{plays: []play{{}, {}, {}}}
			b, rt := resumableRoute(t, src)
			first, err := rt.Bind(request.Head{}, bind.Input{})
			require.NoError(t, err)
			f := b.sharedFeed(rt, &request.Request{}, bind.Input{}, first)
			f.Run(t.Context(), a, &accepting{})
			a.Cursor = "8"
			f.Run(t.Context(), a, &accepting{})
			assert.Equal(t, []int64{7, 8}, src.presented(), name)
			assert.Nil(t, f.first, "nothing is kept of the request")
			require.NoError(t, b.Close())
		})
	}
}

// slotless is a source whose upstream has no room for another stream.
type slotless struct{}

func (slotless) Open(context.Context, string, []byte, metadata.MD) (source.Stream, error) {
	return nil, &upstream.NoSlotError{}
}

func (slotless) UsesContextValues() bool { return false }

// A stream that its clients have asked for is opened again later. A catch-up has failed.
func TestACatchUpDoesNotWaitForASlot(t *testing.T) {
	for _, a := range []reading.Attempt{{}, {Reopening: true}, catchingUp(), afterTheBreak()} {
		l := &logged{}
		b, rt := loggedRoute(t, slotless{}, l.logger())
		got := b.sharedFeed(rt, &request.Request{}, bind.Input{}, nil).Run(t.Context(), a, &accepting{})
		want := reading.Broken
		if a.CatchingUp {
			want = reading.Over
		}
		assert.Equal(t, want, got.Fate)
		assert.Equal(t, ending.ByLimit, got.End.Ending.Reason)
		assert.Equal(t, a.CatchingUp, len(l.lines("level=WARN")) == 0, "the log")
		assert.Equal(t, a.CatchingUp, rt.Health.FailingFor() == 0, "the health of the route")
		require.NoError(t, b.Close())
	}
}

// asked is a source that remembers the contexts of its streams. Each fails.
type asked struct{ contexts []context.Context }

func (a *asked) Open(ctx context.Context, _ string, _ []byte, _ metadata.MD) (source.Stream, error) {
	a.contexts = append(a.contexts, ctx)
	return nil, errors.New("no")
}

func (*asked) UsesContextValues() bool { return false }

func TestOnlyACatchUpIsOpenedWithoutTheQueue(t *testing.T) {
	src := &asked{}
	b, rt := resumableRoute(t, src)
	type name struct{}
	ctx := context.WithValue(t.Context(), name{}, "value")
	for _, a := range []reading.Attempt{{}, {Cursor: "7", HasCursor: true}, catchingUp()} {
		b.sharedFeed(rt, &request.Request{}, bind.Input{}, nil).Run(ctx, a, &accepting{})
	}
	require.Len(t, src.contexts, 3)
	assert.Equal(t, ctx, src.contexts[0])
	assert.Equal(t, ctx, src.contexts[1])
	assert.Equal(t, upstream.WithoutQueue(ctx), src.contexts[2])
	require.NoError(t, b.Close())
}

func TestHowManyCatchUpsAStreamMayHave(t *testing.T) {
	b := newRunning(t, slog.New(slog.DiscardHandler))
	defer func() { require.NoError(t, b.Close()) }()
	cfg := config.NewRoute("/watch")
	cfg.Share = config.NewShare(config.LateJoin{Mode: config.LateJoinAll})
	rt := routeOf(t, cfg)
	assert.Equal(t, 4, fanoutSettings(rt).CatchUps)
	for _, count := range []int{0, 1, 9} {
		rt.Config.Share.CatchUp = count
		assert.Equal(t, count, fanoutSettings(rt).CatchUps)
	}
}
