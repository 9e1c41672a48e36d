package pump

import (
	"context"
	"errors"
	"net"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/frame"
)

// All kinds of connection serve the same. Each test here runs over each of them, in fake time.

// served is a client whose stream is running.
type served struct {
	*client
	leave   func()
	outcome func() Outcome // waits for the end of the stream
}

// serve starts a stream.
type serve func(t *testing.T, c *client, cur Cursor, s *Settings) served

func eachKind(t *testing.T, test func(t *testing.T, start serve)) {
	for name, start := range map[string]serve{"run": serveByRun, "aside": serveAside, "parked": serveParked} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { test(t, start) })
		})
	}
}

func serveByRun(t *testing.T, c *client, cur Cursor, s *Settings) served {
	ctx, cancel := context.WithCancel(t.Context())
	out := make(chan Outcome, 1)
	go func() { out <- Run(ctx, fakeConn{c, s.WriteTimeout}, cur, s, &c.control) }()
	return served{client: c, leave: cancel, outcome: func() Outcome { return <-out }}
}

func serveAside(t *testing.T, c *client, cur Cursor, s *Settings) served {
	ctx, cancel := context.WithCancel(t.Context())
	out := make(chan Outcome, 1)
	r := Start(fakeConn{c, s.WriteTimeout}, cur, s, &c.control, Aside, func(o Outcome) { out <- o })
	go r.Wait(ctx)
	return served{client: c, leave: cancel, outcome: func() Outcome { return <-out }}
}

type noPoller struct{}

func (noPoller) Adopt(*net.TCPConn) (transport, error) { return nil, errors.ErrUnsupported }
func (noPoller) Close()                                {}

func serveParked(t *testing.T, c *client, cur Cursor, s *Settings) served {
	l, err := newLoops(1, s.Drain, s.DrainBy, Writing{}, func(*inbox) (poller, error) { return noPoller{}, nil })
	require.NoError(t, err)
	t.Cleanup(l.Close)
	out := make(chan Outcome, 1)
	require.True(t, l.enter())
	c.inbox = l.drivers[0].loop.inbox
	l.drivers[0].park(fakeSocket{c}, Subscriber{Cursor: cur, Settings: s, Control: &c.control, Done: func(o Outcome) { out <- o }})
	return served{client: c, leave: func() { c.leave(nil) }, outcome: func() Outcome { return <-out }}
}

func patience() *Settings {
	return &Settings{Comment: []byte(":\n"), Heartbeat: 15 * time.Second, WriteTimeout: 10 * time.Second}
}

// assertWrites compares what a client received, and when. A parked client receives timed pieces a little later.
func assertWrites(t *testing.T, want, got []write) {
	t.Helper()
	require.Len(t, got, len(want), "%v", got)
	for i, w := range want {
		assert.Equal(t, w.text, got[i].text)
		assert.GreaterOrEqual(t, got[i].at, w.at)
		assert.Less(t, got[i].at, w.at+3*resolution, "%q", w.text)
	}
}

func TestASilentStreamOpensWithAComment(t *testing.T) {
	eachKind(t, func(t *testing.T, start serve) {
		s := patience()
		s.Retry = 2 * time.Second
		c := start(t, newClient(), &head{tape: new(tape)}, s)
		synctest.Wait()
		require.Len(t, c.seen(), 1)
		assert.Regexp(t, `\A:\nretry: (1[6-9]|2[0-4])\d\d\n\z`, c.text())
		c.leave()
		assert.Equal(t, ending.ByGone, c.outcome().Reason)
	})
}

func TestTheRetryStandsInTheFirstBlock(t *testing.T) {
	eachKind(t, func(t *testing.T, start serve) {
		s, events := patience(), new(tape)
		s.Retry = time.Second
		events.put("data: 1\n\n", "data: 2\n\n")
		events.finish(End{Ending: because("upstream"), Frame: []byte("data: end\n\n")})
		c := start(t, newClient(), &head{tape: events}, s)
		out := c.outcome()
		require.Len(t, c.seen(), 1, "all that is ready goes out in one write")
		assert.Regexp(t, `\Aretry: \d+\ndata: 1\n\ndata: 2\n\ndata: end\n\n\z`, c.text())
		assert.Equal(t, Outcome{Reason: "upstream", End: events.end, Events: 2, Bytes: int64(len(c.text()))}, out)
	})
}

func TestAnEndThatIsAllHasARetry(t *testing.T) {
	for name, tt := range map[string]struct {
		comeback time.Duration
		want     string
	}{
		"of the route": {0, `\Aretry: (1[6-9]|2[0-4])\d\d\ndata: end\n\n\z`},
		"of its own":   {20 * time.Second, `\Aretry: (1[6-9]|2[0-4])\d{3}\ndata: end\n\n\z`},
	} {
		t.Run(name, func(t *testing.T) {
			eachKind(t, func(t *testing.T, start serve) {
				s, events := patience(), new(tape)
				s.Retry = 2 * time.Second
				events.finish(End{Ending: because(""), Frame: []byte("data: end\n\n"), RetryDelay: tt.comeback})
				c := start(t, newClient(), &head{tape: events}, s)
				c.outcome()
				assert.Regexp(t, tt.want, c.text())
			})
		})
	}
}

func TestWhatThePumpSaysIsInTheForm(t *testing.T) {
	eachKind(t, func(t *testing.T, start serve) {
		s, events := patience(), new(tape)
		s.Form = frame.Form{Chunked: true}
		c := start(t, newClient(), &head{tape: events}, s)
		time.Sleep(16 * time.Second)
		events.finish(End{Ending: because(""), Frame: []byte("data: end\n\n")})
		c.outcome()
		assert.Equal(t, "2\r\n:\n\r\n2\r\n:\n\r\nb\r\ndata: end\n\n\r\n0\r\n\r\n", c.text())
	})
}

func TestALoneEventGoesOutAtOnceAndABurstTogether(t *testing.T) {
	eachKind(t, func(t *testing.T, start serve) {
		events := new(tape)
		c := start(t, newClient(), &head{tape: events}, patience())
		time.Sleep(time.Second)
		events.put("a\n\n")
		synctest.Wait()
		c.setRoom(0)
		time.Sleep(time.Second)
		events.put("b\n\n") // the client does not take it yet
		synctest.Wait()
		events.put("c\n\n")
		events.put("d\n\n")
		time.Sleep(time.Second)
		c.setRoom(-1)
		synctest.Wait()
		c.leave()
		assert.Equal(t, 4, c.outcome().Events)
		got := c.seen()
		assert.Equal(t, []write{{0, ":\n"}, {time.Second, "a\n\n"}}, got[:2])
		assert.Equal(t, 3*time.Second, got[2].at)
		assert.True(t, strings.HasSuffix(got[len(got)-1].text, "c\n\nd\n\n"), "%v", got)
	})
}

func TestHeartbeatsComeOnlyInSilence(t *testing.T) {
	eachKind(t, func(t *testing.T, start serve) {
		events := new(tape)
		c := start(t, newClient(), &head{tape: events}, patience())
		time.Sleep(10 * time.Second)
		events.put("data: 1\n\n")
		time.Sleep(31 * time.Second) // to 41 s: beats 15 and 30 s after the event
		c.leave()
		c.outcome()
		assertWrites(t, []write{
			{0, ":\n"}, {10 * time.Second, "data: 1\n\n"}, {25 * time.Second, ":\n"}, {40 * time.Second, ":\n"},
		}, c.seen())
	})
}

func TestTheCursorIsToldOfHeartbeats(t *testing.T) {
	eachKind(t, func(t *testing.T, start serve) {
		cur := &head{tape: new(tape)}
		c := start(t, newClient(), cur, patience())
		time.Sleep(46 * time.Second)
		c.leave()
		c.outcome()
		assert.Equal(t, ":\n:\n:\n:\n", c.text())
		assert.Equal(t, 3, cur.interjected, "what opens the stream is no interjection")
	})
}

func TestAMuteStreamHasEventsAndNothingElse(t *testing.T) {
	eachKind(t, func(t *testing.T, start serve) {
		s, events := patience(), new(tape)
		s.Mute, s.Retry, s.Form = true, time.Second, frame.Form{Chunked: true}
		c := start(t, newClient(), &head{tape: events}, s)
		time.Sleep(time.Minute)
		events.put("3\r\n{}\n\r\n")
		events.finish(End{Ending: because("upstream"), Frame: []byte("data: end\n\n")})
		assert.Equal(t, ending.Reason("upstream"), c.outcome().Reason)
		assert.Equal(t, "3\r\n{}\n\r\n0\r\n\r\n", c.text())
	})
}

func TestAStreamWithoutCommentsHasNoHeartbeats(t *testing.T) {
	eachKind(t, func(t *testing.T, start serve) {
		s, events := patience(), new(tape)
		s.Comment = nil
		c := start(t, newClient(), &head{tape: events}, s)
		time.Sleep(time.Minute)
		events.put("{}\n")
		synctest.Wait()
		c.leave()
		c.outcome()
		assert.Equal(t, "{}\n", c.text())
	})
}

func TestAStreamEndsInGoodOrder(t *testing.T) {
	tests := map[string]struct {
		settings func(*Settings)
		from, to time.Duration // the earliest and the latest time of the end
		reason   ending.Reason
	}{
		"at its maximum age": {
			settings: func(s *Settings) {
				s.MaxAge, s.AgeEnd = time.Minute, End{Ending: because("max_age"), Frame: []byte("data: old\n\n"), RetryDelay: time.Second}
			},
			from: 48 * time.Second, to: time.Minute + resolution, reason: "max_age",
		},
		"within a drain": {settings: draining(20 * time.Second), to: 20 * time.Second, reason: "drain"},
		"by a drain that comes first": {
			settings: func(s *Settings) {
				draining(20 * time.Second)(s)
				s.MaxAge, s.AgeEnd = time.Minute, End{Ending: because("max_age")}
			},
			to: 20 * time.Second, reason: "drain",
		},
		"by an age that comes first": {
			settings: func(s *Settings) {
				draining(10_000 * time.Hour)(s)
				s.MaxAge, s.AgeEnd = time.Minute, End{Ending: because("max_age"), Frame: []byte("data: old\n\n"), RetryDelay: time.Second}
			},
			from: 48 * time.Second, to: time.Minute + resolution, reason: "max_age",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			eachKind(t, func(t *testing.T, start serve) {
				s := patience()
				tt.settings(s)
				c := start(t, newClient(), &head{tape: new(tape)}, s)
				out := c.outcome()
				assert.Equal(t, tt.reason, out.Reason)
				assert.NotNil(t, out.End)
				last := c.seen()[len(c.seen())-1]
				assert.GreaterOrEqual(t, last.at, tt.from)
				assert.LessOrEqual(t, last.at, tt.to)
				assert.Regexp(t, `retry: \d+\ndata: \w+\n\n\z`, last.text)
			})
		})
	}
}

// draining begins a drain before the stream begins.
func draining(within time.Duration) func(*Settings) {
	return func(s *Settings) {
		begun, by := make(chan struct{}), time.Now().Add(within)
		close(begun)
		s.Drain, s.DrainBy = begun, func() time.Time { return by }
		s.DrainEnd = End{Ending: because("drain"), Frame: []byte("data: drain\n\n"), RetryDelay: time.Second}
	}
}

func TestADrainEndsAStreamThatIsOpen(t *testing.T) {
	eachKind(t, func(t *testing.T, start serve) {
		s, begun := patience(), make(chan struct{})
		draining(0)(s)
		s.Drain, s.DrainBy = begun, func() time.Time { return time.Now().Add(10 * time.Second) }
		c := start(t, newClient(), &head{tape: new(tape)}, s)
		time.Sleep(time.Minute)
		close(begun)
		assert.Equal(t, ending.Reason("drain"), c.outcome().Reason)
		assert.LessOrEqual(t, time.Since(c.began), 70*time.Second)
	})
}

func TestWhatIsReadyComesBeforeTheEnd(t *testing.T) {
	eachKind(t, func(t *testing.T, start serve) {
		for range 30 { // the end and the event come together, and the pump may see either first
			s, events := patience(), new(tape)
			s.MaxAge, s.AgeEnd = time.Second, End{Ending: because("max_age"), Frame: []byte("old\n\n")}
			c := newClient()
			c.room = 0 // the opening comment outlasts the maximum age
			running := start(t, c, &head{tape: events}, s)
			time.Sleep(2 * time.Second)
			events.put("1\n\n")
			c.setRoom(-1)
			require.Equal(t, ending.Reason("max_age"), running.outcome().Reason)
			require.True(t, strings.HasSuffix(c.text(), "1\n\nold\n\n"), "%q", c.text())
		}
	})
}

func TestAStreamThatNeverPausesEnds(t *testing.T) {
	eachKind(t, func(t *testing.T, start serve) {
		s, events := patience(), new(tape)
		s.MaxAge, s.AgeEnd = time.Second, End{Ending: because("max_age")}
		go func() {
			for range 10_000 {
				events.put("x\n\n")
				time.Sleep(time.Millisecond)
			}
		}()
		c := start(t, newClient(), &head{tape: events}, s)
		assert.Equal(t, ending.Reason("max_age"), c.outcome().Reason)
		assert.LessOrEqual(t, time.Since(c.began), time.Second+resolution)
		time.Sleep(10 * time.Second) // until the source has ended
	})
}

func TestAClientThatTakesNothingIsCutOff(t *testing.T) {
	for name, room := range map[string]int{"at all": 0, "after a part of an event": 4, "after the opening": 2} {
		t.Run(name, func(t *testing.T) {
			eachKind(t, func(t *testing.T, start serve) {
				events := new(tape)
				c := newClient()
				c.room = room
				running := start(t, c, &head{tape: events}, patience())
				time.Sleep(time.Second)
				events.put("data: 1\n\n")
				out := running.outcome()
				assert.Equal(t, ending.BySlow, out.Reason)
				assert.Error(t, out.Err)
				assert.InDelta(t, 10.5, time.Since(c.began).Seconds(), 0.7)
			})
		})
	}
}

func TestAnOverdueClientIsCutOff(t *testing.T) {
	eachKind(t, func(t *testing.T, start serve) {
		events := new(tape)
		c := newClient()
		running := start(t, c, &head{tape: events, slack: 3}, patience())
		time.Sleep(time.Second)
		c.setRoom(0)
		for range 10 { // the client may need a moment for a burst
			events.put("data: 1\n\n")
			synctest.Wait()
		}
		time.Sleep(OverduePatience)
		assert.Empty(t, c.closed, "nothing has happened since")
		events.put("data: 1\n\n")
		assert.Equal(t, ending.BySlow, running.outcome().Reason)
		assert.Equal(t, time.Second+OverduePatience, time.Since(c.began), "at once")
	})
}

func TestAClientThatIsNotTooFarBehindStays(t *testing.T) {
	eachKind(t, func(t *testing.T, start serve) {
		events := new(tape)
		c := newClient()
		running := start(t, c, &head{tape: events, slack: 3}, patience())
		time.Sleep(time.Second)
		c.setRoom(0)
		for range 3 {
			time.Sleep(OverduePatience)
			events.put("data: 1\n\n")
			synctest.Wait()
		}
		assert.Empty(t, c.closed)
		c.setRoom(1 << 20)
		synctest.Wait()
		events.finish(End{Ending: because("over")})
		assert.Equal(t, ending.Reason("over"), running.outcome().Reason)
	})
}

func TestABrokenConnectionEndsTheStream(t *testing.T) {
	for broken, reason := range map[error]ending.Reason{
		syscall.EPIPE: ending.ByGone, syscall.ECONNRESET: ending.ByGone, syscall.ETIMEDOUT: ending.BySlow, errors.New("anything else"): ending.BySlow,
	} {
		t.Run(broken.Error(), func(t *testing.T) {
			eachKind(t, func(t *testing.T, start serve) {
				c := newClient()
				c.broken = broken
				assert.Equal(t, Outcome{Reason: reason, Err: broken}, start(t, c, &head{tape: new(tape)}, patience()).outcome())
			})
		})
	}
}

func TestAQueueServesEitherKind(t *testing.T) {
	eachKind(t, func(t *testing.T, start serve) {
		q := NewQueue(8)
		c := start(t, newClient(), q, patience())
		synctest.Wait() // the comment was written
		for range 1000 {
			require.NoError(t, q.Push(t.Context(), frame.Form{}, []byte("12345\n")))
		}
		q.End(End{Ending: because("upstream"), Frame: []byte("end\n\n")})
		out := c.outcome()
		assert.Equal(t, 1000, out.Events)
		assert.True(t, c.text() == ":\n"+strings.Repeat("12345\n", 1000)+"end\n\n")
	})
}
