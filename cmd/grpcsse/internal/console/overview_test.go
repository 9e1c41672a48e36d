package console

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge"
)

func TestTheOverviewCountsAndIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &fake{}
		for i := range 60 {
			for n := range i + 1 {
				b.streams = append(b.streams, bridge.StreamInfo{ID: uint64(n), Route: "quotes", Key: fmt.Sprint("key", i), Shared: true})
			}
		}
		b.streams = append(b.streams, bridge.StreamInfo{Route: "other"})
		c := newConsole(t, b, false)
		var got overview
		for range 5 {
			w := ask(t, c, http.MethodGet, Prefix+"api/overview")
			require.Equal(t, http.StatusOK, w.Code)
			require.NoError(t, json.Unmarshal(w.Body.Bytes(), &got))
		}
		assert.Equal(t, 1, b.looked, "the streams are gone through once a second")
		assert.Equal(t, len(b.streams), got.Streams)
		assert.Equal(t, 60, got.SharedCount)
		require.Len(t, got.Shared, mostShared)
		assert.Equal(t, 60, got.Shared[0].Subscribers)
		require.Len(t, got.Routes, 1, "two routes of one name have one row")
		assert.Equal(t, len(b.streams)-1, got.Routes[0].Open)
		time.Sleep(overviewAge)
		ask(t, c, http.MethodGet, Prefix+"api/overview")
		assert.Equal(t, 2, b.looked)
	})
}

func TestTheHistoryHasTenMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, b := NewHistory(), &fake{}
		done := make(chan struct{})
		ctx := t.Context()
		go func() { defer close(done); h.Run(ctx, b) }()
		for range 3 {
			h.StreamOpened(bridge.StreamOpening{})
		}
		h.StreamEnded(bridge.StreamEnd{Reason: bridge.ReasonGone})
		h.Refused(bridge.Refusal{Reason: bridge.ReasonLimit})
		b.events.Store(50)
		time.Sleep(Every + time.Second)
		synctest.Wait()
		require.Len(t, h.Samples(), 1)
		first := h.Samples()[0]
		assert.Equal(t, Sample{
			At: first.At, Open: 2, Opened: 3, Events: 50, Ends: map[bridge.Reason]int{bridge.ReasonGone: 1},
			Refused: map[bridge.Reason]int{bridge.ReasonLimit: 1},
		}, first)
		b.events.Store(20) // a reload has removed a route
		time.Sleep(Every)
		synctest.Wait()
		second := h.Samples()[1]
		assert.Equal(t, Sample{At: second.At, Open: 2, Ends: map[bridge.Reason]int{}, Refused: map[bridge.Reason]int{}}, second)
		time.Sleep(20 * time.Minute)
		synctest.Wait()
		all := h.Samples()
		require.Len(t, all, samples)
		assert.Equal(t, time.Duration(samples-1)*Every, all[samples-1].At.Sub(all[0].At))
	})
}
