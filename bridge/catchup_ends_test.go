package bridge_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"

	"github.com/grpcsse/grpcsse/bridge"
	streamv1 "github.com/grpcsse/grpcsse/gen/test/stream/v1"
)

// A finite stream is read to its end, whatever the place of the caller, and no caller is told a reset.
func TestAFiniteStreamIsReadToItsEnd(t *testing.T) {
	for name, client := range clients(t) {
		t.Run(name, func(t *testing.T) {
			h := newHistory(50)
			h.finite = true
			h.snapshot = everything
			s := startServer(t, "127.0.0.1:0", h.watch)
			f, seen := startCounted(t, s, historyRoute())
			for _, last := range []string{"1", "20", "49", "50"} {
				got := newReader(do(t, client, eventSource(t.Context(), t, f.url+"/watch/x", "Last-Event-ID", last))).all(t)
				want := parseInt(t, last)
				for _, e := range got[:len(got)-1] {
					want++
					assert.Equal(t, "live", e.name, "what follows the id, and no snapshot")
					assert.Equal(t, want, parseInt(t, e.id))
				}
				assert.EqualValues(t, 50, want, "all that follows %s", last)
				assert.Equal(t, "grpc-status", got[len(got)-1].name)
				assert.Contains(t, got[len(got)-1].data, `"status":"OK"`)
			}
			s.requireStreams(t, 0)
			_, outcomes := seen.counted(t)
			assert.Equal(t, map[bridge.CatchUpOutcome]int{bridge.CatchUpOver: 4}, outcomes)
		})
	}
}

// More than the log may hold is not brought by a catch-up either.
func TestABacklogLargerThanTheLogIsTold(t *testing.T) {
	for name, replay := range map[string]string{"events": "{events: 10}", "bytes": "{bytes: 2KiB}"} {
		for kind, client := range clients(t) {
			t.Run(name+", "+kind, func(t *testing.T) {
				h := newHistory(1000)
				s := startServer(t, "127.0.0.1:0", h.watch)
				f, seen := startCounted(t, s, resumable("share: {late_join: all, replay: "+replay+"}"))
				r := newReader(do(t, client, eventSource(t.Context(), t, f.url+"/watch/x", "Last-Event-ID", "1")))
				reset := requireReset(t, r)
				assert.JSONEq(t, `{"reason":"expired","last_event_id":"`+reset.id+`"}`, reset.data)
				h.requireFresh(t)
				h.publish(1)
				requireIDs(t, r, "1001")
				_, outcomes := seen.counted(t)
				assert.Equal(t, map[bridge.CatchUpOutcome]int{bridge.CatchUpTooLarge: 1}, outcomes)
				assert.LessOrEqual(t, h.fresh.Load()+h.resumed.Load(), int64(2))
			})
		}
	}
}

// requireReset reads until a grpc-reset, and returns it with the id of the last event before it.
func requireReset(t *testing.T, r *reader) event {
	t.Helper()
	last := "1"
	for {
		e, err := r.next()
		require.NoError(t, err)
		if e.name == "grpc-reset" {
			e.id = last
			return e
		}
		if e.id != "" {
			last = e.id
		}
	}
}

// A catch-up takes no slot of the upstream from the streams that browsers have asked for, and does not wait for one.
func TestACatchUpHasNoSlot(t *testing.T) {
	t.Parallel() // it waits
	h := newHistory(10)
	s := startServer(t, "127.0.0.1:0", h.watch, grpc.MaxConcurrentStreams(1))
	file := strings.ReplaceAll(historyRoute(), `{target: "ADDR"}`, `{target: "ADDR", max_connections: 1}`)
	f, seen := startCounted(t, s, file)
	client := clients(t)["HTTP1"]
	first := newReader(do(t, client, eventSource(t.Context(), t, f.url+"/watch/x")))
	h.requireFresh(t) // the shared stream has the only slot
	late := newReader(do(t, client, eventSource(t.Context(), t, f.url+"/watch/x", "Last-Event-ID", "7")))
	assert.JSONEq(t, `{"reason":"expired","last_event_id":"7"}`, requireEvent(t, late, "grpc-reset").data)
	h.publish(1)
	requireIDs(t, first, "11")
	requireIDs(t, late, "11")
	_, outcomes := seen.counted(t)
	assert.Equal(t, map[bridge.CatchUpOutcome]int{bridge.CatchUpExpired: 1}, outcomes)
	assert.EqualValues(t, 1, s.opened.Load())
	assert.Zero(t, seen.waits, "streams that waited for a slot")
}

// The upstream of a catch-up is watched as that of the shared stream is: ids that cannot be sent are counted once each.
func TestTheObserverIsToldOfCatchUps(t *testing.T) {
	tooLong := strings.Repeat("x", 200)
	s := startServer(t, "127.0.0.1:0", func(r *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
		if r.GetName() != "" { // the cursor
			if err := stream.Send(&streamv1.Event{Text: tooLong}); err != nil {
				return err
			}
		}
		return untilCancelled(r, stream)
	})
	f, seen := startCounted(t, s, routeFile("event: {id: text}", `request: {set: {name: "${last_event_id}"}}`, "share: {late_join: none}"))
	r := do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, f.url+"/watch/x", "Last-Event-ID", "a"))
	assert.Contains(t, requireEvent(t, newReader(r), "").data, tooLong)
	_ = r.Body.Close()
	_, outcomes := seen.counted(t)
	assert.Equal(t, map[bridge.CatchUpOutcome]int{bridge.CatchUpLeft: 1}, outcomes)
	assert.Equal(t, 1, seen.leftOut)
	assert.Less(t, seen.longest, time.Minute)
	assert.Positive(t, seen.longest)
}
