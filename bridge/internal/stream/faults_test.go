package stream

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/reading"
	"github.com/grpcsse/grpcsse/bridge/internal/route"
	"github.com/grpcsse/grpcsse/bridge/internal/source"
)

// logged is a handler that remembers lines, without their times.
type logged struct {
	mu    sync.Mutex
	text  strings.Builder
	level slog.Level
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: l.level, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
}

// lines returns those that hold a text.
func (l *logged) lines(with string) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []string
	for line := range strings.Lines(l.text.String()) {
		if strings.Contains(line, with) {
			out = append(out, strings.TrimSpace(line))
		}
	}
	return out
}

func TestFaultsOfAKindAreOneLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &logged{}
		f := newFaults(l.logger())
		what := fault{upstreamBroke, "/watch", "a.B/C", ending.Unavailable}
		for i := range 10_000 {
			f.report(what, episode{1 + i%7, time.Duration(i) * time.Millisecond})
		}
		f.report(fault{upstreamBroke, "/watch", "a.B/C", ending.Internal}, episode{1, 0})
		f.report(fault{upstreamIsBack, "/other", "a.B/C", ending.Unavailable}, episode{3, time.Second})
		about := `msg="an upstream stream broke, and is opened again" route=/watch rpc=a.B/C `
		want := []string{
			"level=WARN " + about + "code=UNAVAILABLE attempt=1 lasted=0s",
			"level=WARN " + about + "code=INTERNAL attempt=1 lasted=0s",
			`level=INFO msg="an upstream stream is back" route=/other rpc=a.B/C code=UNAVAILABLE attempt=3 lasted=1s`,
		}
		assert.Equal(t, want, l.lines(""), "the first of each kind, at once")
		time.Sleep(faultsEvery + 1)
		want = append(want, "level=WARN "+about+"code=UNAVAILABLE attempt=7 lasted=9.999s more=9999")
		assert.Equal(t, want, l.lines(""))
		time.Sleep(time.Hour)
		assert.Equal(t, want, l.lines(""), "nothing more was there to tell")
		f.mu.Lock()
		assert.Empty(t, f.recent, "nor is anything kept of it")
		f.mu.Unlock()

		f.report(what, episode{2, time.Second})
		f.report(what, episode{2, time.Second})
		f.close()
		f.report(what, episode{2, time.Second})
		time.Sleep(time.Hour)
		assert.Equal(t, append(want, "level=WARN "+about+"code=UNAVAILABLE attempt=2 lasted=1s",
			"level=WARN "+about+"code=UNAVAILABLE attempt=2 lasted=1s more=1"), l.lines(""), "the rest is told at the end")
	})
}

func TestBreaksThatWereCountedAreLoggedBeforeTheRecovery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &logged{}
		f := newFaults(l.logger())
		broke := fault{upstreamBroke, "/watch", "a.B/C", ending.Unavailable}
		f.report(broke, episode{1, 0})
		f.report(broke, episode{2, time.Second})
		f.report(broke, episode{3, 2 * time.Second})
		f.report(fault{upstreamBroke, "/other", "a.B/C", ending.Unavailable}, episode{1, 0})
		f.report(fault{upstreamBroke, "/other", "a.B/C", ending.Unavailable}, episode{2, 0})
		f.report(fault{upstreamIsBack, "/watch", "a.B/C", ending.Unavailable}, episode{3, 3 * time.Second})
		lines := l.lines("route=/watch")
		require.Len(t, lines, 3)
		assert.Contains(t, lines[1], "attempt=3 lasted=2s more=2")
		assert.Contains(t, lines[2], "is back")
		time.Sleep(time.Minute)
		assert.Len(t, l.lines("route=/watch"), 3, "they are not logged again")
		assert.Len(t, l.lines("route=/other"), 2, "another route is not back")
		f.close()
	})
}

// TestABreakItsAttemptsAndTheRecoveryAreLogged counts the lines of many streams in one outage, for both kinds of streams.
func TestABreakItsAttemptsAndTheRecoveryAreLogged(t *testing.T) {
	for kind, share := range map[string]*config.Share{
		"private": nil,
		"shared":  {LateJoin: config.LateJoin{Mode: config.LateJoinLatest}, Replay: config.Replay{Events: 10, Bytes: 1 << 20, Age: time.Hour}},
	} {
		t.Run(kind, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const streams = 200
				l := &logged{}
				b, rt := loggedRoute(t, &feeble{stood: time.Second}, l.logger())
				rt.Config.Share = share
				rt.Config.Reopen = config.Reopen{Base: time.Second, Max: 5 * time.Second}
				var subs []Subscription
				for range streams {
					sub, end := watchThrough(b, rt)
					require.Nil(t, end)
					subs = append(subs, sub)
				}
				time.Sleep(1500 * time.Millisecond)
				broke, back := l.lines("broke"), l.lines("is back")
				require.Len(t, broke, 1)
				assert.Equal(t, `level=WARN msg="an upstream stream broke, and is opened again" route=/watch rpc=`+rt.Plan.Method+
					` code=UNAVAILABLE attempt=1 lasted=0s`, broke[0])
				assert.Empty(t, back)
				time.Sleep(time.Minute)
				assert.LessOrEqual(t, len(l.lines("")), 20, "two kinds, one line each 10 s, whatever the number of streams")
				require.NotEmpty(t, l.lines("is back"))
				assert.Regexp(t, `level=INFO msg="an upstream stream is back" route=/watch rpc=\S+ code=UNAVAILABLE attempt=1 lasted=\d`, l.lines("is back")[0])
				assert.NotEmpty(t, l.lines("more="), "and the others are counted")
				for _, sub := range subs {
					sub.Close()
				}
				require.NoError(t, b.Close())
			})
		})
	}
}

// TestAStreamThatIsClosedHereHasNotBroken has clients leave, a shared stream linger to its end, and another one be opened again
// for its age.
func TestAStreamThatIsClosedHereHasNotBroken(t *testing.T) {
	share := config.Share{LateJoin: config.LateJoin{Mode: config.LateJoinLatest}, Replay: config.Replay{Events: 10, Bytes: 1 << 20, Age: time.Hour}}
	lingering, aging := share, share
	lingering.Linger, aging.ReopenAfter = 10*time.Second, time.Minute
	for kind, share := range map[string]*config.Share{
		"private": nil, "shared": &share, "shared, lingering": &lingering, "shared, aging": &aging,
	} {
		t.Run(kind, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := &logged{}
				src := &feeble{stood: 24 * time.Hour, end: status.Error(codes.Canceled, "")}
				b, rt := loggedRoute(t, src, l.logger())
				rt.Config.Share = share
				rt.Config.Reopen = config.Reopen{Base: time.Second, Max: 5 * time.Second}
				sub, end := watchThrough(b, rt)
				require.Nil(t, end)
				time.Sleep(5 * time.Minute)
				sub.Close()
				time.Sleep(5 * time.Minute)
				assert.Empty(t, l.lines("level=WARN"))
				if share == &aging {
					assert.Greater(t, src.opens(), 3)
				}
				require.NoError(t, b.Close())
				assert.Empty(t, l.lines("level=WARN"))
			})
		})
	}
}

func TestTheUpstreamsWordsAreForDebuggingOnly(t *testing.T) {
	for level, want := range map[slog.Level]int{slog.LevelInfo: 0, slog.LevelDebug: 1} {
		l := &logged{level: level}
		src := unopened{message: "dial tcp 10.1.2.3:5432" + strings.Repeat("x", 1<<20)}
		b, rt := loggedRoute(t, src, l.logger())
		f := feed{renderer: renderer{rt: rt}, streams: b.Streams, source: src, again: new(rebinding)}
		end := f.stream(t.Context(), reading.Attempt{}, &route.Call{})
		assert.NotContains(t, end.Message, "10.1.2.3")
		b.ReportFailure(rt, end.Reason, end.Code)
		require.NoError(t, b.Close())
		require.Len(t, l.lines("10.1.2.3"), want)
		assert.Less(t, l.text.Len(), 4<<10)
		failed := l.lines("a stream ended with an error of the upstream")
		require.Len(t, failed, 1)
		assert.Contains(t, failed[0], "level=WARN")
		assert.Contains(t, failed[0], "code=UNAVAILABLE")
	}
}

func TestWhatTheRequestIsTheReasonForIsNoFault(t *testing.T) {
	for code := ending.OK; code <= ending.Unauthenticated; code++ {
		l := &logged{}
		b, rt := loggedRoute(t, &feeble{}, l.logger())
		b.ReportFailure(rt, ending.ByUpstream, code)
		b.ReportFailure(rt, ending.ByDrain, code)
		require.NoError(t, b.Close())
		want := 0
		switch code {
		case ending.Canceled, ending.Unknown, ending.DeadlineExceeded, ending.ResourceExhausted, ending.Aborted, ending.Unimplemented,
			ending.Internal, ending.Unavailable, ending.DataLoss:
			want = 1
		}
		assert.Len(t, l.lines("error of the upstream"), want, fmt.Sprint(code))
	}
}

// unopened is a source that cannot be opened.
type unopened struct{ message string }

func (f unopened) Open(context.Context, string, []byte, metadata.MD) (source.Stream, error) {
	return nil, status.Error(codes.Unavailable, f.message)
}

func (f unopened) UsesContextValues() bool { return true }
