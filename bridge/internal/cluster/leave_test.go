package cluster_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// What the owner has read last may have the end of the stream.
func TestAnOwnerThatLeavesPublishesWhatIsLeft(t *testing.T) {
	bubble(t, func(r *rig) {
		a := r.join()
		r.after(10 * time.Millisecond)
		b := r.join()
		r.after(time.Second)
		a.gate.Shut(true)
		r.send(30)
		a.seat.Leave()
		r.after(time.Millisecond)
		assert.Zero(t, b.Newest())
		a.gate.Shut(false)
		r.after(0)
		assert.Equal(t, 30, b.Newest(), "in more than one page")
		assert.Equal(t, []string{"follow"}, b.Calls())
	})
}

// The owner left while the store was silent, so the entry still names it, and its process answers that it is there.
func TestAnEntryOfAReplicaThatHasLeftIsClaimed(t *testing.T) {
	bubble(t, func(r *rig) {
		a := r.join()
		r.after(10 * time.Millisecond)
		b := r.join()
		r.after(time.Second)
		r.hub.Silence(true)
		a.seat.Leave()
		a.Close()
		r.after(5 * time.Second)
		r.hub.Silence(false)
		r.send(5)
		r.after(22 * time.Second)
		assert.True(t, b.Leads())
		assert.Equal(t, 5, b.Newest())
		c := r.join()
		r.after(time.Second)
		assert.Equal(t, 5, c.Newest())
		assert.Equal(t, []*replica{b}, r.leaders())
	})
	bubble(t, func(r *rig) { // and for one that comes later
		a := r.join()
		r.after(10 * time.Millisecond)
		r.hub.Silence(true)
		a.seat.Leave()
		a.Close()
		r.after(5 * time.Second)
		r.hub.Silence(false)
		c := r.join()
		r.after(time.Second)
		assert.True(t, c.Leads())
	})
}

func TestAFollowerThatComesLateHasAllPages(t *testing.T) {
	bubble(t, func(r *rig) {
		r.join()
		r.after(10 * time.Millisecond)
		r.send(45) // more than two pages
		b := r.join()
		r.after(10 * time.Millisecond)
		assert.Equal(t, 45, b.Newest())
		assert.Len(t, b.Seen(), 45)
	})
}
