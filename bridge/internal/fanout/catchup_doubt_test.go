package fanout_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/internal/backoff"
	"github.com/grpcsse/grpcsse/bridge/internal/fanout"
	"github.com/grpcsse/grpcsse/bridge/internal/reading"
)

// A log is quiet only while its upstream is read. Otherwise it may still get what the subscribers have.
func TestALogWithoutAnUpstreamIsNotQuiet(t *testing.T) {
	for name, tt := range map[string]struct {
		gap  time.Duration // of the log's upstream
		want string
	}{
		"its upstream is gone":           {time.Minute, "expired after 10s"},
		"its upstream has just come":     {8 * time.Second, "expired after 10s"},
		"its upstream came in good time": {2 * time.Second, "quiet after 10s"},
	} {
		t.Run(name, func(t *testing.T) {
			s := resumable()
			s.Backoff = backoff.Policy{Base: tt.gap, Max: tt.gap}
			catchingUp(t, s, "1", func(w *caught) {
				w.log.end(reading.Broken, "broken")
				after(11 * time.Second)
				assert.Equal(t, []string{tt.want}, w.outcomes)
			})
		})
	}
}

// The last event of a snapshot may be an old one. When the log's upstream is opened again with the id of that event, it brings
// newer messages again. A subscriber that has them is told.
func TestAPlaceAtTheEndOfASnapshot(t *testing.T) {
	again := func(w *caught) {
		w.log.end(reading.Broken, "broken")
		up := w.newest()
		require.True(w.t, up.HasCursor)
		up.accept()
		require.NoError(w.t, up.send("d#4"))
	}
	for name, tt := range map[string]struct {
		snapshot []string
		do       func(w *caught)
		want     []string
	}{
		"the upstream is opened again with an old id":     {[]string{"c#3", "b#2"}, again, []string{`reset: expired "3"`}},
		"the upstream is opened again with the newest id": {[]string{"b#2", "c#3"}, again, []string{"d"}},
		"the upstream goes on": {[]string{"c#3", "b#2"}, func(w *caught) {
			require.NoError(w.t, w.log.send("d#4"))
		}, []string{"d"}},
		"the upstream goes on, and is opened again": {[]string{"c#3", "b#2"}, func(w *caught) {
			require.NoError(w.t, w.log.send("x#4"))
			again(w)
		}, []string{"x", "d"}},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, resumable(), func(w *world) {
				w.join(fanout.Newcomer{})
				x := &caught{world: w, log: w.upstream.next()}
				x.log.accept()
				require.NoError(t, x.log.send(tt.snapshot...))
				x.c = w.join(from("3"))
				w.upstream.next().accept()
				after(10 * time.Second)
				assert.Empty(t, x.c.read())
				require.EqualValues(t, 1, w.upstream.open.Load(), "it was quiet")
				tt.do(x)
				got := x.c.read()
				assert.Equal(t, tt.want, got[:min(len(got), len(tt.want))])
			})
		})
	}
}

// A caller may guess an id that comes later. The upstream may not know the id then, and answer it as any made-up one. A
// subscriber that has the id later, and honestly, does not share that catch-up.
func TestACatchUpIsNotSharedOnceItsIDComes(t *testing.T) {
	for name, tt := range map[string]struct {
		do   func(w *caught, other *attempt)
		want []string // the cursors of the catch-ups that are opened then
	}{
		"the id does not come": {func(w *caught, _ *attempt) { require.NoError(w.t, w.log.send("d#4")) }, nil},
		"the log brings it":    {func(w *caught, _ *attempt) { require.NoError(w.t, w.log.send("e#5")) }, []string{"5"}},
		"another catch-up brings it": {func(w *caught, other *attempt) {
			require.NoError(w.t, other.send("d#4", "e#5"))
		}, []string{"5"}},
		"the catch-up brings it": {func(w *caught, _ *attempt) { require.NoError(w.t, w.up.send("d#4", "e#5")) }, []string{"5"}},
		"the catch-up begins with it, as some upstreams do": {func(w *caught, _ *attempt) {
			require.NoError(w.t, w.up.send("e#5", "f#6"))
		}, nil},
		"the id was refused, and then the log brings it": {func(w *caught, _ *attempt) {
			w.up.end(reading.Refused, "no")
			require.NoError(w.t, w.log.send("e#5"))
		}, []string{"5"}},
	} {
		t.Run(name, func(t *testing.T) {
			catchingUp(t, resumable(), "5", func(w *caught) {
				w.join(from("3"))
				_, ups := w.opened()
				tt.do(w, ups["3"])
				after(time.Second)
				w.join(from("5"))
				_, ups = w.opened()
				assert.Equal(t, tt.want, cursorsOf(ups))
			})
		})
	}
}

// A catch-up that waits for its turn is opened after the id has come, so it is shared.
func TestACatchUpThatWaitsIsSharedAfterItsIDHasCome(t *testing.T) {
	s := resumable()
	s.CatchUps = 1
	catchingUp(t, s, "1", func(w *caught) {
		w.join(from("5"))
		require.NoError(t, w.log.send("e#5"))
		w.join(from("5"))
		w.c.Close()
		after(time.Second)
		_, ups := w.opened()
		require.Equal(t, []string{"5"}, cursorsOf(ups))
		ups["5"].end(reading.Refused, "no")
		after(2 * time.Second)
		_, ups = w.opened()
		assert.Empty(t, ups, "there was one catch-up")
	})
}
