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

	"github.com/grpcsse/grpcsse/bridge/internal/pump"
)

func TestQueueHoldsNoMoreThanItsLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := pump.NewQueue(10)
		pushed := 0
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			for q.Push(ctx, []byte("four")) == nil {
				pushed++
			}
		}()
		synctest.Wait()
		assert.Equal(t, 2, pushed, "8 of 10 bytes wait; a third frame has no room")

		assert.Equal(t, "fourfour", string(q.Take().Frames))
		synctest.Wait()
		assert.Equal(t, 2, pushed, "what the consumer still works on counts")

		assert.Empty(t, q.Take().Frames, "nothing was ready, and what was taken is given back")
		synctest.Wait()
		assert.Equal(t, 4, pushed)
		cancel()
		synctest.Wait()
	})
}

func TestQueueTakesOneFrameOfAnySize(t *testing.T) {
	q := pump.NewQueue(10)
	big := bytes.Repeat([]byte("x"), 1000)
	require.NoError(t, q.Push(t.Context(), big))
	b := q.Take()
	assert.Equal(t, big, b.Frames)
	assert.Equal(t, 1, b.Events)
	assert.Nil(t, b.End)
}

func TestQueuePushEndsWithItsContext(t *testing.T) {
	q := pump.NewQueue(1)
	require.NoError(t, q.Push(t.Context(), []byte("full")))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	assert.ErrorIs(t, q.Push(ctx, []byte("more")), context.Canceled)
}

func TestQueueKeepsTheFirstEnd(t *testing.T) {
	q := pump.NewQueue(10)
	assert.False(t, q.Ended())
	q.End(pump.End{Reason: "first"})
	q.End(pump.End{Reason: "second"})
	assert.True(t, q.Ended())
	assert.Equal(t, "first", q.Take().End.Reason)
}

func TestQueueOpenWakesWithoutAnEvent(t *testing.T) {
	q := pump.NewQueue(10)
	q.Open()
	<-q.Ready()
	assert.Equal(t, pump.Batch{}, normal(q.Take()))
}

func normal(b pump.Batch) pump.Batch {
	if len(b.Frames) == 0 {
		b.Frames = nil
	}
	return b
}

// Whatever is pushed, and however it is taken, comes out once and in order.
func TestQueueLosesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.IntRange(1, 64).Draw(t, "limit")
		sizes := rapid.SliceOfN(rapid.IntRange(1, 80), 1, 50).Draw(t, "sizes")
		q := pump.NewQueue(limit)
		var want strings.Builder
		for i, n := range sizes {
			want.WriteString(frame(i, n))
		}
		go func() {
			for i, n := range sizes {
				if q.Push(context.Background(), []byte(frame(i, n))) != nil {
					return
				}
			}
			q.End(pump.End{})
		}()
		var got strings.Builder
		events := 0
		for ended := false; !ended; {
			<-q.Ready()
			for b := q.Take(); len(b.Frames) > 0 || b.End != nil && !ended; b = q.Take() {
				got.Write(b.Frames)
				events += b.Events
				ended = b.End != nil
			}
		}
		if got.String() != want.String() || events != len(sizes) {
			t.Fatalf("pushed %q in %d frames, took %q in %d", want.String(), len(sizes), got.String(), events)
		}
	})
}

func frame(i, n int) string { return fmt.Sprintf("%d%s;", i, strings.Repeat("x", n)) }

func TestQueueGivesBackTheMemoryOfALargeFrame(t *testing.T) {
	q := pump.NewQueue(10)
	require.NoError(t, q.Push(t.Context(), make([]byte, 1<<20)))
	assert.Len(t, q.Take().Frames, 1<<20)
	for range 2 {
		assert.Empty(t, q.Take().Frames)
		require.NoError(t, q.Push(t.Context(), []byte("small")))
		assert.Less(t, cap(q.Take().Frames), 1<<10)
	}
}
