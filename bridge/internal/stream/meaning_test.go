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
	"google.golang.org/grpc/status"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/internal/bind"
	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/reading"
	"github.com/grpcsse/grpcsse/bridge/internal/request"
)

// accepting is a sink that counts.
type accepting struct{ opened, accepted, events int }

func (a *accepting) Opened() { a.opened++ }

func (a *accepting) Accepted(reading.Header) { a.accepted++ }

func (a *accepting) Event(ctx context.Context, _ *reading.Event) error {
	a.events++
	return ctx.Err()
}

// TestWhatOneUpstreamStreamMeans plays one upstream stream, for a private and for a shared stream.
func TestWhatOneUpstreamStreamMeans(t *testing.T) {
	down, gone := status.Error(codes.Unavailable, ""), status.Error(codes.NotFound, "")
	stale, closed := status.Error(codes.OutOfRange, ""), status.Error(codes.Canceled, "")
	again := reading.Attempt{Reopening: true}
	for name, tt := range map[string]struct {
		attempt reading.Attempt
		play    play
		change  func(*config.Route)
		failing bool          // the route has failed before
		lasts   time.Duration // until the attempt's context ends
		closes  time.Duration // until the bridge does

		private, shared reading.Fate
		code            ending.Code
		retry, back     bool // whether a client is told to come back: of a private stream, of a shared one
		accepted        int
		failed          [2]bool // whether the route fails then: private, shared
		broke           [2]bool // whether the log has it that the stream broke: private, shared
	}{
		"it ends in good order": {
			play: play{events: 1}, code: ending.OK, accepted: 1,
		},
		"it ends in good order before any word": {
			play: play{silent: true}, failing: true, code: ending.OK,
		},
		"it ends in good order before any word, which is hidden": {
			play: play{silent: true}, failing: true, change: func(c *config.Route) { c.OnEnd = config.OnEndReopen },
			private: reading.Broken, shared: reading.Broken, code: ending.OK, accepted: 1,
		},
		"it ends in good order before any word again, which is hidden": {
			attempt: again, play: play{silent: true}, failing: true, change: func(c *config.Route) { c.OnEnd = config.OnEndReopen },
			private: reading.Broken, shared: reading.Broken, code: ending.OK, failed: [2]bool{true, false},
		},
		"it breaks": {
			play: play{events: 1, end: down}, private: reading.Broken, shared: reading.Broken, code: ending.Unavailable, retry: true, back: true,
			accepted: 1, broke: [2]bool{true, true},
		},
		"it never was": {
			play: play{silent: true, end: down}, private: reading.Broken, shared: reading.Broken, code: ending.Unavailable, retry: true, back: true,
			failed: [2]bool{true, true},
		},
		"it is not there again": {
			attempt: again, play: play{silent: true, end: down}, private: reading.Broken, shared: reading.Broken, code: ending.Unavailable,
			retry: true, back: true, failed: [2]bool{false, true}, broke: [2]bool{true, true},
		},
		"it is refused": {
			play: play{silent: true, end: gone}, code: ending.NotFound,
		},
		"it is refused when it is opened again": {
			attempt: again, play: play{silent: true, end: gone}, code: ending.NotFound, back: true,
		},
		"it ends with an error when it was opened again": {
			attempt: again, play: play{events: 1, end: gone}, code: ending.NotFound, accepted: 1,
		},
		"its cursor is refused": {
			attempt: reading.Attempt{Cursor: "7", HasCursor: true}, play: play{end: stale},
			private: reading.Refused, shared: reading.Refused, code: ending.OutOfRange, accepted: 1,
		},
		"its cursor is refused after an event": {
			attempt: reading.Attempt{Cursor: "7", HasCursor: true}, play: play{events: 1, end: stale}, code: ending.OutOfRange, accepted: 1,
		},
		"its cursor does not fit": {
			attempt: reading.Attempt{Cursor: "no number", HasCursor: true},
			private: reading.Refused, shared: reading.Refused, code: ending.InvalidArgument,
		},
		"it is closed": {
			play: play{stands: time.Hour}, lasts: time.Minute,
			private: reading.Broken, shared: reading.Broken, code: ending.Canceled, retry: true, back: true, accepted: 1,
		},
		"it is closed before any word": {
			play: play{silent: true, stands: time.Hour}, lasts: time.Minute,
			private: reading.Broken, shared: reading.Broken, code: ending.Canceled, retry: true, back: true,
		},
		"the upstream says that it is closed": {
			play: play{end: closed}, private: reading.Broken, shared: reading.Broken, code: ending.Canceled, retry: true, back: true,
			accepted: 1, broke: [2]bool{true, true},
		},
		"the bridge closes": {
			play: play{stands: time.Hour}, closes: time.Minute, code: ending.Unavailable, retry: true, back: true, accepted: 1,
		},
		"it fails while the bridge closes": {
			play: play{stands: time.Minute, end: gone}, closes: time.Minute - 1, lasts: time.Hour, code: ending.NotFound, accepted: 1,
		},
	} {
		for kind, shared := range map[string]bool{"private": false, "shared": true} {
			t.Run(name+", "+kind, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					l := &logged{}
					b, rt := loggedRoute(t, &scripted{plays: []play{tt.play}}, l.logger())
					rt.Config.Event.Retry = time.Second
					if tt.change != nil {
						tt.change(rt.Config)
					}
					if tt.failing {
						rt.Health.Failed()
						time.Sleep(time.Hour)
					}
					ctx, cancel := context.WithCancel(b.ctx)
					if tt.lasts > 0 {
						ctx, cancel = context.WithCancel(t.Context())
						time.AfterFunc(tt.lasts, cancel)
					}
					defer cancel()
					if tt.closes > 0 {
						time.AfterFunc(tt.closes, b.cancel)
					}
					o := &owner{rt: rt, resumes: true}
					f := &feed{renderer: renderer{rt: rt}, streams: b.Streams, source: rt.Plan.Source, reopens: o.reopens, again: new(rebinding)}
					fate, back, i := tt.private, tt.retry, 0
					if shared {
						f = b.sharedFeed(rt, &request.Request{}, bind.Input{}, nil)
						fate, back, i = tt.shared, tt.back, 1
					}
					sink := &accepting{}
					got := f.Run(ctx, tt.attempt, sink)
					if shared && got.Fate == reading.Refused {
						back = got.End.Ending.Retry // the reader goes on, and no client is told the end
					}
					assert.Equal(t, fate, got.Fate)
					assert.Equal(t, tt.code, got.End.Ending.Code)
					assert.Equal(t, back, got.End.Ending.Retry)
					assert.Equal(t, tt.accepted, sink.accepted)
					time.Sleep(time.Second)
					failing := rt.Health.FailingFor() > 0
					assert.Equal(t, tt.failed[i], failing, "the health of the route")
					assert.Equal(t, tt.broke[i], len(l.lines("an upstream stream broke")) > 0, "the log")
					require.NoError(t, b.Close())
				})
			})
		}
	}
}

// The context of a private stream ends at the deadline of its route. A shared stream outlives its callers, so that the deadline is
// that of each upstream stream.
func TestADeadlineIsThatOfACallerOrOfAnUpstreamStream(t *testing.T) {
	for kind, shared := range map[string]bool{"private": false, "shared": true} {
		t.Run(kind, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				src := &scripted{}
				b, rt := resumableRoute(t, src)
				rt.Config.Request.Timeout = 5 * time.Second
				f := &feed{renderer: renderer{rt: rt}, streams: b.Streams, source: src, again: new(rebinding), shared: shared, reopens: func(*ending.Ending) bool { return false }}
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				began := time.Now()
				got := f.Run(ctx, reading.Attempt{}, &accepting{})
				want := time.Minute
				if shared {
					want = 5 * time.Second
				}
				assert.Equal(t, want, time.Since(began))
				assert.Equal(t, ending.DeadlineExceeded, got.End.Ending.Code)
				require.NoError(t, b.Close())
			})
		})
	}
}

func TestAnEndThatTheOperatorCanHelpIsLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &logged{level: slog.LevelDebug}
		src := &scripted{plays: []play{{events: 1, text: "secret"}, {stands: time.Hour, end: errors.New("words")}}}
		b, rt := loggedRoute(t, src, l.logger())
		rt.Config.MaxEventBytes = 5
		f := &feed{renderer: renderer{rt: rt}, streams: b.Streams, source: src, again: new(rebinding), reopens: func(*ending.Ending) bool { return false }}
		got := f.Run(t.Context(), reading.Attempt{}, &accepting{})
		assert.Equal(t, ending.DataLoss, got.End.Ending.Code)
		require.Len(t, l.lines("a stream was ended by the bridge"), 1)
		assert.Contains(t, l.lines("a stream was ended by the bridge")[0], "max_event_bytes")
		assert.Empty(t, l.lines("secret"))

		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		f.Run(ctx, reading.Attempt{}, &accepting{})
		assert.Empty(t, l.lines("an upstream stream ended"), "what was closed here has no words of the upstream")
		require.NoError(t, b.Close())
	})
}

// One feed reads many upstream streams: nothing of one counts for the next.
func TestAttemptsAreJudgedEachForItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &scripted{plays: []play{{events: 1, end: status.Error(codes.Unavailable, "")}, {silent: true, end: status.Error(codes.OutOfRange, "")}}}
		b, rt := resumableRoute(t, src)
		f := b.sharedFeed(rt, &request.Request{}, bind.Input{}, nil)
		assert.Equal(t, reading.Broken, f.Run(t.Context(), reading.Attempt{}, &accepting{}).Fate)
		assert.Equal(t, reading.Refused, f.Run(t.Context(), reading.Attempt{Cursor: "1", HasCursor: true, Reopening: true}, &accepting{}).Fate)
		require.NoError(t, b.Close())
	})
}
