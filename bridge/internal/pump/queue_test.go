package pump_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/frame"
	"github.com/grpcsse/grpcsse/bridge/internal/pump"
)

func TestQueueHoldsNoMoreThanItsLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := pump.NewQueue(10)
		pushed := 0
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			for q.Push(ctx, frame.Form{}, []byte("four")) == nil {
				pushed++
			}
		}()
		synctest.Wait()
		assert.Equal(t, 2, pushed, "8 of 10 bytes wait; a third frame has no room")

		assert.Equal(t, "fourfour", take(q).text)
		synctest.Wait()
		assert.Equal(t, 2, pushed, "what the consumer still works on counts")

		assert.Empty(t, take(q).text, "nothing was ready, and what was taken is given back")
		synctest.Wait()
		assert.Equal(t, 4, pushed)
		cancel()
		synctest.Wait()
	})
}

func TestPiecesThatTheConsumerHasCountForTheNextPush(t *testing.T) {
	q := pump.NewQueue(10)
	require.NoError(t, q.Push(t.Context(), frame.Form{}, []byte("four")))
	require.NoError(t, q.Push(t.Context(), frame.Form{}, []byte("four")))
	pieces, _ := q.Peek(nil, 0)
	require.Len(t, pieces, 1, "the consumer has it, and has not passed it")
	left, cancel := context.WithCancel(t.Context())
	cancel()
	assert.ErrorIs(t, q.Push(left, frame.Form{}, []byte("four")), context.Canceled, "8 of 10 bytes are in memory")
	q.Advance(1)
	assert.Empty(t, take(q).text)
	assert.NoError(t, q.Push(left, frame.Form{}, []byte("four")), "there is room at once: nothing is waited for")
}

func TestQueueTakesOneFrameOfAnySize(t *testing.T) {
	q := pump.NewQueue(10)
	big := bytes.Repeat([]byte("x"), 1000)
	require.NoError(t, q.Push(t.Context(), frame.Form{}, big))
	assert.Equal(t, batch{string(big), 1, nil}, take(q))
}

// batch is what a consumer took from the queue.
type batch struct {
	text   string
	events int
	end    *pump.End
}

// take peeks at everything that is ready, and passes it.
func take(q *pump.Queue) batch {
	pieces, end := q.Peek(nil, 0)
	text := string(bytes.Join(pieces, nil))
	return batch{text, q.Advance(len(pieces)), end}
}

func TestQueueShowsTheSameUntilItIsPassed(t *testing.T) {
	q := pump.NewQueue(100)
	require.NoError(t, q.Push(t.Context(), frame.Form{}, []byte("a")))
	for range 2 {
		pieces, end := q.Peek(nil, 0)
		assert.Equal(t, [][]byte{[]byte("a")}, pieces)
		assert.Nil(t, end)
		require.NoError(t, q.Push(t.Context(), frame.Form{}, []byte("b")))
		q.End(pump.End{Ending: &ending.Ending{Reason: "over"}})
	}
	assert.Equal(t, 1, q.Advance(1))
	assert.Equal(t, batch{"bb", 2, &pump.End{Ending: &ending.Ending{Reason: "over"}}}, take(q))
}

func TestQueuePushEndsWithItsContext(t *testing.T) {
	q := pump.NewQueue(1)
	require.NoError(t, q.Push(t.Context(), frame.Form{}, []byte("full")))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	assert.ErrorIs(t, q.Push(ctx, frame.Form{}, []byte("more")), context.Canceled)
}

func TestQueueKeepsTheFirstEnd(t *testing.T) {
	q := pump.NewQueue(10)
	assert.Nil(t, q.Ended())
	q.End(pump.End{Ending: &ending.Ending{Reason: "first"}})
	q.End(pump.End{Ending: &ending.Ending{Reason: "second"}})
	assert.Equal(t, ending.Reason("first"), q.Ended().Ending.Reason)
	assert.Equal(t, ending.Reason("first"), take(q).end.Ending.Reason)
}

func TestQueueOpenTellsWithoutAnEvent(t *testing.T) {
	q := pump.NewQueue(10)
	told := 0
	stop := q.Watch(func() { told++ })
	q.Open()
	assert.Equal(t, 1, told)
	assert.Equal(t, batch{}, take(q))
	stop()
	q.Open()
	assert.Equal(t, 1, told)
}

// Everything that is pushed comes out once and in order, however it is taken.
func TestQueueLosesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.IntRange(1, 64).Draw(t, "limit")
		sizes := rapid.SliceOfN(rapid.IntRange(1, 80), 1, 50).Draw(t, "sizes")
		q := pump.NewQueue(limit)
		var want strings.Builder
		for i, n := range sizes {
			want.WriteString(numbered(i, n))
		}
		go func() {
			for i, n := range sizes {
				if q.Push(context.Background(), frame.Form{}, []byte(numbered(i, n))) != nil {
					return
				}
			}
			q.End(pump.End{Ending: &ending.Ending{}})
		}()
		var got strings.Builder
		events := 0
		ready := make(chan struct{}, 1)
		defer q.Watch(func() {
			select {
			case ready <- struct{}{}:
			default:
			}
		})()
		for ended := false; !ended; {
			b := take(q)
			if got.WriteString(b.text); b.text == "" && b.end == nil {
				<-ready
			}
			events += b.events
			ended = b.end != nil
		}
		if got.String() != want.String() || events != len(sizes) {
			t.Fatalf("pushed %q in %d frames, took %q in %d", want.String(), len(sizes), got.String(), events)
		}
	})
}

func numbered(i, n int) string { return fmt.Sprintf("%d%s;", i, strings.Repeat("x", n)) }

func TestQueueGivesBackTheMemoryOfALargeFrame(t *testing.T) {
	q := pump.NewQueue(10)
	require.NoError(t, q.Push(t.Context(), frame.Form{}, make([]byte, 1<<20)))
	assert.Len(t, take(q).text, 1<<20)
	for range 2 {
		assert.Empty(t, take(q).text)
		require.NoError(t, q.Push(t.Context(), frame.Form{}, []byte("small")))
		pieces, _ := q.Peek(nil, 0)
		assert.Less(t, cap(pieces[0]), 1<<10)
		q.Advance(1)
	}
}
