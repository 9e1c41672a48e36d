package cluster_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/grpcsse/grpcsse/bridge/internal/cluster"
)

// durations returns how many durations a histogram has, and how many of them are over a bound.
func durations(h cluster.Histogram, over time.Duration) (all, longer uint64) {
	for i, n := range h.Buckets {
		all += n
		if i == len(h.Bounds) || h.Bounds[i] > over {
			longer += n
		}
	}
	return all, longer
}

func TestTheCountsOfANode(t *testing.T) {
	bubble(t, func(r *rig) {
		a := r.join()
		r.after(10 * time.Millisecond)
		r.send(3)
		tally := cluster.NewTally()
		now := tally.Counts
		b := r.start(cluster.Options{Hooks: tally.Hooks()})
		b.enter()
		r.after(10 * time.Millisecond)
		assert.EqualValues(t, 1, now().Followed)
		assert.EqualValues(t, 3, now().Filled, "what was there before it came")
		assert.Zero(t, now().Gaps, "that is no gap")
		pages, _ := durations(now().Ages, 0)
		assert.Zero(t, pages)
		a.gate.Shut(true)
		r.send(2)
		r.after(30 * time.Millisecond)
		a.gate.Shut(false)
		r.after(time.Millisecond)
		pages, late := durations(now().Ages, 25*time.Millisecond)
		assert.EqualValues(t, 1, pages)
		assert.EqualValues(t, 1, late, "the owner did not come to it for 30 ms")
		assert.Equal(t, 30*time.Millisecond, now().Ages.Sum)
		r.hub.Delay(50 * time.Millisecond)
		r.send(1)
		r.after(60 * time.Millisecond)
		r.hub.Delay(0)
		assert.Equal(t, 80*time.Millisecond, now().Ages.Sum, "it was on its way")
		r.hub.Lose(1)
		r.send(2)
		r.hub.Lose(0)
		r.send(1)
		r.after(100 * time.Millisecond)
		assert.EqualValues(t, 1, now().Gaps)
		assert.EqualValues(t, 3+3, now().Filled)
		r.after(time.Second)
		assert.Zero(t, now().Takeovers)
		answers, slow := durations(now().RoundTrips, 250*time.Millisecond)
		assert.Positive(t, answers, "the owner was asked whether it is there")
		assert.Zero(t, slow)
		r.hub.Lose(1)
		r.after(350 * time.Millisecond) // at least one question, and at most two
		r.hub.Lose(0)
		r.after(time.Second)
		_, slow = durations(now().RoundTrips, 250*time.Millisecond)
		assert.Positive(t, slow, "an answer did not come")
		a.kill()
		r.after(time.Second)
		assert.EqualValues(t, 1, now().Takeovers)
		assert.EqualValues(t, 1, now().Owned)
		assert.Zero(t, now().Followed)
		assert.True(t, b.node.Connected())
		b.bus.Connect(false)
		r.after(5 * time.Second)
		assert.False(t, b.node.Connected())
		assert.EqualValues(t, 1, now().Alone)
		assert.InDelta(t, 3*time.Second, now().AloneFor, float64(1100*time.Millisecond), "it is counted while it lasts")
		b.bus.Connect(true)
		r.after(time.Second)
		assert.InDelta(t, 3*time.Second, now().AloneFor, float64(100*time.Millisecond), "patience is 2 s")
		assert.EqualValues(t, 1, now().Owned)
		assert.EqualValues(t, 1, now().Takeovers, "it owned the key before")
		b.seat.Leave()
		r.after(100 * time.Millisecond)
		c := now()
		assert.Zero(t, c.Joining+c.Owned+c.Followed+c.Alone, "%+v", c)
		assert.Zero(t, max(c.Joining, c.Owned, c.Followed, c.Alone))
	})
}

// A duration belongs to the first bucket whose bound is not under it.
func TestTheBucketsOfDurations(t *testing.T) {
	tally := cluster.NewTally()
	aged := tally.Hooks().Aged
	aged(0)
	aged(100 * time.Microsecond)
	aged(101 * time.Microsecond)
	aged(10 * time.Second)
	aged(time.Hour)
	h := tally.Counts().Ages
	assert.Len(t, h.Buckets, len(h.Bounds)+1)
	assert.EqualValues(t, []uint64{2, 1}, h.Buckets[:2])
	assert.EqualValues(t, []uint64{1, 1}, h.Buckets[len(h.Buckets)-2:])
	assert.Equal(t, time.Hour+10*time.Second+201*time.Microsecond, h.Sum)
}

func TestTheListOfStreams(t *testing.T) {
	bubble(t, func(r *rig) {
		a := r.join()
		r.after(10 * time.Millisecond)
		b, c := r.join(), r.join()
		r.after(10 * time.Millisecond)
		term := a.Terms()[0]
		list := a.node.Streams()
		assert.Equal(t, []cluster.Stream{{
			Name: list[0].Name, Role: cluster.Owner, Owner: "r0", Term: term, Followers: []string{"r1", "r2"},
		}}, list)
		for _, p := range []*replica{b, c} {
			assert.Equal(t, []cluster.Stream{{Name: list[0].Name, Role: cluster.Follower, Owner: "r0", Term: term}}, p.node.Streams())
		}
		assert.NotContains(t, list[0].Name, "key")
		a.kill()
		assert.Empty(t, a.node.Streams(), "a node that is closed has none")
	})
}

// A process that stood still may have been deposed without hearing of it.
func TestAnOwnerThatStoodStillReadsItsEntry(t *testing.T) {
	bubble(t, func(r *rig) {
		a := r.join()
		r.after(10 * time.Millisecond)
		b := r.join()
		r.after(time.Second)
		a.pause(true)
		r.hub.Lose(1)
		r.after(3 * time.Second)
		assert.True(t, b.Leads())
		a.pause(false)
		r.after(100 * time.Millisecond)
		assert.Equal(t, []*replica{b}, r.leaders())
	})
}

func TestTwoLostAnswersMakeNoReplicaDead(t *testing.T) {
	bubble(t, func(r *rig) {
		a := r.join()
		r.after(10 * time.Millisecond)
		b := r.join()
		r.after(time.Second)
		for range 5 {
			r.hub.Lose(1)
			r.after(750 * time.Millisecond) // an answer is waited for 400 ms
			r.hub.Lose(0)
			r.after(time.Second)
		}
		assert.Equal(t, []*replica{a}, r.leaders())
		assert.Equal(t, []string{"follow"}, b.Calls())
	})
}
