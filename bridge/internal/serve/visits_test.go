package serve

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/grpcsse/grpcsse/bridge/config"
)

// The list has each visit that was added and not removed, once, whatever the order of additions and removals.
func TestTheOpenVisitsAreThoseThatWereAddedAndNotRemoved(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var o visits
		var open []*visit
		for range rapid.IntRange(0, 60).Draw(t, "steps") {
			if len(open) == 0 || rapid.Bool().Draw(t, "add") {
				v := &visit{}
				o.add(v)
				open = append(open, v)
				continue
			}
			i := rapid.IntRange(0, len(open)-1).Draw(t, "which")
			gone := open[i]
			open = slices.Delete(open, i, i+1)
			o.remove(gone)
			o.remove(gone) // a second call does nothing
		}
		o.remove(&visit{}) // nor does a call for a visit that was never added
		listed := o.list()
		slices.SortFunc(listed, func(a, b *visit) int { return int(a.number) - int(b.number) })
		if !slices.Equal(open, listed) {
			t.Fatalf("open are %d visits, listed %d", len(open), len(listed))
		}
	})
}

func TestThePlacesOfVisitsThatHaveEndedTakeNoMemory(t *testing.T) {
	var o visits
	for range 100_000 {
		o.add(&visit{})
	}
	for _, v := range o.list()[10:] {
		o.remove(v)
	}
	require.Len(t, o.list(), 10)
	assert.LessOrEqual(t, cap(o.all), leastVisits)
}

// A share of the open streams is rounded to the nearest number, and never is more than all of them.
func TestAShareOfTheStreamsIsRounded(t *testing.T) {
	for _, tt := range []struct {
		open  int
		share float64
		want  int
	}{
		{3, 0, 0}, {3, 0.1, 0}, {3, 0.16, 0}, {3, 0.17, 1}, {3, 0.4, 1}, {3, 0.5, 2}, {3, 0.6, 2}, {3, 0.9, 3}, {3, 1, 3},
		{1, 0.49, 0}, {1, 0.5, 1}, {0, 1, 0}, {3, 2, 3}, {3, -1, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, config.Server{})
			defer r.close()
			r.routes.leadTo(routeTo(t, silent, nil))
			for range tt.open {
				go r.ask(get())
				synctest.Wait()
			}
			require.Len(t, r.open.list(), tt.open)
			assert.Equal(t, tt.want, r.Shed(tt.share, time.Second), "%v of %d", tt.share, tt.open)
			time.Sleep(time.Minute)
			synctest.Wait()
			assert.Len(t, r.open.list(), tt.open-tt.want, "%v of %d", tt.share, tt.open)
		})
	}
}

// A digest is the same for one key and differs for others. It depends on the process, so it says nothing about the key.
func TestADigestSaysNothingAboutItsKey(t *testing.T) {
	var one, other digest
	assert.Equal(t, one.of("key"), one.of("key"))
	assert.NotEqual(t, one.of("key"), one.of("kez"))
	assert.NotEqual(t, one.of("key"), other.of("key"), "another process")
	assert.Len(t, one.of("key"), 2*digestBytes)
}

// BenchmarkStreams lists a page of 100 among 100,000 open streams.
func BenchmarkStreams(b *testing.B) {
	h := &Handler{}
	for range 100_000 {
		h.open.add(&visit{})
	}
	b.ReportAllocs()
	for b.Loop() {
		for range h.Streams(0) {
			b.Fatal("no visit is attached")
		}
	}
}
