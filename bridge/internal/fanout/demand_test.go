package fanout_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/internal/fanout"
	"github.com/grpcsse/grpcsse/bridge/internal/reading"
	"github.com/grpcsse/grpcsse/bridge/internal/replay"
)

func TestAReplicaSaysWhetherItHasSubscribers(t *testing.T) {
	inCluster(t, 1, fanout.Settings{Linger: 10 * time.Second}, func(all []*replica) {
		r := all[0]
		first, second := r.join(fanout.Newcomer{}), r.join(fanout.Newcomer{})
		seat := r.seat()
		assert.True(t, seat.local.Load())
		r.follow()
		first.Close()
		assert.True(t, seat.local.Load())
		second.Close()
		assert.False(t, seat.local.Load())
		after(9 * time.Second)
		r.join(fanout.Newcomer{})
		assert.True(t, seat.local.Load())
		assert.False(t, seat.left.Load())
		r.clients[2].Close()
		after(10 * time.Second)
		assert.True(t, seat.left.Load())
		assert.Zero(t, r.registry.Streams())
	})
}

func TestAnOwnerStaysWhileOthersWantIt(t *testing.T) {
	for _, linger := range []time.Duration{-1, 100 * time.Millisecond, 10 * time.Second} {
		t.Run(linger.String(), func(t *testing.T) {
			inCluster(t, 1, fanout.Settings{Linger: linger}, func(all []*replica) {
				r := all[0]
				c := r.join(fanout.Newcomer{})
				r.lead(1)
				seat := r.seat()
				seat.wanted.Store(true)
				c.Close()
				after(time.Minute)
				require.False(t, seat.left.Load())
				require.EqualValues(t, 1, r.upstream.open.Load())
				seat.unwant()
				after(max(0, linger) - time.Millisecond)
				if linger > 0 {
					require.False(t, seat.left.Load(), "it lingers")
				}
				after(max(0, time.Second-max(0, linger)) + 2*time.Millisecond) // it is asked for once a second
				assert.True(t, seat.left.Load())
				assert.Zero(t, r.upstream.open.Load())
				assert.Zero(t, r.registry.Streams())
			})
		})
	}
}

func TestAnOwnerThatIsRetiredDoesNotStayForOthers(t *testing.T) {
	retired := false
	s := fanout.Settings{Linger: time.Hour, Retired: func() bool { return retired }}
	inCluster(t, 1, s, func(all []*replica) {
		r := all[0]
		c := r.join(fanout.Newcomer{})
		r.lead(1)
		r.seat().wanted.Store(true)
		c.Close()
		retired = true
		r.registry.EndRetired()
		assert.True(t, r.seat().left.Load())
	})
}

func TestAStreamThatIsSetAsideReadsForItself(t *testing.T) {
	for _, leads := range []bool{false, true} {
		retired := false
		s := fanout.Settings{Retired: func() bool { return retired }}
		inCluster(t, 1, s, func(all []*replica) {
			r := all[0]
			r.join(fanout.Newcomer{})
			former := r.seat()
			if leads {
				r.lead(1)
			} else {
				r.follow()
			}
			retired = true
			r.join(fanout.Newcomer{})
			synctest.Wait()
			assert.True(t, former.left.Load())
			assert.EqualValues(t, 1, r.upstream.open.Load())
			former.Follow()
			synctest.Wait()
			assert.EqualValues(t, 1, r.upstream.open.Load(), "the cluster has no say any more")
			require.Len(t, r.cluster.seats, 2)
			r.follow()
		})
	}
}

// TestAnOwnerWithoutSubscribersGivesUpTheKey has an upstream break that is read for others only.
func TestAnOwnerWithoutSubscribersGivesUpTheKey(t *testing.T) {
	inCluster(t, 1, fanout.Settings{}, func(all []*replica) {
		r := all[0]
		c := r.join(fanout.Newcomer{})
		up := r.lead(1)
		up.accept()
		r.seat().wanted.Store(true)
		c.Close()
		up.end(reading.Broken, "down")
		after(time.Minute)
		assert.True(t, r.seat().left.Load())
		assert.Nil(t, r.upstream.next())
		assert.Nil(t, r.seat().Page(fanout.Place{}, 1).Condition.End, "another replica goes on")
	})
}

func TestADrainedReplicaResigns(t *testing.T) {
	inCluster(t, 2, fanout.Settings{HasID: true, Resumes: true}, func(all []*replica) {
		a, b, up := twoReplicas(t, all)
		all[0].registry.Resign()
		assert.True(t, all[0].seat().resigned.Load())
		require.NoError(t, up.send("3#3"), "it goes on until the next one has begun")
		require.NoError(t, all[1].lead(2).send("3#3", "4#4"))
		all[0].follow()
		all[0].pull(all[1])
		assert.Equal(t, []string{"3", "4"}, a.read())
		assert.Equal(t, []string{"3", "4"}, b.read())
	})
}

func TestWhatAFollowerHoldsIsCountedAndBounded(t *testing.T) {
	const limit = 64 << 10
	kilobytes := strings.Repeat("x", 8<<10)
	inClusterOf(t, 2, fanout.Settings{Bounds: replay.Bounds{Events: 1000}}, fanout.Limits{Bytes: limit}, func(all []*replica) {
		owner, other := all[0], all[1]
		_, b, up := twoReplicas(t, all)
		idle := newWorld(t, other.registry, fanout.Settings{Linger: time.Hour})
		idle.key = "idle"
		c, idleUp := idle.live()
		require.NoError(t, idleUp.send(kilobytes))
		c.Close()
		require.EqualValues(t, 2, other.registry.Streams())
		before := other.registry.Bytes()
		require.NoError(t, up.send(kilobytes))
		other.pull(owner)
		assert.Greater(t, other.registry.Bytes(), before+8<<10)
		for range 20 {
			require.NoError(t, up.send(kilobytes))
			other.pull(owner)
			b.read()
		}
		assert.LessOrEqual(t, other.registry.Bytes(), int64(limit))
		assert.EqualValues(t, 1, other.registry.Streams(), "first what has no subscribers")
	})
}

func TestAFollowerThatIsEvictedLeaves(t *testing.T) {
	inClusterOf(t, 1, fanout.Settings{Linger: time.Hour}, fanout.Limits{Streams: 1}, func(all []*replica) {
		r := all[0]
		c := r.join(fanout.Newcomer{})
		r.follow()
		c.Close()
		evicted := r.seat()
		r.key = "other"
		r.join(fanout.Newcomer{})
		assert.True(t, evicted.left.Load())
		assert.False(t, r.seat().left.Load())
	})
}

func TestCallsAfterLeavingChangeNothing(t *testing.T) {
	inCluster(t, 2, fanout.Settings{Linger: -1}, func(all []*replica) {
		_, b, _ := twoReplicas(t, all)
		page := carried(all[0].seat().Page(fanout.Place{}, testLimit))
		b.Close()
		seat := all[1].seat()
		require.True(t, seat.left.Load())
		seat.Lead(2)
		seat.Alone()
		seat.Follow()
		assert.True(t, seat.Take(page))
		assert.Equal(t, fanout.Place{}.Epoch, seat.Place().Epoch)
		assert.Empty(t, seat.Page(fanout.Place{}, testLimit).Events)
		assert.Nil(t, all[1].upstream.next())
		assert.Zero(t, all[1].registry.Bytes())
	})
}

// TestFollowersEndWithTheContextOfTheRegistry gives followers the end that the upstream has for a context that is over.
func TestFollowersEndWithTheContextOfTheRegistry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		r := fanout.NewRegistry(ctx, fanout.Limits{})
		cluster := &scriptedCluster{}
		r.Cluster = cluster
		w := &replica{newWorld(t, r, fanout.Settings{Cluster: true}), cluster}
		c := w.join(fanout.Newcomer{})
		w.follow()
		cancel()
		synctest.Wait()
		assert.Equal(t, []string{"end: cancelled"}, c.read())
		w.close()
	})
}

func TestTheUpstreamIsReadByOneReaderAtATime(t *testing.T) {
	inCluster(t, 1, fanout.Settings{}, func(all []*replica) {
		r := all[0]
		r.join(fanout.Newcomer{})
		most := int32(0)
		for term := range uint64(20) {
			r.seat().Lead(term + 1)
			synctest.Wait()
			most = max(most, r.upstream.open.Load())
			r.seat().Follow()
			r.seat().Lead(term + 1)
			most = max(most, r.upstream.open.Load())
		}
		assert.LessOrEqual(t, most, int32(1))
	})
}

// TestAStreamLingersFromWhenTheLastOtherReplicaLeft has the last other replica leave just before the owner looks, and the owner
// looks every quarter of its linger.
func TestAStreamLingersFromWhenTheLastOtherReplicaLeft(t *testing.T) {
	const linger = 10 * time.Second
	inCluster(t, 1, fanout.Settings{Linger: linger}, func(all []*replica) {
		r := all[0]
		c := r.join(fanout.Newcomer{})
		r.lead(1)
		seat := r.seat()
		seat.wanted.Store(true)
		c.Close()
		after(time.Minute - time.Millisecond)
		seat.unwant()
		after(linger - time.Millisecond)
		assert.False(t, seat.left.Load(), "the other replica has left just before the owner asked")
		after(2 * time.Millisecond)
		assert.True(t, seat.left.Load())
	})
}

// stubborn is an upstream that goes on for a while after its context is over, as one does that must clean up.
type stubborn struct {
	*fakeUpstream

	last chan struct{} // closed: it may end
}

func (u *stubborn) Run(ctx context.Context, a reading.Attempt, sink reading.Sink) reading.Result {
	u.open.Add(1)
	defer u.open.Add(-1)
	result := u.fakeUpstream.Run(ctx, a, sink)
	<-u.last
	return result
}

func TestTheNextReaderWaitsUntilTheUpstreamIsClosed(t *testing.T) {
	inCluster(t, 1, fanout.Settings{}, func(all []*replica) {
		r := all[0]
		up := &stubborn{newFakeUpstream(), make(chan struct{})}
		s, err := r.registry.Join(r.key, fanout.Newcomer{}, func() (fanout.Settings, reading.Upstream) { return r.settings, up })
		require.NoError(t, err)
		defer s.Close()
		r.seat().Lead(1)
		require.NotNil(t, up.next())
		r.follow()
		r.seat().Lead(2)
		require.Nil(t, up.next(), "the upstream has not noticed yet")
		close(up.last)
		require.NotNil(t, up.next())
	})
}
