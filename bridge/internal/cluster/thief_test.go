package cluster_test

import (
	"bytes"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/internal/cluster"
	"github.com/grpcsse/grpcsse/bridge/internal/cluster/membus"
	"github.com/grpcsse/grpcsse/bridge/internal/wire"
)

// thief is a user of the bus who does not have the secret. It keeps what the replicas say, and says it again.
type thief struct {
	bus *membus.Bus

	mu    sync.Mutex
	kept  []stolen
	quiet bool
}

type stolen struct {
	subject string
	data    []byte
}

// mostStolen bounds what a thief keeps.
const mostStolen = 5000

func newThief(hub *membus.Hub) *thief {
	t := &thief{bus: hub.Join(1 << 20)}
	hub.Tap(func(subject string, data []byte) {
		t.mu.Lock()
		defer t.mu.Unlock()
		if !t.quiet && len(data) > 0 && len(t.kept) < mostStolen {
			t.kept = append(t.kept, stolen{subject, bytes.Clone(data)})
		}
	})
	return t
}

// say says again what was kept, without the first twelfths of it: on its own subjects, or on those of other messages.
func (t *thief) say(twelfths int, otherSubjects bool) {
	t.mu.Lock()
	kept := t.kept
	t.quiet = true // it does not keep what it says itself
	t.mu.Unlock()
	for i := len(kept) * twelfths / 12; i < len(kept); i++ {
		subject := kept[i].subject
		if otherSubjects {
			subject = kept[(i*7+3)%len(kept)].subject
		}
		_ = t.bus.Publish(subject, kept[i].data)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.quiet = false
}

// count returns how many messages it has kept.
func (t *thief) count() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.kept)
}

// Without the secret, what replicas have said can be said again, at any time. No subscriber gets anything wrong by it.
func TestWhatReplicasHaveSaidIsSaidAgain(t *testing.T) {
	for name, otherSubjects := range map[string]bool{"on its subjects": false, "on other subjects": true} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(r *rig) {
				thief := newThief(r.hub)
				r.closers = append(r.closers, thief.bus.Close)
				var e errorsOf
				r.join()
				r.after(10 * time.Millisecond)
				b := r.join()
				c := r.start(cluster.Options{Hooks: e.hooks()})
				c.enter()
				r.send(30)
				r.after(time.Second)
				r.replicas[0].kill() // another term
				r.after(time.Second)
				r.send(30)
				r.after(6 * time.Second) // each follower has said that it follows
				leader := r.leaders()[0]
				follower := c
				if leader == c {
					follower = b
				}
				follower.seat.Leave()
				r.after(100 * time.Millisecond)
				follower.enter()
				r.after(100 * time.Millisecond)
				require.NotZero(t, thief.count())

				for range 3 {
					thief.say(0, otherSubjects)
					r.after(time.Minute) // all that was said is old now
				}
				r.send(5)
				r.after(time.Second)
				assert.Equal(t, []*replica{leader}, r.leaders())
				for _, p := range []*replica{b, c} {
					assert.Equal(t, 65, p.Newest(), p.Name)
					assert.Len(t, p.Seen(), 65)
					r.audit(p)
				}
				if !otherSubjects {
					assert.Empty(t, e.unread)
				}
				for _, err := range e.unread {
					require.ErrorIs(t, err, wire.ErrTampered)
				}
			})
		})
	}
}

// The goodbye of a follower may come after it has come back, because the two have ways of their own.
func TestALateGoodbyeCostsAFollowerSomeSeconds(t *testing.T) {
	bubble(t, func(r *rig) {
		a := r.join()
		r.after(10 * time.Millisecond)
		b := r.join()
		r.after(time.Second)
		s := r.stranger()
		s.say("in.r0", "r1", wire.Left{Name: a.node.Streams()[0].Name})
		r.after(time.Millisecond)
		require.False(t, a.Watched())
		r.send(3)
		r.after(7 * time.Second) // it says every 5 s that it follows
		assert.True(t, a.Watched())
		assert.Equal(t, 3, b.Newest())
		r.send(1)
		assert.Equal(t, 4, b.Newest())
		r.audit(b)
	})
}

// Whatever answers for a dead owner without the secret does not keep the others from taking over.
func TestAnOwnerThatIsOnlyAnsweredForCountsAsDead(t *testing.T) {
	bubble(t, func(r *rig) {
		a := r.join()
		r.after(10 * time.Millisecond)
		b := r.join()
		r.after(time.Second)
		ghost := r.hub.Join(1 << 20)
		r.closers = append(r.closers, ghost.Close)
		for _, subject := range []string{"alive.r0", "log." + a.node.Streams()[0].Name} {
			_, err := ghost.Subscribe(subject, func(d *cluster.Delivery) { _ = d.Reply([]byte("here I am")) })
			require.NoError(t, err)
		}
		a.kill()
		r.send(5)
		r.after(time.Minute)
		assert.Equal(t, []*replica{b}, r.leaders())
		assert.Equal(t, 5, b.Newest())
		assert.Len(t, b.Seen(), 5)
	})
}
