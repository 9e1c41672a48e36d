package fanout_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/internal/fanout"
	"github.com/grpcsse/grpcsse/bridge/internal/reading"
	"github.com/grpcsse/grpcsse/bridge/internal/replay"
)

// flood is how many events come at once in these tests. The log holds ten.
const flood = 40

// published has an owner that is watched, and a follower, and has the owner's upstream send a burst.
func published(t *testing.T, s fanout.Settings, test func(owner, other *replica, up *attempt, stop func())) {
	t.Helper()
	s.Bounds = replay.Bounds{Events: 10}
	s.Skip = true
	inCluster(t, 2, s, func(all []*replica) {
		_, _, up := twoReplicas(t, all)
		stop := all[0].seat().Watch(func() {})
		test(all[0], all[1], up, stop)
		stop()
	})
}

// floodFrom has the upstream send a burst of events with the numbers from one on. It waits until nothing moves, which may be
// before the last one, so it cannot return whether they were taken.
func floodFrom(up *attempt, first int) {
	up.do(func() *reading.Result {
		for i := range flood {
			_ = up.sink.Event(up.ctx, eventOf(fmt.Sprintf("%d#%d", first+i, first+i)))
		}
		return nil
	})
}

// has returns how many events the owner has had.
func (r *replica) has() int { return int(r.seat().Place().Next) }

// publish brings the follower the next page, and says so.
func (r *replica) publish(from fanout.Place, other *replica) fanout.Place {
	p := r.seat().Page(from, 1)
	other.seat().Take(carried(p))
	r.seat().Published(p.Behind())
	synctest.Wait()
	return p.Behind()
}

func TestABurstWaitsForThePublishing(t *testing.T) {
	for name, s := range ids() {
		t.Run(name, func(t *testing.T) {
			published(t, s, func(owner, other *replica, up *attempt, _ func()) {
				began, at, b := time.Now(), owner.seat().Place(), other.clients[0]
				floodFrom(up, 3)
				assert.Equal(t, 2+6, owner.has(), "more than half of the log is not published")
				var got []string
				for range flood {
					at = owner.publish(at, other)
					got = append(got, b.read()...)
				}
				assert.Equal(t, began, time.Now())
				require.Len(t, got, flood, "the follower lacks nothing")
				assert.Equal(t, fmt.Sprint(flood+2), got[flood-1])
			})
		})
	}
}

func TestABusThatIsDeadHoldsTheOwnerUpOnce(t *testing.T) {
	published(t, fanout.Settings{}, func(owner, other *replica, up *attempt, _ func()) {
		at := owner.seat().Place()
		floodFrom(up, 3)
		after(200*time.Millisecond - 1)
		assert.Equal(t, 2+6, owner.has())
		after(1)
		assert.Equal(t, 2+flood, owner.has())
		for i := range 3 {
			floodFrom(up, 3+(i+1)*flood)
			assert.Equal(t, 2+(i+2)*flood, owner.has(), "it is not waited for again")
		}
		at = owner.publish(at, other)
		owner.publish(at, other)
		floodFrom(up, 3+4*flood)
		assert.Equal(t, 2+5*flood, owner.has(), "it is still far behind")

		owner.seat().Published(owner.seat().Place())
		floodFrom(up, 3+5*flood)
		assert.Equal(t, 2+5*flood+6, owner.has(), "it is near again")
		after(time.Second)
	})
}

func TestASlowBusHoldsNothingUp(t *testing.T) {
	published(t, fanout.Settings{}, func(owner, _ *replica, up *attempt, _ func()) {
		began := time.Now()
		for i := range flood {
			require.NoError(t, up.send(fmt.Sprint(3+i)))
			after(40 * time.Millisecond) // so half of the log is 200 ms old
		}
		assert.Equal(t, 2+flood, owner.has())
		assert.Equal(t, flood*40*time.Millisecond, time.Since(began))
	})
}

func TestAReaderThatWaitsForThePublishingGoesOn(t *testing.T) {
	for name, end := range map[string]func(owner *replica, stop func()){
		"when nobody follows any more":  func(_ *replica, stop func()) { stop() },
		"when another replica owns it":  func(owner *replica, _ func()) { owner.follow() },
		"when its stream ends":          func(owner *replica, _ func()) { owner.registry.Close(closed()) },
		"when all of it is published":   func(owner *replica, _ func()) { owner.seat().Published(owner.seat().Place()) },
		"when the time for it has come": func(*replica, func()) { after(time.Second) },
	} {
		t.Run(name, func(t *testing.T) {
			published(t, fanout.Settings{}, func(owner, _ *replica, up *attempt, stop func()) {
				began := time.Now()
				returned := make(chan struct{})
				go func() {
					defer close(returned)
					for i := range 9 {
						_ = up.sink.Event(up.ctx, eventOf(fmt.Sprint(i)))
					}
				}()
				synctest.Wait()
				require.Equal(t, 2+6, owner.has())
				end(owner, stop)
				synctest.Wait()
				<-returned
				if name != "when the time for it has come" {
					assert.Equal(t, began, time.Now())
				}
			})
		})
	}
}

func TestAnOwnerWithoutFollowersWaitsForNobody(t *testing.T) {
	published(t, fanout.Settings{}, func(owner, _ *replica, up *attempt, stop func()) {
		stop()
		floodFrom(up, 3)
		assert.Equal(t, 2+flood, owner.has())
		owner.seat().Published(fanout.Place{})
		floodFrom(up, 3+flood)
		assert.Equal(t, 2+2*flood, owner.has())
	})
}

// A new epoch is published from its beginning on, whatever was published of the one before.
func TestTheBeginningOfAnEpochIsNotFarBehind(t *testing.T) {
	published(t, fanout.Settings{}, func(owner, other *replica, _ *attempt, _ func()) {
		owner.follow()
		began := time.Now()
		up := owner.lead(2)
		require.NoError(t, up.send("a", "b", "c", "d", "e"))
		assert.Equal(t, 5, owner.has())
		assert.Equal(t, began, time.Now())
		floodFrom(up, 1)
		assert.Equal(t, 6, owner.has())
		at := owner.seat().Page(fanout.Place{}, 1).Behind()
		owner.seat().Published(at)
		synctest.Wait()
		assert.Equal(t, 7, owner.has())
		after(time.Second)
		other.pull(owner)
	})
}
