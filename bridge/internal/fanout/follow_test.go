package fanout_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/internal/fanout"
	"github.com/grpcsse/grpcsse/bridge/internal/reading"
)

// A browser must not look for its place in a log that has begun anew and that does not have yet what the owner has.
func TestASubscriberWaitsUntilALogThatBeganAnewIsFilled(t *testing.T) {
	for name, s := range ids() {
		for join, mode := range map[string]fanout.LateJoinMode{"none": fanout.None, "latest": fanout.Latest} {
			for pages, limit := range map[string]int{"one page": testLimit, "a page for each event": 1} {
				t.Run(name+", "+join+", "+pages, func(t *testing.T) {
					s := s
					s.LateJoin.Mode, s.CatchUps = mode, 2
					inCluster(t, 2, s, func(all []*replica) {
						owner, other := all[0], all[1]
						b, up, alone := bothRead(owner, other)
						require.NoError(t, up.send("1#1", "2#2", "3#3", "4#4"))
						require.NoError(t, alone.send("1#1", "2#2"))
						require.Equal(t, []string{"1", "2"}, b.read())
						other.follow()
						want := []string{"3", "4"}
						if !s.Resumes {
							want = []string{resetOf("epoch", b), "1", "2", "3", "4"}
						}
						var got []string
						stop := b.Topic().Watch(func() { got = append(got, b.read()...) }) // as fast as a reader may be
						defer stop()
						for more := true; more; {
							p := carried(owner.seat().Page(other.seat().Place(), limit))
							more = p.More
							require.True(t, other.seat().Take(p))
							if more {
								got = append(got, b.read()...)
								require.Empty(t, got, "the replica knows that there is more")
							}
						}
						assert.Nil(t, other.upstream.next(), "no catch-up")
						assert.Equal(t, want, got)
					})
				})
			}
		}
	}
}

// The owner tells its followers from where on ids are sure, and does not tell it again to those that know it.
func TestIDsStaySureWhereALogBeginsAnewInItsEpoch(t *testing.T) {
	s := fanout.Settings{HasID: true, Resumes: true, CatchUps: 1}
	s.Bounds.Events = 4
	inCluster(t, 2, s, func(all []*replica) {
		a, _, old := twoReplicas(t, all)
		require.NoError(t, old.send("3#3", "4#4"))
		a.read()
		up := all[1].lead(2)
		all[0].follow()
		all[0].pull(all[1])
		require.NoError(t, up.send("3#3"))
		all[0].pull(all[1])
		for n := range 5 { // the next owner no longer holds what follows the event up to which the two logs agree
			require.NoError(t, up.send(fmt.Sprintf("%d#%[1]d", n+4)))
		}
		all[0].pull(all[1])
		assert.Equal(t, []string{"7", "8"}, all[0].join(from("6")).read())
		assert.Nil(t, all[0].upstream.next(), "no catch-up")
	})
}

// A replica that was alone relies on the ids that it has read. When it follows an owner that does not, it does not either.
func TestAFollowerReliesOnIDsWhereItsOwnerDoes(t *testing.T) {
	inCluster(t, 2, fanout.Settings{HasID: true, Resumes: true, CatchUps: 1}, func(all []*replica) {
		_, _, owner := twoReplicas(t, all)
		all[1].seat().Alone()
		up := all[1].upstream.next()
		require.Equal(t, "2", up.Cursor)
		require.NoError(t, up.send("3#3"))
		all[1].follow()
		all[1].pull(all[0])
		require.NoError(t, owner.send("9#9", "3#3")) // the rest of what may be a snapshot
		all[1].pull(all[0])
		assert.Empty(t, all[1].join(from("9")).read())
		assert.NotNil(t, all[1].upstream.next(), "a catch-up")
	})
}

// An owner that has read nothing yet says nothing of the ids in the log of its follower.
func TestIDsStaySureWhereTheOwnerHasReadNothing(t *testing.T) {
	inCluster(t, 2, fanout.Settings{HasID: true, Resumes: true, CatchUps: 1}, func(all []*replica) {
		all[0].join(fanout.Newcomer{})
		all[1].join(fanout.Newcomer{})
		all[1].seat().Alone()
		alone := all[1].upstream.next()
		alone.accept()
		after(time.Second)
		require.NoError(t, alone.send("1#1", "2#2", "3#3"))
		all[0].lead(1)
		all[1].follow()
		all[1].pull(all[0])
		assert.Equal(t, []string{"3"}, all[1].join(from("2")).read())
		assert.Nil(t, all[1].upstream.next(), "no catch-up")
	})
}

// An epoch may end before it has an event.
func TestSubscribersOfAFollowerGetTheEndOfAnEpochWithoutEvents(t *testing.T) {
	for name, s := range map[string]fanout.Settings{"positions": {}, "ids": {HasID: true}} {
		t.Run(name, func(t *testing.T) {
			inCluster(t, 2, s, func(all []*replica) {
				a, b, up := twoReplicas(t, all)
				up.end(reading.Broken, "broken")
				up = all[0].newest()
				up.accept()
				all[1].pull(all[0])
				up.end(reading.Over, "over")
				after(time.Second)
				all[1].pull(all[0])
				want := a.read()
				require.Equal(t, "end: over", want[len(want)-1])
				assert.Equal(t, want, b.read())
			})
		})
	}
}

// A replica gets no pages for a long time. Then the owner no longer holds the events that follow the replica's log. The log begins anew
// at the owner's oldest event. Subscribers are told once that events are missing, and get their places when the log is filled.
func TestASubscriberWaitsUntilALogThatLeaptIsFilled(t *testing.T) {
	for name, mode := range map[string]fanout.LateJoinMode{"none": fanout.None, "since": fanout.Since} {
		t.Run(name, func(t *testing.T) {
			s := fanout.Settings{HasID: true, Resumes: true, LateJoin: fanout.LateJoin{Mode: mode}}
			s.Bounds.Events = 4
			inCluster(t, 2, s, func(all []*replica) {
				_, b, up := twoReplicas(t, all)
				for n := range 10 {
					require.NoError(t, up.send(fmt.Sprintf("%d#%[1]d", n+3)))
				}
				told := []string{resetOf("expired", b)}
				for more := true; more; {
					p := carried(all[0].seat().Page(all[1].seat().Place(), 1))
					more = p.More
					require.True(t, all[1].seat().Take(p))
					if more {
						require.Empty(t, b.read(), "the replica knows that there is more")
					}
				}
				assert.Equal(t, told, b.read())
				require.NoError(t, up.send("13#13"))
				all[1].pull(all[0])
				assert.Equal(t, []string{"13"}, b.read())
			})
		})
	}
}
