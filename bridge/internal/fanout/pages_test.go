package fanout_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/internal/fanout"
	"github.com/grpcsse/grpcsse/bridge/internal/reading"
	"github.com/grpcsse/grpcsse/bridge/internal/replay"
)

// next returns the page behind a place of the owner, with at most one event.
func (r *replica) next(from fanout.Place) *fanout.Page { return r.seat().Page(from, 1) }

func TestAPageOfALowerTermIsDropped(t *testing.T) {
	for name, s := range ids() {
		t.Run(name, func(t *testing.T) {
			inCluster(t, 3, s, func(all []*replica) {
				old, next, other := all[0], all[1], all[2]
				c := other.join(fanout.Newcomer{})
				_, _, up := twoReplicas(t, all[:2])
				other.follow()
				other.pull(old)
				require.NoError(t, next.lead(2).send("9#9"))
				other.pull(next)
				c.read()
				require.NoError(t, up.send("3#3"))
				require.True(t, other.seat().Take(carried(old.seat().Page(fanout.Place{}, testLimit))))
				require.True(t, other.seat().Take(carried(old.seat().Page(other.seat().Place(), testLimit))))
				assert.Empty(t, c.read())
				place := other.seat().Place()
				assert.EqualValues(t, 2, place.Term)
				assert.Equal(t, next.seat().Place().Next, place.Next)
			})
		})
	}
}

func TestPagesMayComeTwiceLateOrNotAtAll(t *testing.T) {
	for name, s := range ids() {
		t.Run(name, func(t *testing.T) {
			inCluster(t, 2, s, func(all []*replica) {
				owner, other := all[0], all[1]
				_, b, up := twoReplicas(t, all)
				at := owner.seat().Place()
				require.NoError(t, up.send("3#3", "4#4", "5#5"))
				var pages []*fanout.Page
				for range 3 {
					p := owner.next(at)
					pages, at = append(pages, p), p.Behind()
				}
				assert.Equal(t, owner.seat().Place(), at, "the place behind the last page is that of the owner")
				take := func(i int) bool { return other.seat().Take(carried(pages[i])) }
				assert.False(t, take(2), "it lacks two")
				assert.Empty(t, b.read())
				assert.True(t, take(0))
				assert.True(t, take(0))
				assert.False(t, take(2))
				assert.True(t, take(1))
				assert.True(t, take(0))
				assert.True(t, take(2))
				assert.Equal(t, []string{"3", "4", "5"}, b.read())
			})
		})
	}
}

func TestALostConditionIsAskedFor(t *testing.T) {
	inCluster(t, 2, fanout.Settings{}, func(all []*replica) {
		owner, other := all[0], all[1]
		_, b, up := twoReplicas(t, all)
		at := owner.seat().Place()
		up.end(reading.Broken, "down")
		after(reading.StaleAfter)
		lost := owner.seat().Page(at, testLimit)
		require.NotNil(t, lost.Condition)
		next := owner.seat().Page(lost.Behind(), testLimit)
		require.Nil(t, next.Condition, "the reader has had it")
		assert.False(t, other.seat().Take(carried(next)))
		other.pull(owner)
		assert.Equal(t, []string{"stale: UNAVAILABLE"}, b.read())
		assert.True(t, other.seat().Take(carried(next)))
	})
}

func TestEventsThatNoReplicaHoldsAreMissedAndTold(t *testing.T) {
	for name, s := range ids() {
		for _, skip := range []bool{false, true} {
			s.Skip = skip
			t.Run(name, func(t *testing.T) {
				s.Bounds = replay.Bounds{Events: 3}
				inCluster(t, 2, s, func(all []*replica) {
					owner, other := all[0], all[1]
					_, b, up := twoReplicas(t, all)
					require.NoError(t, up.send("3#3", "4#4", "5#5", "6#6", "7#7"))
					page := owner.next(owner.seat().Place())
					require.False(t, other.seat().Take(carried(page)))
					other.pull(owner)
					first := b.read()
					require.NotEmpty(t, first)
					assert.Equal(t, `reset: expired "`+idOfB(s, page, 2)+`"`, first[0])
					require.NoError(t, up.send("8#8"))
					other.pull(owner)
					assert.Equal(t, []string{"8"}, b.read())
					c := other.join(from(owner.idOf(6)))
					assert.Equal(t, []string{"7", "8"}, c.read(), "ids still mean the same")
				})
			})
		}
	}
}

// idOfB returns the id of the nth message.
func idOfB(s fanout.Settings, p *fanout.Page, n uint64) string {
	if s.HasID {
		return "2"
	}
	return replay.Position{Epoch: p.Epoch, Offset: n - 1}.String()
}

func TestAReplicaThatFollowsMayLackWhatASubscriberHas(t *testing.T) {
	inCluster(t, 2, fanout.Settings{}, func(all []*replica) {
		owner, other := all[0], all[1]
		_, _, up := twoReplicas(t, all)
		require.NoError(t, up.send("3", "4"))
		epoch := owner.seat().Place().Epoch
		ahead := other.join(from(replay.Position{Epoch: epoch, Offset: 2}.String()))
		madeUp := other.join(from(replay.Position{Epoch: epoch, Offset: 1 << 40}.String()))
		assert.Empty(t, ahead.read())
		assert.Contains(t, madeUp.read()[0], "reset: invalid")
		other.pull(owner)
		assert.Equal(t, []string{"4"}, ahead.read())
	})
}

func TestLastValuesComeToAReplicaThatJoinsLate(t *testing.T) {
	for name, s := range ids() {
		t.Run(name, func(t *testing.T) {
			s.LateJoin.Mode = fanout.LatestBy
			s.Bounds = replay.Bounds{Events: 2}
			inCluster(t, 2, s, func(all []*replica) {
				owner, other := all[0], all[1]
				owner.join(fanout.Newcomer{})
				up := owner.lead(1)
				require.NoError(t, up.send("1#1@a", "2#2@b", "3#3@a", "4#4@c", "5#5@c"))
				want := owner.join(fanout.Newcomer{}).read()
				require.Equal(t, []string{"2", "3", "5"}, want)
				waiting := other.join(fanout.Newcomer{})
				other.follow()
				other.pull(owner)
				assert.Equal(t, want, other.join(fanout.Newcomer{}).read())
				assert.Equal(t, want, waiting.read())

				up.end(reading.Broken, "down")
				up = owner.newest()
				require.NoError(t, up.send("6#6@d"))
				other.pull(owner)
				assert.Equal(t, owner.join(fanout.Newcomer{}).read(), other.join(fanout.Newcomer{}).read())
			})
		})
	}
}

func TestTheEndComesToFollowersBehindTheLastEvent(t *testing.T) {
	for name, s := range ids() {
		t.Run(name, func(t *testing.T) {
			inCluster(t, 2, s, func(all []*replica) {
				owner, other := all[0], all[1]
				a, b, up := twoReplicas(t, all)
				at := owner.seat().Place()
				require.NoError(t, up.send("3#3", "4#4"))
				up.end(reading.Over, "done")
				assert.Equal(t, []string{"3", "4", "end: done"}, a.read())
				a.Close()
				require.True(t, owner.seat().left.Load())
				require.Zero(t, owner.registry.Bytes(), "the log is released")

				first := owner.next(at)
				require.NotNil(t, first.Condition.End)
				require.True(t, other.seat().Take(carried(first)))
				assert.Equal(t, []string{"3"}, b.read(), "the end is not there yet")
				require.EqualValues(t, 1, other.registry.Streams())
				require.True(t, other.seat().Take(carried(owner.next(first.Behind()))))
				assert.Equal(t, []string{"4", "end: done"}, b.read())
				assert.Zero(t, other.registry.Streams(), "the next subscriber begins a stream")
				assert.True(t, other.seat().left.Load())
			})
		})
	}
}

func TestAReplicaThatLacksTheLastEventsLeadsAgain(t *testing.T) {
	inCluster(t, 2, fanout.Settings{HasID: true, Resumes: true}, func(all []*replica) {
		owner, other := all[0], all[1]
		_, b, up := twoReplicas(t, all)
		require.NoError(t, up.send("3#3", "4#4"))
		up.end(reading.Over, "done")
		require.True(t, other.seat().Take(carried(owner.next(other.seat().Place()))))
		next := other.lead(2)
		assert.Equal(t, "3", next.Cursor)
		require.NoError(t, next.send("4#4"))
		next.end(reading.Over, "done")
		assert.Equal(t, []string{"3", "4", "end: done"}, b.read())
	})
}

func TestTheTimeOfAnEventIsNotInTheFuture(t *testing.T) {
	inCluster(t, 2, fanout.Settings{}, func(all []*replica) {
		_, _, up := twoReplicas(t, all)
		require.NoError(t, up.send("3"))
		p := carried(all[0].seat().Page(all[1].seat().Place(), testLimit))
		p.Events[0].At = time.Now().Add(time.Hour)
		require.True(t, all[1].seat().Take(p))
		got := all[1].seat().Page(fanout.Place{}, testLimit).Events
		assert.Equal(t, time.Now(), got[len(got)-1].At)
	})
}

// A page that answers a question may come behind the first page of the owner's next epoch.
func TestALatePageOfAnEarlierEpochIsDropped(t *testing.T) {
	for name, s := range ids() {
		if s.Resumes {
			continue // the epoch goes on
		}
		t.Run(name, func(t *testing.T) {
			inCluster(t, 2, s, func(all []*replica) {
				owner, other := all[0], all[1]
				_, b, up := twoReplicas(t, all)
				late := owner.seat().Page(fanout.Place{}, testLimit)
				require.True(t, late.Oldest)
				up.end(reading.Broken, "broken")
				up = owner.newest()
				require.NoError(t, up.send("7#7", "8#8"))
				other.pull(owner)
				require.Equal(t, []string{resetOf("epoch", &client{lastID: idOfB(s, late, 2)}), "7", "8"}, b.read())
				require.True(t, other.seat().Take(carried(late)))
				assert.Empty(t, b.read())
				require.NoError(t, up.send("9#9"))
				require.True(t, other.seat().Take(carried(owner.seat().Page(other.seat().Place(), testLimit))))
				assert.Equal(t, []string{"9"}, b.read())
			})
		})
	}
}
