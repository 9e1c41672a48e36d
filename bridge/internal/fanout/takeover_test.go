package fanout_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/internal/fanout"
	"github.com/grpcsse/grpcsse/bridge/internal/reading"
)

// twoReplicas has the first of two replicas own the key and the second one follow, each with a subscriber that has the messages
// 1 and 2.
func twoReplicas(t *testing.T, all []*replica) (a, b *client, up *attempt) {
	t.Helper()
	a, b = all[0].join(fanout.Newcomer{}), all[1].join(fanout.Newcomer{})
	up = all[0].lead(1)
	all[1].follow()
	all[1].pull(all[0])
	require.NoError(t, up.send("1#1", "2#2"))
	all[1].pull(all[0])
	require.Equal(t, []string{"1", "2"}, a.read())
	require.Equal(t, []string{"1", "2"}, b.read())
	return a, b, up
}

func TestATakeoverGoesOnWhereTheUpstreamTakesACursor(t *testing.T) {
	inCluster(t, 2, fanout.Settings{HasID: true, Resumes: true}, func(all []*replica) {
		a, b, _ := twoReplicas(t, all)
		up := all[1].lead(2)
		assert.Equal(t, reading.Attempt{Cursor: "2", HasCursor: true, Reopening: true}, up.Attempt)
		require.NoError(t, up.send("3#3"))
		all[0].follow()
		all[0].pull(all[1])
		assert.Equal(t, []string{"3"}, a.read())
		assert.Equal(t, []string{"3"}, b.read())
	})
}

func TestATakeoverBeginsAnEpochWhereTheUpstreamTakesNoCursor(t *testing.T) {
	for name, s := range ids() {
		if s.Resumes {
			continue
		}
		t.Run(name, func(t *testing.T) {
			inCluster(t, 2, s, func(all []*replica) {
				a, b, _ := twoReplicas(t, all)
				up := all[1].lead(2)
				assert.False(t, up.HasCursor)
				assert.Empty(t, b.read(), "until the upstream accepts")
				require.NoError(t, up.send("5#5"))
				all[0].follow()
				all[0].pull(all[1])
				assert.Equal(t, []string{resetOf("epoch", a), "5"}, a.read())
				assert.Equal(t, []string{resetOf("epoch", b), "5"}, b.read())
				assert.Equal(t, a.lastID, b.lastID)
			})
		})
	}
}

func TestANewReaderBeginsAnEpochOfPositionsInTheSameReplica(t *testing.T) {
	inCluster(t, 1, fanout.Settings{}, func(all []*replica) {
		r := all[0]
		c := r.join(fanout.Newcomer{})
		require.NoError(t, r.lead(1).send("1", "2"))
		c.read()
		r.follow()
		require.NoError(t, r.lead(2).send("4"))
		assert.Equal(t, []string{resetOf("epoch", c), "4"}, c.read())
	})
}

// TestALateEventOfADeposedOwnerReachesNobody has an upstream that brings events although its stream is cancelled.
func TestALateEventOfADeposedOwnerReachesNobody(t *testing.T) {
	for name, s := range ids() {
		t.Run(name, func(t *testing.T) {
			inCluster(t, 2, s, func(all []*replica) {
				a, _, up := twoReplicas(t, all)
				version := all[0].seat().Page(fanout.Place{}, 1).Version
				held := make(chan struct{})
				up.acts <- func() *reading.Result { <-held; return nil } // the reader does not notice that its stream is cancelled
				all[0].seat().Follow()
				ctx := context.WithoutCancel(t.Context())
				require.Error(t, up.sink.Event(ctx, eventOf("3#3")))
				up.sink.Accepted(reading.Header{"late": nil})
				assert.Empty(t, a.read())
				page := all[0].seat().Page(fanout.Place{}, testLimit)
				assert.Len(t, page.Events, 2)
				assert.Equal(t, version, page.Version, "nor does anything else")
				assert.EqualValues(t, 1, all[0].upstream.open.Load(), "the reader has not noticed yet")
				close(held)
				all[0].follow()
				assert.Zero(t, all[0].upstream.open.Load())
			})
		})
	}
}

// TestAPausedOwnerThatWakes has an owner that is paused while the next one leads. The owner's reader goes on before the owner is
// told.
func TestAPausedOwnerThatWakes(t *testing.T) {
	t.Run("with what the next one has", func(t *testing.T) {
		inCluster(t, 2, fanout.Settings{HasID: true, Resumes: true}, func(all []*replica) {
			a, b, old := twoReplicas(t, all)
			require.NoError(t, all[1].lead(2).send("3#3", "4#4", "5#5"))
			require.NoError(t, old.send("3#3", "4#4"))
			require.Equal(t, []string{"3", "4"}, a.read())
			all[0].follow()
			all[0].pull(all[1])
			assert.Equal(t, []string{"5"}, a.read())
			assert.Equal(t, []string{"3", "4", "5"}, b.read())
		})
	})
	t.Run("with more than the next one has", func(t *testing.T) {
		inCluster(t, 2, fanout.Settings{HasID: true, Resumes: true}, func(all []*replica) {
			a, _, old := twoReplicas(t, all)
			require.NoError(t, old.send("3#3", "4#4"))
			require.Equal(t, []string{"3", "4"}, a.read())
			up := all[1].lead(2)
			all[0].follow()
			all[0].pull(all[1])
			require.NoError(t, up.send("3#3"))
			all[0].pull(all[1])
			assert.Empty(t, a.read(), "it has this one")
			require.NoError(t, up.send("4#4", "5#5"))
			all[0].pull(all[1])
			assert.Equal(t, []string{"5"}, a.read())
		})
	})
	t.Run("with other events", func(t *testing.T) {
		for name, s := range map[string]fanout.Settings{"resumes": {HasID: true, Resumes: true}} {
			t.Run(name, func(t *testing.T) {
				inCluster(t, 2, s, func(all []*replica) {
					a, _, old := twoReplicas(t, all)
					require.NoError(t, all[1].lead(2).send("3#3"))
					require.NoError(t, old.send("x#x"))
					require.Equal(t, []string{"x"}, a.read())
					all[0].follow()
					all[0].pull(all[1])
					assert.Equal(t, []string{resetOf("epoch", a), "1", "2", "3"}, a.read())
					up := all[0].lead(3)
					assert.Equal(t, "3", up.Cursor)
					require.NoError(t, up.send("4#4"))
					all[1].follow()
					all[1].pull(all[0])
					assert.Equal(t, []string{"4"}, a.read())
					assert.Equal(t, []string{"3", "4"}, all[1].clients[0].read(), "the epoch has its name for the others")
				})
			})
		}
	})
	t.Run("where ids are positions", func(t *testing.T) {
		inCluster(t, 2, fanout.Settings{}, func(all []*replica) {
			a, b, old := twoReplicas(t, all)
			require.NoError(t, all[1].lead(2).send("9"))
			require.NoError(t, old.send("3"))
			require.Equal(t, []string{"3"}, a.read())
			all[0].follow()
			all[0].pull(all[1])
			assert.Equal(t, []string{resetOf("epoch", a), "9"}, a.read())
			assert.Equal(t, []string{resetOf("epoch", b), "9"}, b.read())
			assert.Equal(t, a.lastID, b.lastID)
		})
	})
}

func TestEventsWithoutIDsAreComparedByWhatTheySay(t *testing.T) {
	for name, test := range map[string]struct {
		old, next []string
		want      func(a *client) []string
	}{
		"the same": {[]string{"beat", "beat"}, []string{"beat", "beat", "3#3"}, func(*client) []string { return []string{"3"} }},
		"another one": {[]string{"beat"}, []string{"news", "3#3"}, func(a *client) []string {
			return []string{resetOf("epoch", a), "1", "2", "news", "3"}
		}},
		"another order": {[]string{"3#3", "beat"}, []string{"beat", "beat", "3#3"}, func(a *client) []string {
			return []string{resetOf("epoch", a), "1", "2", "beat", "beat", "3"}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			inCluster(t, 2, fanout.Settings{HasID: true, Resumes: true}, func(all []*replica) {
				a, _, old := twoReplicas(t, all)
				require.NoError(t, old.send(test.old...))
				a.read()
				require.NoError(t, all[1].lead(2).send(test.next...))
				all[0].follow()
				all[0].pull(all[1])
				assert.Equal(t, test.want(a), a.read())
			})
		})
	}
}

func TestAFaultOfTheUpstreamDuringATakeoverEndsNobody(t *testing.T) {
	inCluster(t, 2, fanout.Settings{HasID: true, Resumes: true}, func(all []*replica) {
		_, b, _ := twoReplicas(t, all)
		all[1].lead(2).end(reading.Broken, "down")
		after(reading.StaleAfter)
		assert.Equal(t, []string{"stale: UNAVAILABLE"}, b.read())
		up := all[1].newest()
		require.NoError(t, up.send("3#3"))
		assert.Equal(t, []string{"live: ", "3"}, b.read())
	})
}

func TestTheNextOwnerEndsAGapThatBeganBefore(t *testing.T) {
	inCluster(t, 2, fanout.Settings{HasID: true, Resumes: true}, func(all []*replica) {
		_, b, up := twoReplicas(t, all)
		up.end(reading.Broken, "down")
		after(reading.StaleAfter)
		all[1].pull(all[0])
		assert.Equal(t, []string{"stale: UNAVAILABLE"}, b.read())
		require.NoError(t, all[1].lead(2).send("3#3"))
		assert.Equal(t, []string{"live: ", "3"}, b.read())
	})
}

func TestAReplicaThatIsAloneGoesOnAndComesBack(t *testing.T) {
	inCluster(t, 2, fanout.Settings{HasID: true, Resumes: true}, func(all []*replica) {
		_, b, old := twoReplicas(t, all)
		all[1].seat().Alone()
		up := all[1].upstream.next()
		require.Equal(t, "2", up.Cursor)
		require.NoError(t, up.send("3#3"))
		require.NoError(t, old.send("3#3", "4#4"))
		all[1].follow()
		all[1].pull(all[0])
		assert.Equal(t, []string{"3", "4"}, b.read(), "without a reset")
		assert.Zero(t, all[1].upstream.open.Load())
	})
}

// bothRead has a replica read its upstream as the owner, and another one for itself. Each has a subscriber. It returns that of the other
// one, and both upstream streams, which were accepted so long ago that the ids are sure.
func bothRead(owner, other *replica) (b *client, up, alone *attempt) {
	owner.join(fanout.Newcomer{})
	b = other.join(fanout.Newcomer{})
	up = owner.lead(1)
	other.seat().Alone()
	alone = other.upstream.next()
	alone.accept()
	up.accept()
	after(time.Second)
	return b, up, alone
}

// TestAnotherEpochIsNoResetWhereTheRouteCatchesUp has two replicas that were alone from the beginning. One of them follows then.
func TestAnotherEpochIsNoResetWhereTheRouteCatchesUp(t *testing.T) {
	for name, test := range map[string]struct {
		owner, follower []string
		want            []string
		catchUp         []string // what a catch-up brings; nil where none is needed
	}{
		"the owner has the id": {
			owner: []string{"2#2", "3#3", "4#4"}, follower: []string{"1#1", "2#2"}, want: []string{"3", "4"},
		},
		"the owner has only later ones": {
			owner: []string{"4#4", "5#5"}, follower: []string{"1#1", "2#2"},
			want: []string{"3", "4", "5"}, catchUp: []string{"3#3", "4#4", "5#5"},
		},
		"the owner has only earlier ones": {
			owner: []string{"1#1"}, follower: []string{"1#1", "2#2"}, want: []string{"3"}, catchUp: []string{"3#3"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			inCluster(t, 2, fanout.Settings{HasID: true, Resumes: true, CatchUps: 2}, func(all []*replica) {
				owner, other := all[0], all[1]
				b, up, alone := bothRead(owner, other)
				require.NoError(t, up.send(test.owner...))
				require.NoError(t, alone.send(test.follower...))
				require.Equal(t, "2", b.read()[1])
				other.follow()
				other.pull(owner)
				got := b.read()
				if test.catchUp != nil {
					catchUp := other.upstream.next()
					require.NotNil(t, catchUp)
					require.Equal(t, "2", catchUp.Cursor)
					_ = catchUp.send(test.catchUp...)
					got = append(got, b.read()...)
				}
				assert.Equal(t, test.want, got)
			})
		})
	}
}
