package pump

import (
	"fmt"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// gathering is a writer that notes how many flights it writes at a time.
type gathering struct {
	oneByOne

	sizes []int
}

func (w *gathering) write(flights []flight) {
	w.sizes = append(w.sizes, len(flights))
	w.oneByOne.write(flights)
}

// forgot fails where the flights of a loop keep what they carried.
func (r *rig) forgot(t require.TestingT) {
	require.Zero(t, r.flights.begun)
	for i := range r.flights.all {
		f := &r.flights.all[i]
		require.Nil(t, f.p, "flight %d", i)
		for _, kept := range [][][]byte{f.batch.memory[:cap(f.batch.memory)], f.batch.pieces[:cap(f.batch.pieces)]} {
			for _, piece := range kept {
				require.Nil(t, piece, "flight %d", i)
			}
		}
	}
}

// newTogether returns a rig whose flights are counted.
func newTogether() (*rig, *gathering) {
	r, w := newRig(), new(gathering)
	r.flights.writer = w
	return r, w
}

func TestVisitsAreWrittenTogether(t *testing.T) {
	r, w := newTogether()
	s := &Settings{Comment: []byte(":\n"), Heartbeat: 15 * time.Second, DrainEnd: End{Ending: because("drain"), Frame: []byte("end\n")}}
	sizes := func() []int {
		got := w.sizes
		w.sizes = nil
		return got
	}
	events := new(tape)
	guests := crowd(r, 150, events, s)
	assert.Equal(t, []int{64, 64, 22}, sizes(), "openings")
	events.put("a\n")
	r.settle()
	assert.Equal(t, []int{64, 64, 22}, sizes(), "an event")
	r.pass(16 * time.Second)
	assert.Equal(t, []int{64, 64, 22}, sizes(), "heartbeats")
	for _, g := range guests {
		g.control.Say([]byte("word\n"))
	}
	r.settle()
	assert.Equal(t, []int{64, 64, 22}, sizes(), "blocks of the control")
	r.inbox.put(func(m *mail) { m.draining = true }) // all at once
	r.pass(resolution)
	assert.Equal(t, []int{64, 64, 22}, sizes(), "ends")
	for _, g := range guests {
		assert.Equal(t, ":\na\n:\nword\nend\n", g.text())
	}
	r.forgot(t)
}

func TestConnectionsThatAreClosedAreWrittenToTogether(t *testing.T) {
	r, w := newTogether()
	events := new(tape)
	guests := crowd(r, 100, events, new(Settings))
	w.sizes = nil
	events.put("a")
	r.inbox.put(func(m *mail) { m.closing = true })
	r.settle()
	assert.Equal(t, []int{64, 36}, w.sizes)
	for _, g := range guests {
		assert.Equal(t, "a", g.text())
		assert.Len(t, g.outcomes, 1)
	}
}

// A visit looks once more after it has written, since that gives a producer room, unless the cursor knows that nothing follows. What
// it finds is written with what others have.
func TestAVisitGoesOnAfterItWasWritten(t *testing.T) {
	r, w := newTogether()
	long := new(tape)
	for range 10 {
		long.put(string(make([]byte, batchBytes)))
	}
	short := new(tape)
	short.put("a")
	behind := []*guest{r.join(long, new(Settings)), r.join(long, new(Settings))}
	others := []*guest{r.join(short, new(Settings)), r.join(short, new(Settings)), r.join(short, new(Settings))}
	others[0].cur.blind = true
	r.once()
	assert.Equal(t, []int{5, 2, 2, 2}, w.sizes)
	for i, g := range others {
		assert.Equal(t, "a", g.text())
		assert.Equal(t, []int{2, 1, 1}[i], g.cur.peeks)
	}
	r.settle()
	assert.Equal(t, []int{5, 2, 2, 2, 2, 2, 2, 2, 2, 2}, w.sizes)
	for _, g := range behind {
		assert.Len(t, g.text(), 10*batchBytes)
	}
	r.forgot(t)
}

// A group of few is met again while its members are visited.
func TestAClientThatIsMetTwiceInAStepIsVisitedOnce(t *testing.T) {
	r, w := newTogether()
	events := new(tape)
	guests := crowd(r, 3, events, new(Settings))
	w.sizes = nil
	for _, g := range r.groups {
		g.turn()
	}
	events.put("a") // a second round, which next begins in the same step
	r.once()
	assert.Equal(t, []int{3}, w.sizes)
	r.settle()
	for _, g := range guests {
		assert.Equal(t, "a", g.text())
	}
	events.put("b")
	r.settle()
	for _, g := range guests {
		assert.Equal(t, "ab", g.text())
	}
}

// What one flight ends must not touch the flights beside it.
func TestClientsThatBreakDoNotDisturbThoseBesideThem(t *testing.T) {
	r, _ := newTogether()
	events := new(tape)
	guests := crowd(r, 64, events, new(Settings))
	for i, g := range guests {
		if i%3 == 0 {
			g.broken = syscall.EPIPE
		}
	}
	events.put("a")
	r.settle()
	events.put("b")
	r.settle()
	for i, g := range guests {
		if i%3 == 0 {
			require.Len(t, g.outcomes, 1)
			continue
		}
		assert.Equal(t, "ab", g.text())
	}
	r.forgot(t)
}

func TestALargeBatchLeavesNoMemory(t *testing.T) {
	r, _ := newTogether()
	events := new(tape)
	for range 2 * maxPieces {
		events.put("a")
	}
	g := r.join(events, new(Settings))
	r.settle()
	assert.Len(t, g.text(), 2*maxPieces)
	for i := range r.flights.all {
		assert.LessOrEqual(t, cap(r.flights.all[i].batch.memory), keptBatchPieces)
	}
}

// inFlight returns a rig that has so many flights at once.
func inFlight(most int) *rig {
	r := newRig()
	r.flights.most = most
	return r
}

// act is a thing that happens to a loop.
type act struct {
	what     string
	who, n   int
	duration time.Duration
}

func drawActs(t *rapid.T) []act {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) act {
		return act{
			what:     rapid.SampledFrom([]string{"come", "put", "put", "take", "take", "leave", "break", "wait", "say", "end"}).Draw(t, "what"),
			who:      rapid.IntRange(0, 99).Draw(t, "who"),
			n:        rapid.IntRange(-1, 300).Draw(t, "n"),
			duration: time.Duration(rapid.Int64Range(0, int64(20*time.Second)).Draw(t, "time")),
		}
	}), 1, 80).Draw(t, "acts")
}

// play has the same things happen to a loop, and returns what each client got and how it ended.
func play(acts []act, r *rig) (got []string) {
	s := &Settings{Comment: []byte(":\n"), Heartbeat: 15 * time.Second, WriteTimeout: 10 * time.Second}
	tapes := []*tape{new(tape), new(tape)}
	var guests []*guest
	for _, a := range acts {
		events := tapes[a.who%2]
		var g *guest
		if len(guests) > 0 {
			g = guests[a.who%len(guests)]
		}
		switch {
		case a.what == "come":
			for range 1 + a.who%4 {
				joins := r.join(events, s)
				joins.room, joins.cur.blind = a.n, a.who%3 == 0
				guests = append(guests, joins)
			}
		case a.what == "put":
			for range 1 + a.who {
				events.put(fmt.Sprintf("%d\n", len(events.pieces)))
			}
		case a.what == "wait":
			r.pass(a.duration)
		case a.what == "end":
			events.finish(End{Ending: because("upstream"), Frame: []byte("end\n")})
			tapes[a.who%2] = new(tape)
		case g == nil || len(g.closed) > 0:
		case a.what == "take":
			g.setRoom(a.n)
		case a.what == "leave":
			g.leave(nil)
		case a.what == "break":
			g.mu.Lock()
			g.broken = writeError(syscall.EPIPE)
			g.mu.Unlock()
		case a.what == "say":
			g.control.Say([]byte("word\n"))
		}
		r.settle()
	}
	for _, g := range guests {
		got = append(got, fmt.Sprintf("%q %v %v", g.text(), g.closed, outcomes(g)))
	}
	return got
}

func outcomes(g *guest) (all []string) {
	for _, o := range g.outcomes {
		all = append(all, fmt.Sprint(o.Reason, o.Events, o.Bytes, o.Err, o.End != nil))
	}
	return all
}

func TestHoweverManyFlyTogetherClientsGetTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		acts := drawActs(t)
		alone, all := play(acts, inFlight(1)), play(acts, inFlight(rapid.IntRange(2, flightsAtOnce).Draw(t, "most")))
		if !slices.Equal(alone, all) {
			t.Fatalf("one by one: %v\ntogether:   %v", alone, all)
		}
	})
}
