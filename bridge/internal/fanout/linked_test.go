package fanout_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/internal/fanout"
	"github.com/grpcsse/grpcsse/bridge/internal/frame"
)

// An event in gzip refers to the event before it exactly where that was the last thing written on the connection.
func TestEventsReferToWhatTheConnectionHasHadLast(t *testing.T) {
	gzip := frame.Form{Encoding: frame.Gzip}
	inWorld(t, fanout.Settings{HasID: true}, func(w *world) {
		first, up := w.live()
		up.accept()
		late := func(n fanout.Newcomer) *fanout.Subscriber {
			n.Form = gzip
			return w.join(n).Subscriber
		}
		s := late(fanout.Newcomer{})
		frames := []*frame.Frame{
			frame.New([]byte("data: a\nid: 1\n\n"), 0), frame.New([]byte("data: b\nid: 2\n\n"), 0), frame.New([]byte("data: c\nid: 3\n\n"), 0),
		}
		require.NotEqual(t, frames[1].Bytes(gzip), frames[1].After(frames[0], gzip))
		peek := func(s *fanout.Subscriber) [][]byte {
			pieces, _ := s.Peek(nil, testLimit)
			return pieces
		}

		require.NoError(t, up.send("a#1", "b#2"))
		require.Equal(t, "a", first.read()[0], "the blocks are those above")
		assert.Equal(t, [][]byte{frames[0].Bytes(gzip), frames[1].After(frames[0], gzip)}, peek(s), "the first one refers to nothing")
		s.Advance(1)
		assert.Equal(t, [][]byte{frames[1].After(frames[0], gzip)}, peek(s), "across two reads")
		s.Interjected()
		assert.Equal(t, [][]byte{frames[1].Bytes(gzip)}, peek(s), "a heartbeat stands in between")
		s.Advance(1)
		require.NoError(t, up.send("c#3"))
		assert.Equal(t, [][]byte{frames[2].After(frames[1], gzip)}, peek(s))

		resuming := from("2")
		assert.Equal(t, [][]byte{frames[2].Bytes(gzip)}, peek(late(resuming)), "another connection has had that event")
	})
}
