package pump_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/internal/pump"
)

// write is one write that a connection saw.
type write struct {
	at   time.Duration // since the test began
	text string
}

// recorder is a connection that remembers what is written to it, and when. stall makes every write take so long.
type recorder struct {
	began  time.Time
	writes []write
	stall  time.Duration
	err    error
}

func newRecorder() *recorder { return &recorder{began: time.Now()} }

func (r *recorder) Write(pieces ...[]byte) error {
	if r.err != nil {
		return r.err
	}
	time.Sleep(r.stall)
	r.writes = append(r.writes, write{time.Since(r.began), string(bytes.Join(pieces, nil))})
	return nil
}

func (r *recorder) Abort() {}

func (r *recorder) text() string {
	var all strings.Builder
	for _, w := range r.writes {
		all.WriteString(w.text)
	}
	return all.String()
}

// start runs the pump, and returns a function that waits for its outcome.
func start(ctx context.Context, conn pump.Conn, cur pump.Cursor, s *pump.Settings) func() pump.Outcome {
	out := make(chan pump.Outcome, 1)
	go func() { out <- pump.Run(ctx, conn, cur, s) }()
	return func() pump.Outcome { return <-out }
}

func settings() *pump.Settings {
	return &pump.Settings{Comment: []byte(":\n"), Heartbeat: 15 * time.Second}
}

func TestRunOpensASilentStreamWithAComment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		conn, q := newRecorder(), pump.NewQueue(1024)
		s := settings()
		s.Retry = 2 * time.Second
		wait := start(ctx, conn, q, s)
		synctest.Wait()
		require.Len(t, conn.writes, 1)
		assert.Regexp(t, `\A:\nretry: (1[6-9]|2[0-4])\d\d\n\z`, conn.writes[0].text)
		cancel()
		assert.Equal(t, pump.Gone, wait().Reason)
	})
}

func TestRunPutsTheRetryIntoTheFirstBlock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn, q := newRecorder(), pump.NewQueue(1024)
		require.NoError(t, q.Push(t.Context(), []byte("data: 1\n\n")))
		require.NoError(t, q.Push(t.Context(), []byte("data: 2\n\n")))
		q.End(pump.End{Frame: []byte("data: end\n\n"), Reason: "upstream"})
		s := settings()
		s.Retry = time.Second
		out := start(t.Context(), conn, q, s)()
		require.Len(t, conn.writes, 1, "all that is ready goes out in one write")
		assert.Regexp(t, `\Aretry: \d+\ndata: 1\n\ndata: 2\n\ndata: end\n\n\z`, conn.writes[0].text)
		assert.Equal(t, "upstream", out.End.Reason)
		out.End = nil
		assert.Equal(t, pump.Outcome{Reason: "upstream", Events: 2, Bytes: int64(len(conn.writes[0].text))}, out)
	})
}

func TestRunPutsARetryIntoAnEndThatIsAll(t *testing.T) {
	for name, tt := range map[string]struct {
		comeback time.Duration
		want     string
	}{
		"of the route": {0, `\Aretry: (1[6-9]|2[0-4])\d\d\ndata: end\n\n\z`},
		"of its own":   {20 * time.Second, `\Aretry: (1[6-9]|2[0-4])\d{3}\ndata: end\n\n\z`},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				conn, q := newRecorder(), pump.NewQueue(1024)
				q.End(pump.End{Frame: []byte("data: end\n\n"), Comeback: tt.comeback})
				s := settings()
				s.Retry = 2 * time.Second
				start(t.Context(), conn, q, s)()
				assert.Regexp(t, tt.want, conn.text())
			})
		})
	}
}

func TestRunSendsALoneEventAtOnceAndABurstTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		conn, q := newRecorder(), pump.NewQueue(1024)
		conn.stall = time.Second
		wait := start(ctx, conn, q, settings())
		time.Sleep(2 * time.Second) // the opening comment is out
		require.NoError(t, q.Push(ctx, []byte("a\n\n")))
		synctest.Wait() // the write of a has begun: b and c come while it lasts
		require.NoError(t, q.Push(ctx, []byte("b\n\n")))
		require.NoError(t, q.Push(ctx, []byte("c\n\n")))
		time.Sleep(5 * time.Second)
		cancel()
		assert.Equal(t, 3, wait().Events)
		assert.Equal(t, []write{{time.Second, ":\n"}, {3 * time.Second, "a\n\n"}, {4 * time.Second, "b\n\nc\n\n"}}, conn.writes)
	})
}

func TestRunBeatsOnlyInSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		conn, q := newRecorder(), pump.NewQueue(1024)
		wait := start(ctx, conn, q, settings())
		time.Sleep(10 * time.Second)
		require.NoError(t, q.Push(ctx, []byte("data: 1\n\n")))
		time.Sleep(31 * time.Second) // to 41 s: beats 15 and 30 s after the event
		cancel()
		wait()
		assert.Equal(t, []write{
			{0, ":\n"}, {10 * time.Second, "data: 1\n\n"}, {25 * time.Second, ":\n"}, {40 * time.Second, ":\n"},
		}, conn.writes)
	})
}

func TestRunEndsInGoodOrder(t *testing.T) {
	tests := map[string]struct {
		settings func(*pump.Settings)
		from, to time.Duration // when the end may come
		reason   string
	}{
		"at its maximum age": {
			settings: func(s *pump.Settings) {
				s.MaxAge, s.AgeEnd = time.Minute, pump.End{Frame: []byte("data: old\n\n"), Comeback: time.Second, Reason: "max_age"}
			},
			from: 48 * time.Second, to: time.Minute, reason: "max_age",
		},
		"within a drain": {
			settings: func(s *pump.Settings) {
				begun, by := make(chan struct{}), time.Now().Add(20*time.Second)
				close(begun)
				s.Drain, s.DrainBy = begun, func() time.Time { return by }
				s.DrainEnd = pump.End{Frame: []byte("data: drain\n\n"), Comeback: time.Second, Reason: "drain"}
			},
			to: 20 * time.Second, reason: "drain",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				conn, q, s := newRecorder(), pump.NewQueue(1024), settings()
				tt.settings(s)
				out := start(t.Context(), conn, q, s)()
				assert.Equal(t, tt.reason, out.Reason)
				last := conn.writes[len(conn.writes)-1]
				assert.GreaterOrEqual(t, last.at, tt.from)
				assert.LessOrEqual(t, last.at, tt.to)
				assert.Regexp(t, `\Aretry: \d+\ndata: \w+\n\n\z`, last.text)
			})
		})
	}
}

func TestRunSendsWhatIsReadyBeforeItEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn, q, s := newRecorder(), pump.NewQueue(1024), settings()
		s.MaxAge, s.AgeEnd = time.Second, pump.End{Frame: []byte("old\n\n"), Reason: "max_age"}
		conn.stall = 3 * time.Second // the opening comment outlasts the maximum age
		wait := start(t.Context(), conn, q, s)
		time.Sleep(time.Second)
		require.NoError(t, q.Push(t.Context(), []byte("1\n\n")))
		wait()
		assert.Contains(t, conn.text(), "1\n\n")
		assert.True(t, strings.HasSuffix(conn.text(), "old\n\n"))
	})
}

func TestRunGivesUpAtAFailedWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("broken pipe")
		conn, q := newRecorder(), pump.NewQueue(1024)
		conn.err = broken
		out := start(t.Context(), conn, q, settings())()
		assert.Equal(t, pump.Outcome{Reason: pump.Slow, Err: broken}, out)
	})
}

func TestRunSendsTheHeaderOfAFormatWithoutComments(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		conn, q := newRecorder(), pump.NewQueue(1024)
		wait := start(ctx, conn, q, &pump.Settings{Heartbeat: time.Second})
		time.Sleep(time.Minute)
		q.Notice([]byte("{}\n"))
		synctest.Wait()
		cancel()
		wait()
		assert.Equal(t, []write{{0, ""}, {time.Minute, "{}\n"}}, conn.writes, "one empty write, and no heartbeat")
	})
}

func TestJitterStaysWithinTwentyPercent(t *testing.T) {
	seen := map[time.Duration]bool{}
	for range 1000 {
		d := pump.Jitter(10 * time.Second)
		require.GreaterOrEqual(t, d, 8*time.Second)
		require.LessOrEqual(t, d, 12*time.Second)
		seen[d] = true
	}
	assert.Greater(t, len(seen), 100)
}

// firehose is a cursor that always has another event.
type firehose struct{}

func (firehose) Peek(dst [][]byte, _ int) ([][]byte, *pump.End) {
	return append(dst, []byte("x\n\n")), nil
}
func (firehose) Advance(n int) int { return n }
func (firehose) Overdue() bool     { return false }
func (firehose) Topic() pump.Topic { return pump.NewQueue(0) }

func TestRunEndsAStreamThatNeverPauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn, s := newRecorder(), settings()
		conn.stall = 10 * time.Millisecond
		s.MaxAge, s.AgeEnd = time.Second, pump.End{Reason: "max_age"}
		out := start(t.Context(), conn, firehose{}, s)()
		assert.Equal(t, "max_age", out.Reason)
		assert.LessOrEqual(t, time.Since(conn.began), 1100*time.Millisecond)
	})
}

// laggard is a cursor whose subscriber falls too far behind while a write waits.
type laggard struct {
	*pump.Queue
	late bool
}

func (l *laggard) Overdue() bool { return l.late }

// stuck is a connection whose writes wait until it is given up.
type stuck struct{ aborted chan struct{} }

func (s stuck) Write(...[]byte) error { <-s.aborted; return errors.New("given up") }
func (s stuck) Abort()                { close(s.aborted) }

func TestRunGivesUpASubscriberThatFallsTooFarBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cur := &laggard{Queue: pump.NewQueue(1024)}
		wait := start(t.Context(), stuck{make(chan struct{})}, cur, settings())
		synctest.Wait() // the opening comment is on its way
		require.NoError(t, cur.Push(t.Context(), []byte("a\n\n")))
		synctest.Wait()
		cur.late = true
		require.NoError(t, cur.Push(t.Context(), []byte("b\n\n")))
		assert.Equal(t, pump.Slow, wait().Reason)
	})
}
