package fanout_test

import (
	"fmt"
	"runtime"
	"strconv"
	"testing"
	"weak"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/internal/replay"
)

// remember reads what the client can read now, and returns weak pointers to the blocks.
func (c *client) remember() (blocks []weak.Pointer[byte]) {
	pieces, _ := c.Peek(nil, testLimit)
	for _, p := range pieces {
		blocks = append(blocks, weak.Make(&p[0]))
	}
	c.Advance(len(pieces))
	return blocks
}

// inMemory returns how many of the blocks are still in memory.
func inMemory(blocks []weak.Pointer[byte]) (n int) {
	runtime.GC()
	for _, b := range blocks {
		if b.Value() != nil {
			n++
		}
	}
	return n
}

// The log has the events behind the place where a catch-up has met it.
func TestACatchUpThatHasMetKeepsOnlyTheEventsInFrontOfTheLog(t *testing.T) {
	catchingUp(t, resumable(), "1", func(w *caught) {
		passSnapshot()
		require.NoError(t, w.up.send("b#2", "c#3", "d#4", "e#5"))
		blocks := w.c.remember()
		require.Equal(t, 4, inMemory(blocks))
		require.NoError(t, w.log.send("b#2", "c#3"))
		assert.Equal(t, 1, inMemory(blocks))
		assert.Equal(t, []string{"b", "c"}, w.join(from("1")).read(), "it is kept")
	})
}

// A catch-up that is kept may be given up before its time is over. Then its events leave the memory, too.
func TestACatchUpThatIsGivenUpIsNotInMemory(t *testing.T) {
	t.Run("there are too many bytes", func(t *testing.T) {
		s := resumable()
		s.Bounds = replay.Bounds{Bytes: 10_000}
		inWorld(t, s, func(w *world) {
			_, log := w.live()
			passSnapshot()
			require.NoError(t, log.send("a#100", "b#101"))
			var first []weak.Pointer[byte]
			for i := range 4 {
				id := strconv.Itoa(i)
				c := w.join(from(id))
				_, ups := w.opened()
				require.NoError(t, ups[id].send(kilobyte+"#x"+id, kilobyte+"#y"+id, kilobyte+"#z"+id))
				blocks := c.remember()
				require.Len(t, blocks, 3)
				assert.Error(t, ups[id].send("a#100", "b#101"))
				c.Close()
				if i == 0 {
					first = blocks
					require.Equal(t, 3, inMemory(first), "it is kept")
				}
			}
			assert.Zero(t, inMemory(first))
		})
	})
	t.Run("the log has overtaken it", func(t *testing.T) {
		s := resumable()
		s.Bounds = replay.Bounds{Events: 6}
		catchingUp(t, s, "1", func(w *caught) {
			passSnapshot()
			require.NoError(t, w.log.send("c#3", "d#4"))
			require.NoError(t, w.up.send("b#2"))
			blocks := w.c.remember()
			assert.Error(t, w.up.send("c#3", "d#4"))
			w.c.Close()
			require.Equal(t, 1, inMemory(blocks), "it is kept")
			for i := range 9 {
				require.NoError(t, w.log.send(fmt.Sprint("e#", 5+i)))
			}
			w.join(from("1"))
			assert.Zero(t, inMemory(blocks))
		})
	})
}
