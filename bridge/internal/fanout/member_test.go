package fanout_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/fanout"
	"github.com/grpcsse/grpcsse/bridge/internal/reading"
)

func TestAReplicaReadsTheUpstreamOnlyWhileItIsToldTo(t *testing.T) {
	inCluster(t, 1, fanout.Settings{}, func(all []*replica) {
		r := all[0]
		r.join(fanout.Newcomer{})
		require.Nil(t, r.upstream.next(), "it has not been told")
		r.follow()
		require.Nil(t, r.upstream.next())
		r.lead(1)
		r.seat().Lead(2)
		r.seat().Alone()
		require.Nil(t, r.upstream.next(), "it is read already")
		r.follow()
		require.Zero(t, r.upstream.open.Load())
		r.seat().Alone()
		require.NotNil(t, r.upstream.next())
		r.seat().Lead(3)
		require.Nil(t, r.upstream.next())
		require.EqualValues(t, 1, r.upstream.open.Load())
	})
}

// Pages of the earlier owner must stay those of a lower term.
func TestATermIsNotSetBack(t *testing.T) {
	inCluster(t, 2, fanout.Settings{HasID: true, Resumes: true}, func(all []*replica) {
		_, _, _ = twoReplicas(t, all)
		page := carried(all[0].seat().Page(fanout.Place{}, testLimit))
		page.Term = 7
		require.True(t, all[1].seat().Take(page))
		all[1].seat().Lead(6)
		assert.EqualValues(t, 7, all[1].seat().Page(fanout.Place{}, testLimit).Term)
		require.NotNil(t, all[1].upstream.next())
	})
}

func TestAStreamThatTakesNoPartIsReadAtOnce(t *testing.T) {
	inCluster(t, 1, fanout.Settings{}, func(all []*replica) {
		r := all[0]
		r.settings.Cluster = false
		c, up := r.live()
		require.NoError(t, up.send("1"))
		assert.Equal(t, []string{"1"}, c.read())
		assert.Empty(t, r.cluster.seats)
	})
}

func TestAFollowerTellsWhatTheOwnerTells(t *testing.T) {
	for name, s := range ids() {
		t.Run(name, func(t *testing.T) {
			inCluster(t, 2, s, func(all []*replica) {
				owner, other := all[0], all[1]
				a, b := owner.join(fanout.Newcomer{}), other.join(fanout.Newcomer{})
				up := owner.lead(1)
				other.follow()
				up.accept()
				require.False(t, b.Opened())
				other.pull(owner)
				require.True(t, b.Opened())
				assert.Equal(t, reading.Header{"key": {"value"}}, b.Header())

				require.NoError(t, up.send("1#1", "2#2"))
				other.pull(owner)
				assert.Equal(t, []string{"1", "2"}, a.read())
				assert.Equal(t, a.lastID, owner.idOf(2))
				c := other.join(from(owner.idOf(1)))
				assert.Equal(t, []string{"2"}, c.read(), "an id means the same in each replica")
				assert.Nil(t, other.upstream.next())

				up.end(reading.Broken, "broken")
				after(reading.StaleAfter)
				other.pull(owner)
				assert.Contains(t, c.read(), "stale: UNAVAILABLE")
				up = owner.newest()
				up.accept()
				other.pull(owner)
				assert.Contains(t, c.read(), "live: ")
			})
		})
	}
}

// idOf returns the id of the nth message of the first epoch.
func (r *replica) idOf(n int) string {
	for _, e := range r.seat().Page(fanout.Place{}, testLimit).Events {
		if e.Offset+1 == uint64(n) {
			return e.ID
		}
	}
	return ""
}

func TestSubscribersOfAFollowerWaitForItsFirstPages(t *testing.T) {
	for name, s := range ids() {
		t.Run(name, func(t *testing.T) {
			s.LateJoin.Mode = fanout.None
			inCluster(t, 2, s, func(all []*replica) {
				owner, other := all[0], all[1]
				owner.join(fanout.Newcomer{})
				up := owner.lead(1)
				require.NoError(t, up.send("1#1", "2#2", "3#3"))
				resumed, fresh := other.join(from(owner.idOf(1))), other.join(fanout.Newcomer{})
				gone := other.join(from("abcdefgh-1"))
				other.follow()
				assert.Empty(t, resumed.read())
				assert.Equal(t, ending.Resumed{}, resumed.Resumed())

				p := owner.seat().Page(other.seat().Place(), 1)
				require.True(t, p.More)
				require.Len(t, p.Events, 1)
				require.True(t, other.seat().Take(carried(p)))
				assert.Empty(t, resumed.read(), "the replica knows that there is more")
				other.pull(owner)
				assert.Equal(t, []string{"2", "3"}, resumed.read())
				assert.Equal(t, ending.ResumedFromLog, resumed.Resumed().From)
				assert.NotContains(t, fresh.read(), "3", "the owner's upstream accepted long ago")
				assert.Contains(t, gone.read()[0], "reset: ")
				other.join(from(owner.idOf(1))).Close()
			})
		})
	}
}

func TestSubscribersThatWaitBeginWhenTheReplicaReadsForItself(t *testing.T) {
	for name, begin := range map[string]func(*scriptedSeat){
		"lead": func(s *scriptedSeat) { s.Lead(1) }, "alone": func(s *scriptedSeat) { s.Alone() },
	} {
		t.Run(name, func(t *testing.T) {
			inCluster(t, 1, fanout.Settings{HasID: true, Resumes: true, CatchUps: 1}, func(all []*replica) {
				r := all[0]
				c := r.join(from("7"))
				r.follow()
				begin(r.seat())
				up := r.upstream.next()
				up.accept()
				assert.Empty(t, c.read())
				catchUp := r.upstream.next()
				require.NotNil(t, catchUp, "an id that the log does not have")
				require.NoError(t, up.send("9#9", "10#10"))
				after(time.Second)
				require.NoError(t, up.send("11#11", "12#12"))
				require.Error(t, catchUp.send("8#8", "9#9", "10#10", "11#11", "12#12"))
				assert.Equal(t, []string{"8", "9", "10", "11", "12"}, c.read())
			})
		})
	}
}

func TestALeaverOfAFollowerThatWaits(t *testing.T) {
	inCluster(t, 1, fanout.Settings{Linger: -1}, func(all []*replica) {
		c := all[0].join(from("abcdefgh-1"))
		all[0].follow()
		c.Close()
		assert.True(t, all[0].seat().left.Load())
		assert.Zero(t, all[0].registry.Streams())
	})
}

func TestAFollowerEndsWithTheRegistrysContext(t *testing.T) {
	inCluster(t, 1, fanout.Settings{}, func(all []*replica) {
		c := all[0].join(fanout.Newcomer{})
		all[0].follow()
		all[0].registry.Close(closed())
		assert.Equal(t, []string{"end: closed"}, c.read())
		assert.True(t, all[0].seat().left.Load())
	})
}
