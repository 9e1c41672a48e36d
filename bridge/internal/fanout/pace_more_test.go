package fanout_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/internal/fanout"
	"github.com/grpcsse/grpcsse/bridge/internal/pump"
	"github.com/grpcsse/grpcsse/bridge/internal/replay"
)

// Rounds go on while a stream has no subscriber. The first one that comes gets what there is, and does not wait for the next event.
func TestEventsThatComeWhileNobodyListens(t *testing.T) {
	s := paced(true)
	s.LateJoin.Mode = fanout.All
	inWorld(t, s, func(w *world) {
		c, up := w.live()
		c.Close()
		require.NoError(t, up.send("0#0", "1~x#1", "2~x#2"))
		after(30 * ms)
		p := w.page(fanout.Newcomer{})
		after(0)
		assert.Equal(t, []string{"0s [0 2]"}, p.news())
		require.NoError(t, up.send("3~x#3"))
		after(time.Second)
		assert.Equal(t, []string{"70ms [3]"}, p.news())
	})
}

// An event that another one replaces is no event that a client lacks, and an event that waits for its round is not late.
func TestTheLagOfAPace(t *testing.T) {
	inPacedWorld(t, paced(true), func(w *world, _ *page, up *attempt) {
		came := time.Now()
		c := w.join(fanout.Newcomer{})
		c.read()
		after(time.Second)
		require.NoError(t, up.send("0#0", "1~x#1", "2~x#2", "3~y#3"))
		first := time.Now()
		pieces, _ := c.Peek(nil, testLimit)
		require.Len(t, pieces, 1)
		assert.Equal(t, pump.Lag{Received: first}, c.Lag(came), "the others are not shown yet")
		c.Advance(1)
		after(150 * ms)
		pieces, _ = c.Peek(nil, 1)
		require.Len(t, pieces, 1)
		assert.Equal(t, pump.Lag{Received: first.Add(100 * ms), Behind: 1}, c.Lag(came))
		assert.Equal(t, 1, c.Advance(1))
		assert.Equal(t, []string{"3"}, c.read())
	})
}

// What a client lacks are bytes of events that it was given. In the log, each of these stands for several.
func TestAClientLacksMoreOfTheLogThanItWasGiven(t *testing.T) {
	s := paced(true)
	s.Bounds = replay.Bounds{Events: 1000}
	overdue := func(lacks int) (is bool) {
		inPacedWorld(t, s, func(w *world, _ *page, up *attempt) {
			c := w.join(fanout.Newcomer{})
			c.read()
			for range 60 {
				for range 10 {
					require.NoError(t, up.send("e~x#e"))
				}
				after(100 * ms)
				c.read()
			}
			c.Subscriber.Overdue(0, true) // it has caught up
			is = c.Subscriber.Overdue(lacks, true)
		})
		return is
	}
	assert.False(t, overdue(40), "400 of the log")
	assert.True(t, overdue(55), "550 of the log, which is more than half")
}

// The followers of a replica have a pace of their own, and get every event of the log.
func TestAPaceHoldsUpNoReplica(t *testing.T) {
	inCluster(t, 2, paced(true), func(all []*replica) {
		owner, other := all[0], all[1]
		_, b, up := twoReplicas(t, all)
		calls := 0
		defer owner.seat().Watch(func() { calls++ })()
		at := owner.seat().Place()
		b.read()
		after(time.Second)
		require.NoError(t, up.send("6~x#6"))
		require.NoError(t, up.send("7~x#7"))
		require.NoError(t, up.send("8~x#8"))
		assert.Equal(t, 3, calls, "for each event")
		page := owner.seat().Page(at, testLimit)
		require.Len(t, page.Events, 3, "with those that newer ones replace")
		require.True(t, other.seat().Take(carried(page)))
		assert.Equal(t, []string{"8"}, b.read())
		require.NoError(t, up.send("9~x#9", "10~x#10"))
		other.pull(owner)
		assert.Empty(t, b.read(), "its own pace")
		after(100 * ms)
		assert.Equal(t, []string{"10"}, b.read())
	})
}

// What a browser catches up has the pace of its stream, and of each subject only the newest.
func TestCatchingUpHasThePace(t *testing.T) {
	for newest, want := range map[bool][]string{
		false: {"0s [1]", "100ms [2 3 4]", "200ms [5 6]", "250ms [7 8]", "300ms [9 10]"},
		true:  {"0s [1]", "100ms [2 4]", "200ms [6]", "250ms [7 8]", "300ms [10]"}, // 7 is the last one before the log
	} {
		s := paced(newest)
		s.CatchUps = 1
		inWorld(t, s, func(w *world) {
			_, up := w.live()
			require.NoError(t, up.send("100#100")) // so that its ids are sure
			after(time.Second)
			p := w.page(from("0"))
			beside := w.upstream.next()
			require.NotNil(t, beside)
			beside.accept()
			require.NoError(t, beside.send("1~x#1", "2~y#2", "3~x#3"))
			after(50 * ms)
			require.NoError(t, beside.send("4~x#4"))
			after(50 * ms)
			require.NoError(t, beside.send("5~x#5", "6~x#6"))
			after(100 * ms)
			require.NoError(t, up.send("7~x#7", "8~x#8"))
			after(50 * ms)
			require.Error(t, beside.send("7~x#7", "8~x#8"), "it has met the log")
			require.NoError(t, up.send("9~x#9", "10~x#10"))
			after(time.Second)
			assert.Equal(t, want, p.news())
		})
	}
}
