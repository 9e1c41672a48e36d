package cluster_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/internal/cluster"
	"github.com/grpcsse/grpcsse/bridge/internal/fanout"
)

func TestOneReplicaReadsAndTheOthersHaveIt(t *testing.T) {
	bubble(t, func(r *rig) {
		a := r.join()
		r.after(10 * time.Millisecond)
		b, c := r.join(), r.join()
		r.send(3)
		r.after(10 * time.Millisecond)
		assert.Equal(t, []*replica{a}, r.leaders())
		r.send(40)
		r.after(10 * time.Millisecond)
		for _, p := range r.replicas {
			assert.Equal(t, 43, p.Newest(), p.Name)
			assert.Len(t, p.Seen(), 43)
			r.audit(p)
		}
		assert.Equal(t, []string{"follow"}, b.Calls())
		assert.Equal(t, []string{"follow"}, c.Calls())
	})
}

func TestTheNextReplicaReadsOnWhenTheOwnerDies(t *testing.T) {
	bubble(t, func(r *rig) {
		a := r.join()
		r.after(10 * time.Millisecond)
		r.join()
		r.join()
		r.send(10)
		r.after(time.Second)
		a.kill()
		r.send(5)
		r.after(300 * time.Millisecond) // the owner is asked every 150 to 250 ms, and a claim waits up to 50 ms
		assert.Len(t, r.leaders(), 1)
		for _, p := range r.replicas[1:] {
			assert.Equal(t, 15, p.Newest(), p.Name)
			assert.Len(t, p.Seen(), 15)
			r.audit(p)
		}
	})
}

// A conflict by position does not stop an owner whose reading half has caught up. Its term does.
func TestAPausedOwnerBringsNoWrongEventWhenItWakes(t *testing.T) {
	for _, positions := range []bool{false, true} {
		bubble(t, func(r *rig) {
			r.positions = positions
			a := r.join()
			r.after(10 * time.Millisecond)
			b, c := r.join(), r.join()
			r.send(10)
			r.after(time.Second)
			a.pause(true)
			r.send(1)
			r.after(1700 * time.Millisecond)
			assert.Len(t, r.leaders(), 2, "the one that is paused, and the next one")
			r.send(10)
			a.Stop(false) // what it reads itself comes before it hears anything
			r.send(5)
			a.pause(false)
			r.send(5)
			r.after(time.Second)
			r.send(5)
			r.after(time.Second)
			leaders := r.leaders()
			assert.Len(t, leaders, 1)
			assert.NotContains(t, leaders, a)
			r.samePositions()
			for _, p := range r.replicas {
				assert.Equal(t, 36, p.Newest(), p.Name)
				r.audit(p)
			}
			if !positions {
				assert.Len(t, b.Seen(), 36)
				assert.Len(t, c.Seen(), 36)
			}
		})
	}
}

// samePositions fails where a position is that of two events.
func (r *rig) samePositions() {
	type position struct {
		epoch string
		at    uint64
	}
	found := map[position]string{}
	for _, p := range r.replicas {
		if !p.Positions {
			continue
		}
		for _, e := range p.Seen() {
			at := position{e.Epoch, e.At}
			if id, ok := found[at]; ok {
				assert.Equal(r.t, id, e.ID, "%s has another event at %v", p.Name, at)
			}
			found[at] = e.ID
		}
	}
}

// While the store has no leader, no replica can claim a key.
func TestTheOwnerAndTheStoreAreLostTogether(t *testing.T) {
	bubble(t, func(r *rig) {
		a := r.join()
		r.after(10 * time.Millisecond)
		b, c := r.join(), r.join()
		r.send(10)
		r.after(time.Second)
		r.hub.Silence(true)
		a.kill()
		r.send(5)
		r.after(1300 * time.Millisecond)
		assert.Len(t, r.leaders(), 2, "each serves alone")
		r.send(5)
		assert.Equal(t, 20, b.Newest())
		assert.Equal(t, 20, c.Newest())
		r.after(5 * time.Second)
		r.hub.Silence(false)
		r.after(6 * time.Second)
		assert.Len(t, r.leaders(), 1, "they have agreed")
		r.send(5)
		r.after(time.Second)
		for _, p := range []*replica{b, c} {
			assert.Equal(t, 25, p.Newest())
			assert.Len(t, p.Seen(), 25)
			r.audit(p)
		}
	})
}

func TestAnOwnerThatResignsGoesOnUntilTheNextOneReads(t *testing.T) {
	bubble(t, func(r *rig) {
		a := r.join()
		r.after(10 * time.Millisecond)
		b := r.join()
		r.send(10)
		r.after(time.Second)
		a.seat.Resign()
		r.after(100 * time.Millisecond)
		assert.Equal(t, []*replica{b}, r.leaders())
		assert.Equal(t, []string{"lead", "follow"}, a.Calls())
		r.send(10)
		r.after(10 * time.Millisecond)
		assert.Equal(t, 20, a.Newest(), "the one that resigned follows")
		r.audit(a)
	})
	bubble(t, func(r *rig) {
		a := r.join()
		r.after(10 * time.Millisecond)
		a.seat.Resign()
		r.after(time.Minute)
		r.send(10)
		assert.Equal(t, 10, a.Newest(), "nobody else wants the key")
		assert.Equal(t, 0, r.hub.Entries())
		b := r.join()
		r.after(100 * time.Millisecond)
		assert.Equal(t, []*replica{b}, r.leaders())
	})
}

func TestAReplicaThatLeavesGivesTheKeyUp(t *testing.T) {
	bubble(t, func(r *rig) {
		a := r.join()
		r.after(10 * time.Millisecond)
		b := r.join()
		r.after(time.Second)
		before := r.hub.Subscriptions()
		a.seat.Leave()
		a.Close()
		r.after(100 * time.Millisecond)
		assert.Equal(t, []*replica{b}, r.leaders())
		b.seat.Leave()
		b.Close()
		r.after(100 * time.Millisecond)
		assert.Equal(t, 0, r.hub.Entries())
		assert.Less(t, r.hub.Subscriptions(), before)
		assert.Equal(t, 6, r.hub.Subscriptions(), "three for each replica")
		assert.Empty(t, a.node.Streams())
		a.enter()
		r.after(100 * time.Millisecond)
		assert.Equal(t, []*replica{a}, r.leaders(), "the key can be entered again")
	})
}

func TestAnOwnerPublishesOnlyWhileSomebodyFollows(t *testing.T) {
	bubble(t, func(r *rig) {
		a := r.join()
		r.after(10 * time.Millisecond)
		r.send(10)
		assert.Equal(t, 1, a.bus.Sent("ev"), "that it is the owner")
		assert.False(t, a.Watched())
		b := r.join()
		r.after(10 * time.Millisecond)
		assert.True(t, a.Watched())
		r.send(1)
		assert.Equal(t, 2, a.bus.Sent("ev"))
		b.seat.Leave()
		r.after(10 * time.Millisecond)
		assert.False(t, a.Watched(), "the last one has said that it leaves")
		c := r.join()
		r.after(time.Minute)
		assert.True(t, a.Watched(), "it says that it follows from time to time")
		c.kill()
		r.after(17 * time.Second)
		assert.False(t, a.Watched(), "it has said nothing for 15 s")
	})
}

// The member has its reader wait for the publishing, and must be watched no longer than there are followers.
func TestAnOwnerSaysHowFarItHasPublished(t *testing.T) {
	for name, end := range map[string]func(a, b *replica){
		"the followers leave": func(_, b *replica) { b.seat.Leave() },
		"the owner leaves":    func(a, _ *replica) { a.seat.Leave() },
		"the owner is alone":  func(a, _ *replica) { a.bus.Connect(false) },
		"its node ends":       func(a, _ *replica) { a.kill() },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(r *rig) {
				a := r.join()
				r.after(10 * time.Millisecond)
				r.send(10)
				assert.Zero(t, a.LastPublished())
				b := r.join()
				r.after(10 * time.Millisecond)
				a.gate.Shut(true)
				r.send(45) // more than two pages
				assert.Zero(t, a.LastPublished())
				a.gate.Shut(false)
				r.after(10 * time.Millisecond)
				assert.EqualValues(t, 55, a.LastPublished().Next)
				assert.True(t, a.Watched())
				end(a, b)
				r.after(3 * time.Second)
				assert.False(t, a.Watched())
			})
		})
	}
}

func wanted(s fanout.Seat) bool {
	yes, _ := s.Wanted()
	return yes
}

func TestAnOwnerKnowsWhetherOthersWantTheKey(t *testing.T) {
	bubble(t, func(r *rig) {
		a := r.join()
		r.after(10 * time.Millisecond)
		a.seat.Want(false)
		r.after(10 * time.Millisecond)
		assert.False(t, wanted(a.seat))
		b := r.join()
		r.after(10 * time.Millisecond)
		assert.True(t, wanted(a.seat))
		assert.False(t, wanted(b.seat), "it is not the owner")
		b.seat.Leave()
		r.after(time.Second) // a question may have been on its way to b, and is asked again
		assert.False(t, wanted(a.seat))
		c := r.join()
		r.after(10 * time.Millisecond)
		assert.True(t, wanted(a.seat))
		r.after(10 * time.Millisecond)
		c.kill()
		wanted(a.seat) // has the others asked
		r.after(time.Second)
		assert.False(t, wanted(a.seat), "that has had the others asked")
	})
}

func TestALostPageIsAskedFor(t *testing.T) {
	bubble(t, func(r *rig) {
		r.join()
		r.after(10 * time.Millisecond)
		b := r.join()
		r.send(10)
		r.after(time.Second)
		r.hub.Lose(1)
		r.send(1)
		r.hub.Lose(0)
		r.after(1200 * time.Millisecond)
		assert.Equal(t, 11, b.Newest(), "a beat shows that the newest page was lost")
		r.hub.Lose(1)
		r.send(1)
		r.hub.Lose(0)
		r.send(1)
		r.after(10 * time.Millisecond)
		assert.Equal(t, 13, b.Newest(), "the next page shows it at once")
		r.audit(b)
	})
}

func TestReplicasWithoutABusServeAloneAndAgreeLater(t *testing.T) {
	bubble(t, func(r *rig) {
		a := r.join()
		r.after(10 * time.Millisecond)
		b := r.join()
		r.send(10)
		r.after(time.Second)
		a.bus.Connect(false)
		b.bus.Connect(false)
		r.after(1900 * time.Millisecond)
		assert.Equal(t, []*replica{a}, r.leaders())
		r.after(200 * time.Millisecond)
		assert.Len(t, r.leaders(), 2)
		c := r.join()
		c.bus.Connect(false)
		r.after(3 * time.Second)
		assert.Len(t, r.leaders(), 3)
		r.send(10)
		for _, p := range r.replicas {
			p.bus.Connect(true)
		}
		r.after(6 * time.Second)
		assert.Len(t, r.leaders(), 1)
		r.send(10)
		r.after(time.Second)
		for _, p := range r.replicas {
			assert.Equal(t, 30, p.Newest())
			r.audit(p)
		}
		assert.Equal(t, []string{"lead", "alone"}, a.Calls()[:2], "the owner goes on without a reset")
	})
}

// The revisions begin anew, so a new owner has a term that is not above that of the earlier one, or the very same.
func TestTheStoreIsDeleted(t *testing.T) {
	for _, earlier := range []int{0, 5} {
		bubble(t, func(r *rig) {
			a := r.start(cluster.Options{})
			for i := range earlier {
				_, err := a.bus.Create(t.Context(), fmt.Sprint(i), nil)
				require.NoError(t, err)
			}
			a.enter()
			r.after(10 * time.Millisecond)
			b := r.join()
			r.send(10)
			r.after(time.Second)
			r.hub.DeleteStore()
			c := r.join()
			r.after(40 * time.Second)
			assert.Equal(t, []*replica{a}, r.leaders(), "the one that the others know")
			r.send(10)
			r.after(2 * time.Second)
			for _, p := range []*replica{a, b, c} {
				assert.Equal(t, 20, p.Newest(), p.Name)
				r.audit(p)
			}
		})
	}
}

func TestANodeThatClosesGivesItsKeysUp(t *testing.T) {
	bubble(t, func(r *rig) {
		a := r.join()
		r.after(10 * time.Millisecond)
		b := r.join()
		r.after(time.Second)
		a.dead = true
		a.node.Close(context.Background())
		a.Close()
		a.bus.Close()
		r.after(100 * time.Millisecond)
		assert.Equal(t, []*replica{b}, r.leaders())
		assert.Equal(t, 3+2, r.hub.Subscriptions(), "of the other one, which owns the key")
	})
}
