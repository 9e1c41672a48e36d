package fanout_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/internal/backoff"
	"github.com/grpcsse/grpcsse/bridge/internal/reading"
)

// A stream may end in a gap. A subscriber of a catch-up that is over is told the end, and no gap before it.
func TestTheEndOfACatchUpInAGapOfItsStream(t *testing.T) {
	s := resumable()
	s.Backoff = backoff.Policy{Base: 7 * time.Second, Max: 7 * time.Second}
	catchingUp(t, s, "1", func(w *caught) {
		require.NoError(t, w.up.send("b#2"))
		w.log.end(reading.Broken, "broken")
		w.newest().end(reading.Over, "over")
		w.up.end(reading.Over, "its own")
		assert.Equal(t, []string{"b", "end: its own"}, w.c.read())
	})
}

// A subscriber that was ahead of the log is checked by the event in front of its place, as soon as the log has that event.
func TestASubscriberAheadOfALogThatGoesOnOtherwise(t *testing.T) {
	for name, tt := range map[string]struct{ log, want []string }{
		"another event":        {[]string{"e#5", "x#9"}, []string{`reset: expired "6"`, "cursor: {}"}},
		"in another order":     {[]string{"f#6", "e#5"}, []string{`reset: expired "6"`, "cursor: {}"}},
		"one without an id":    {[]string{"f#6", "x"}, nil}, // the id of the event before it counts
		"the same":             {[]string{"e#5", "f#6"}, nil},
		"the same, and others": {[]string{"e#5", "f#6", "g#7"}, []string{"g"}},
	} {
		t.Run(name, func(t *testing.T) {
			catchingUp(t, resumable(), "1", func(w *caught) {
				passSnapshot()
				require.NoError(t, w.log.send("c#3"))
				require.NoError(t, w.up.send("b#2", "c#3", "d#4", "e#5", "f#6"))
				require.Len(t, w.c.read(), 5)
				require.NoError(t, w.log.send("d#4"))
				require.Equal(t, []string{"met after 0s"}, w.outcomes)
				require.NoError(t, w.log.send(tt.log...))
				assert.Equal(t, tt.want, w.c.read())
			})
		})
	}
}

// A subscriber whose id is refused before the stream's upstream has accepted is one of those that were there from the begin on.
func TestASubscriberWhoseIDIsRefusedBeforeTheStreamBegins(t *testing.T) {
	inWorld(t, resumable(), func(w *world) {
		c := w.join(from("1"))
		log, ups := w.opened()
		ups["1"].end(reading.Refused, "no")
		assert.Equal(t, []string{`reset: invalid "1"`}, c.read())
		require.NoError(t, log.send("a#2", "b#3"))
		assert.Equal(t, []string{"a", "b"}, c.read())
	})
}

func TestABatchOfACatchUpIsAsLargeAsItMayBe(t *testing.T) {
	catchingUp(t, resumable(), "1", func(w *caught) {
		require.NoError(t, w.up.send("b#2", "c#3", "d#4"))
		for _, limit := range []int{1, 29} {
			pieces, end := w.c.Peek(nil, limit)
			assert.Nil(t, end)
			assert.Equal(t, 1, w.c.Advance(len(pieces)), "one event may be of any size, and two are over 29 bytes")
		}
		assert.Equal(t, []string{"d"}, w.c.read())
	})
}
