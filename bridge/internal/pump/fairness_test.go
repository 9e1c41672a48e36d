package pump

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// crowd is many clients, and how often each of them was written to.
func crowd(r *rig, n int, events *tape, s *Settings) []*guest {
	guests := make([]*guest, 0, n)
	for range n {
		guests = append(guests, r.join(events, s))
	}
	r.settle()
	return guests
}

func writesTo(guests []*guest) (n int) {
	for _, g := range guests {
		n += len(g.seen())
	}
	return n
}

func TestABurstOfHeartbeatsDoesNotHoldUpAnEvent(t *testing.T) {
	r := newRig()
	beating := &Settings{Comment: []byte(":\n"), Heartbeat: 15 * time.Second}
	guests := crowd(r, 15_000, new(tape), beating)
	events := new(tape)
	lone := r.join(events, new(Settings))
	r.settle()
	before := writesTo(guests)
	r.at += 16 * time.Second // the heartbeats of all clients are due
	r.once()
	events.put("a")
	r.once()
	assert.Equal(t, "a", lone.text())
	assert.LessOrEqual(t, writesTo(guests)-before, 2*alarmsPerStep)
	r.settle()
	assert.Equal(t, 15_000, writesTo(guests)-before, "each client is written to")
}

func TestALargeTopicDoesNotHoldUpASmallOne(t *testing.T) {
	r, large, small := newRig(), new(tape), new(tape)
	guests := crowd(r, 5000, large, new(Settings))
	lone := r.join(small, new(Settings))
	r.settle()
	large.put("a")
	r.once()
	small.put("b")
	r.once()
	assert.Equal(t, "b", lone.text())
	assert.LessOrEqual(t, writesTo(guests), 2*turnsPerStep)
	for range 100 { // the large topic changes all the time
		large.put("c")
		r.once()
	}
	for _, g := range guests {
		require.NotEmpty(t, g.seen(), "every member has its visit")
	}
}

func TestALongBacklogDoesNotHoldUpOthers(t *testing.T) {
	r, log, events := newRig(), new(tape), new(tape)
	log.put(slices.Repeat([]string{"0123456789"}, 20_000)...)
	others := crowd(r, 100, events, new(Settings))
	behind := r.join(log, new(Settings))
	late := r.join(log, new(Settings))
	r.once()
	require.NotEmpty(t, late.seen())
	require.Less(t, len(behind.text()), 200_000, "it is not written all at once")
	written := len(behind.seen())
	events.put("a")
	r.once()
	assert.Equal(t, 100, writesTo(others))
	assert.LessOrEqual(t, len(behind.seen())-written, 2*writesPerVisit)
	r.settle()
	assert.Len(t, behind.text(), 200_000)
	assert.Len(t, late.text(), 200_000)
}

func TestManyClientsThatComeOrGoDoNotHoldUpAnEvent(t *testing.T) {
	r, events := newRig(), new(tape)
	lone := r.join(events, new(Settings))
	r.settle()
	guests := make([]*guest, 0, 5000)
	for range cap(guests) {
		guests = append(guests, r.join(new(tape), &Settings{Comment: []byte(":\n")}))
	}
	r.once()
	assert.LessOrEqual(t, writesTo(guests), arrivalsPerStep)
	events.put("a")
	r.once()
	assert.Equal(t, "a", lone.text())
	r.settle()
	assert.Equal(t, len(guests), writesTo(guests))

	for _, g := range guests {
		g.leave(nil)
	}
	r.once()
	events.put("b")
	r.once()
	assert.Equal(t, "ab", lone.text())
	assert.LessOrEqual(t, r.ended, 2*eventsPerStep)
	r.settle()
	assert.Equal(t, len(guests), r.ended)
}

func TestARoundReachesAllWhateverHappensMeanwhile(t *testing.T) {
	r, events := newRig(), new(tape)
	guests := crowd(r, 4*turnsPerStep, events, new(Settings))
	events.put("a")
	r.once()
	visited, waiting := apart(guests, 1)
	require.NotEmpty(t, visited)
	require.NotEmpty(t, waiting)
	for i := range 20 {
		visited[i*10].leave(nil)
		waiting[i*10].leave(nil)
	}
	r.settle()
	_, missed := apart(guests, 1)
	require.Len(t, missed, 20, "those that have left")

	events.put("b")
	r.once()
	events.put("c") // also for clients that have b already
	r.settle()
	for _, g := range guests {
		if len(g.closed) == 0 {
			require.Equal(t, "abc", g.text())
		}
	}
}

// A client whose topic changes leaves a round that is under way, and joins another one that is under way.
func TestARoundVisitsEachOnceAlthoughTopicsChange(t *testing.T) {
	r, events, other := newRig(), new(tape), new(tape)
	guests := crowd(r, 4*turnsPerStep, events, new(Settings))
	others := crowd(r, 4*turnsPerStep, other, new(Settings))
	for _, g := range slices.Concat(guests, others) {
		g.cur.peeks, g.cur.blind = 0, true
	}
	for i, g := range guests {
		if i%3 == 0 {
			g.cur.topics = []*tape{other}
		}
	}
	events.put("a")
	other.put("a")
	r.once()
	_, waiting := apart(guests, 1)
	require.NotEmpty(t, waiting)
	for i, g := range waiting[:60] {
		switch i % 3 {
		case 0: // moves before the round comes to it
			g.cur.topics = []*tape{other}
			r.stand(r.slots[g.key.slot])
		case 1:
			g.leave(nil)
		}
	}
	r.settle()
	for i, g := range slices.Concat(guests, others) {
		if len(g.closed) == 0 {
			require.Equal(t, "a", g.text(), "client %d", i)
			require.Equal(t, 2, g.cur.peeks, "client %d was visited once: one peek at the event, and one at nothing", i)
		}
	}
	other.put("b")
	r.settle()
	for i, g := range others {
		require.Equal(t, "ab", g.text(), "client %d", i)
		require.Equal(t, 4, g.cur.peeks, "client %d", i)
	}
}

// apart returns the clients that have so many bytes and those that have not.
func apart(guests []*guest, bytes int) (got, missed []*guest) {
	for _, g := range guests {
		if len(g.text()) >= bytes {
			got = append(got, g)
		} else {
			missed = append(missed, g)
		}
	}
	return got, missed
}
