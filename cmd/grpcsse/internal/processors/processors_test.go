package processors

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

// machine is a process on two processors, whose CPU time passes with the time of the test.
type machine struct {
	mu      sync.Mutex
	demand  float64       // how many processors its goroutines would use
	waiting int           // how many goroutines wait
	collect bool          // a long garbage collection is near
	gets    float64       // the share of one processor that other programs leave each of its processors, all where 0
	late    time.Duration // how much later than it should a look comes while one processor is used

	onTurn func(one bool) // called when the number of processors has changed
	seen   seen
	at     time.Time
	spent  time.Duration // an hour more than since the test began
}

// seen is what a machine has seen of its governor.
type seen struct {
	one   bool
	turns int // how often the number of processors has changed
	looks int
}

// pass has the CPU time catch up with the clock.
func (m *machine) pass() {
	most := 2.0
	if m.seen.one {
		most = 1
	}
	if m.gets > 0 {
		most *= m.gets
	}
	rate := min(m.demand, most)
	m.spent += time.Duration(rate * float64(time.Since(m.at)))
	m.at = time.Now()
}

// does has the machine do something else from now on.
func (m *machine) does(demand float64, waiting int) {
	m.change(func() { m.demand, m.waiting = demand, waiting })
}

func (m *machine) change(change func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.pass()
	change()
}

// delay returns how late a look is.
func (m *machine) delay() (late time.Duration) {
	m.change(func() {
		if m.seen.one {
			late = m.late
		}
	})
	return late
}

func (m *machine) saw() (saw seen) {
	m.change(func() { saw = m.seen })
	return saw
}

func (m *machine) process() Process {
	turn := func(one bool) {
		m.change(func() {
			m.seen.one = one
			m.seen.turns++
			if m.onTurn != nil {
				m.onTurn(one)
			}
		})
	}
	return Process{
		Spent: func() (spent time.Duration) {
			time.Sleep(m.delay())
			m.change(func() { m.seen.looks++; spent = m.spent })
			return spent
		},
		Waiting:  func() (waiting int) { m.change(func() { waiting = m.waiting }); return waiting },
		Collects: func() (collects bool) { m.change(func() { collects = m.collect }); return collects },
		UseOne:   func() { turn(true) },
		UseAll:   func() { turn(false) },
	}
}

// govern governs the processors of m in a bubble of time until test returns. wait lets time pass.
func govern(t *testing.T, m *machine, test func(t *testing.T, wait func(time.Duration), stop func())) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		m.at, m.spent = time.Now(), time.Hour
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			Govern(ctx, m.process())
		}()
		stop := func() { cancel(); <-ended }
		defer stop()
		synctest.Wait()
		test(t, func(d time.Duration) { time.Sleep(d); synctest.Wait() }, stop)
	})
}

func TestALongCollectionIsKnownBefore(t *testing.T) {
	const mib = 1 << 20
	for name, tt := range map[string]struct {
		heap
		want bool
	}{
		"after a collection":       {heap{live: 100 * mib, objects: 100 * mib, goal: 200 * mib}, false},
		"on the way to the next":   {heap{live: 100 * mib, objects: 164 * mib, goal: 200 * mib}, false},
		"near the next":            {heap{live: 100 * mib, objects: 166 * mib, goal: 200 * mib}, true},
		"more than the goal":       {heap{live: 100 * mib, objects: 210 * mib, goal: 200 * mib}, true},
		"less than was kept":       {heap{live: 100 * mib, objects: 90 * mib, goal: 200 * mib}, false},
		"a limit below the heap":   {heap{live: 100 * mib, objects: 100 * mib, goal: 90 * mib}, true},
		"no collector":             {heap{live: 100 * mib, objects: 500 * mib, goal: 1<<64 - 1}, false},
		"a heap that grows fast":   {heap{live: 4 * mib, objects: 700 * mib, goal: 1000 * mib}, true},
		"a short one is near":      {heap{live: 24 * mib, objects: 48*mib - 1, goal: 50 * mib}, false},
		"the shortest of the long": {heap{live: 24 * mib, objects: 48 * mib, goal: 50 * mib}, true},
	} {
		t.Run(name, func(t *testing.T) { assert.Equal(t, tt.want, tt.collects()) })
	}
}

func TestOneProcessorIsUsedWhereItSavesTimeAndIsEnough(t *testing.T) {
	for name, tt := range map[string]struct {
		machine *machine
		want    bool
	}{
		"nothing to do":        {&machine{}, false},
		"next to nothing":      {&machine{demand: 0.24}, false},
		"a little":             {&machine{demand: 0.26}, true},
		"enough for one":       {&machine{demand: 0.64}, true},
		"what may be too much": {&machine{demand: 0.66}, false},
		"two processors":       {&machine{demand: 1.9}, false},
		"a collection":         {&machine{demand: 0.4, collect: true}, false},
		"a goroutine waits":    {&machine{demand: 0.4, waiting: 1}, false},
		"others take the rest": {&machine{demand: 2, gets: 0.25, waiting: 5}, false},
	} {
		t.Run(name, func(t *testing.T) {
			govern(t, tt.machine, func(t *testing.T, wait func(time.Duration), _ func()) {
				assert.False(t, tt.machine.saw().one, "all are used at first")
				wait(100500 * time.Microsecond)
				assert.Equal(t, tt.want, tt.machine.saw().one)
				if !tt.want {
					wait(10 * time.Second)
					assert.Zero(t, tt.machine.saw().turns)
				}
			})
		})
	}
}

func TestThatOneProcessorIsTooFewIsNoticedWithinMilliseconds(t *testing.T) {
	for name, tt := range map[string]struct {
		before *machine
		demand float64
		wait   int
		within time.Duration // 0 for never
	}{
		"much to do":                     {&machine{}, 2, 3, 4 * time.Millisecond},
		"as much as one processor gives": {&machine{}, 1, 0, 4 * time.Millisecond},
		"nine tenths":                    {&machine{}, 0.91, 0, 4 * time.Millisecond},
		"less":                           {&machine{}, 0.89, 0, 0},
		"a throng":                       {&machine{}, 0.4, 256, time.Millisecond},
		"a crowd":                        {&machine{}, 0.4, 255, 5 * time.Millisecond},
		"the smallest crowd":             {&machine{}, 0.4, 128, 5 * time.Millisecond},
		"fewer that wait, for long":      {&machine{}, 0.4, 127, 16 * time.Millisecond},
		"others take most of the time":   {&machine{gets: 0.5}, 2, 3, 16 * time.Millisecond},
		"looks that come late":           {&machine{late: 20 * time.Millisecond}, 2, 3, 42 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			m := tt.before
			m.demand = 0.4
			govern(t, m, func(t *testing.T, wait func(time.Duration), _ func()) {
				wait(time.Second + 10*time.Microsecond)
				assert.Equal(t, 1, m.saw().turns)
				m.does(tt.demand, tt.wait)
				if tt.within == 0 {
					wait(10 * time.Second)
					assert.Equal(t, 1, m.saw().turns)
					return
				}
				wait(tt.within - 500*time.Microsecond)
				if m.late == 0 {
					assert.True(t, m.saw().one, "not after a moment")
				}
				wait(time.Millisecond)
				assert.False(t, m.saw().one)
				m.does(max(tt.demand, 1), tt.wait)
				wait(10 * time.Second)
				assert.Equal(t, 2, m.saw().turns, "as long as there is much to do")
				m.does(0.4, 0)
				wait(160 * time.Millisecond)
				assert.True(t, m.saw().one)
			})
		})
	}
}

// The goroutines that read the streams of one connection wait for a moment when it has brought many events.
func TestACrowdThatIsSoonGoneNeedsNoOtherProcessor(t *testing.T) {
	m := &machine{demand: 0.4}
	govern(t, m, func(t *testing.T, wait func(time.Duration), _ func()) {
		wait(time.Second + 10*time.Microsecond)
		for range 100 {
			m.does(0.4, 255)
			wait(4 * time.Millisecond)
			m.does(0.4, 0)
			wait(time.Millisecond)
		}
		assert.True(t, m.saw().one)
		assert.Equal(t, 1, m.saw().turns)
	})
}

func TestACrowdOfBeforeDoesNotCount(t *testing.T) {
	m := &machine{demand: 0.4}
	govern(t, m, func(t *testing.T, wait func(time.Duration), _ func()) {
		wait(time.Second + 10*time.Microsecond)
		m.does(0.4, 255)
		wait(5 * time.Millisecond)
		assert.False(t, m.saw().one)
		m.change(func() { m.onTurn = func(bool) { m.waiting = 255 } }) // another one, once one processor is used again
		m.does(0.4, 0)
		for m.saw().turns < 3 {
			wait(100 * time.Microsecond)
		}
		wait(4 * time.Millisecond)
		assert.True(t, m.saw().one)
		wait(time.Millisecond)
		assert.False(t, m.saw().one)
	})
}

func TestALongGarbageCollectionHasAllProcessors(t *testing.T) {
	m := &machine{demand: 0.4}
	govern(t, m, func(t *testing.T, wait func(time.Duration), _ func()) {
		wait(time.Second)
		assert.True(t, m.saw().one)
		m.change(func() { m.collect = true })
		wait(time.Millisecond)
		assert.False(t, m.saw().one)
		wait(time.Second)
		assert.False(t, m.saw().one)
		m.change(func() { m.collect = false })
		wait(51 * time.Millisecond)
		assert.True(t, m.saw().one)
		for range 10 { // another collection is not a sign that one processor is too few
			m.change(func() { m.collect = true })
			wait(2 * time.Millisecond)
			m.change(func() { m.collect = false })
			wait(51 * time.Millisecond)
			assert.True(t, m.saw().one)
		}
	})
}

func TestAProcessThatHasNothingToDoUsesAllProcessorsAgain(t *testing.T) {
	m := &machine{demand: 0.4}
	govern(t, m, func(t *testing.T, wait func(time.Duration), _ func()) {
		wait(time.Second)
		for range 20 { // a pause is not the end
			m.does(0, 0)
			wait(50 * time.Millisecond)
			m.does(0.4, 0)
			wait(150 * time.Millisecond)
		}
		assert.Equal(t, 1, m.saw().turns)
		m.change(func() { m.onTurn = func(bool) { m.demand = 0.4 } })
		m.does(0.14, 0)
		for m.saw().turns < 2 {
			wait(time.Millisecond)
		}
		wait(100 * time.Millisecond)
		assert.Equal(t, 2, m.saw().turns, "the next look is not soon")
		m.does(0.16, 0)
		wait(5 * time.Second)
		assert.Equal(t, 2, m.saw().turns)
		m.does(0.4, 0)
		wait(1001 * time.Millisecond)
		assert.Equal(t, 3, m.saw().turns)
		m.does(0.16, 0)
		wait(5 * time.Second)
		assert.Equal(t, 3, m.saw().turns)
	})
}

// Many browsers that come at once keep all processors busy for a moment. A look that has seen the end of it sees a share that would fit
// one processor.
func TestTheEndOfAMomentOfWorkIsNoSignThatOneProcessorIsEnough(t *testing.T) {
	for lasts := 10 * time.Millisecond; lasts < 100*time.Millisecond; lasts += 7 * time.Millisecond {
		m := &machine{demand: 0.4}
		govern(t, m, func(t *testing.T, wait func(time.Duration), _ func()) {
			wait(time.Second)
			assert.True(t, m.saw().one)
			m.does(0, 0)
			wait(450 * time.Millisecond) // and all processors are used again
			for range 20 {
				m.does(1.5, 0)
				wait(lasts)
				m.does(0, 0)
				wait(2*time.Second - lasts/3)
			}
			assert.Equal(t, 2, m.saw().turns, "work of %v", lasts)
		})
	}
}

// Streams that have their events at the same moment, and a short garbage collection, keep one processor busy for a while.
func TestAShortPieceOfWorkChangesNothing(t *testing.T) {
	for name, tt := range map[string]struct {
		demand  float64
		waiting int
		lasts   time.Duration
	}{
		"the processor is busy": {1, 50, 3 * time.Millisecond},
		"goroutines wait":       {0.5, 5, 15 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			m := &machine{demand: 0.4}
			govern(t, m, func(t *testing.T, wait func(time.Duration), _ func()) {
				wait(time.Second + 10*time.Microsecond)
				for range 100 {
					m.does(tt.demand, tt.waiting)
					wait(tt.lasts)
					m.does(0.4, 0)
					wait(10 * time.Millisecond)
				}
				assert.Equal(t, 1, m.saw().turns)
			})
		})
	}
}

func TestWhatWasFoundBeforeCountsNoMore(t *testing.T) {
	for name, tt := range map[string]struct {
		demand  float64
		waiting int
		lasts   time.Duration // what is not enough
	}{
		"the processor was busy": {1, 0, 3500 * time.Microsecond},
		"goroutines waited":      {0.5, 5, 15500 * time.Microsecond},
	} {
		t.Run(name, func(t *testing.T) {
			m := &machine{demand: 0.4}
			govern(t, m, func(t *testing.T, wait func(time.Duration), _ func()) {
				again := func(one bool) {
					if one {
						m.demand, m.waiting = tt.demand, tt.waiting
					}
				}
				m.change(func() { m.onTurn = again })
				wait(120 * time.Millisecond)
				assert.Equal(t, 2, m.saw().turns)
				m.does(0.4, 0)
				for m.saw().turns < 3 {
					wait(time.Millisecond)
				}
				wait(tt.lasts - time.Millisecond)
				assert.Equal(t, 3, m.saw().turns)
				wait(2 * time.Millisecond)
				assert.Equal(t, 4, m.saw().turns)
			})
		})
	}
}

// A shared stream with many browsers has much to do for a moment, at each of its events.
func TestWorkThatComesAgainAndAgainChangesLittle(t *testing.T) {
	m := &machine{demand: 0.3}
	govern(t, m, func(t *testing.T, wait func(time.Duration), _ func()) {
		work := func(times int) (turns int) {
			before := m.saw().turns
			for range times {
				m.does(1.5, 20)
				wait(10 * time.Millisecond)
				m.does(0.3, 0)
				wait(60 * time.Millisecond)
			}
			return m.saw().turns - before
		}
		work(40)
		assert.LessOrEqual(t, work(200), 36, "in fourteen seconds")
		wait(5 * time.Second)
		assert.True(t, m.saw().one)
		assert.GreaterOrEqual(t, work(1), 1)
		wait(60 * time.Millisecond)
		assert.True(t, m.saw().one, "that was long ago")
	})
}

func TestAtTheEndAllProcessorsAreUsed(t *testing.T) {
	for name, m := range map[string]*machine{"while one is used": {demand: 0.4}, "while all are used": {demand: 1.5}} {
		t.Run(name, func(t *testing.T) {
			govern(t, m, func(t *testing.T, wait func(time.Duration), stop func()) {
				wait(time.Second)
				turns := m.saw().turns
				stop()
				assert.False(t, m.saw().one)
				assert.Equal(t, 2*turns, m.saw().turns, "all are used again where one was, and nothing changes where all were")
			})
		})
	}
}

// A quiet time is not over at once where a look comes late, but no look is later than two seconds.
func TestAProcessThatWasQuietIsLookedAtInTime(t *testing.T) {
	for name, demand := range map[string]float64{"at once": 0.4, "after a little": 0.1} {
		t.Run(name, func(t *testing.T) {
			m := &machine{}
			govern(t, m, func(t *testing.T, wait func(time.Duration), _ func()) {
				wait(time.Hour)
				m.does(demand, 0)
				wait(2 * time.Second)
				m.does(0.4, 0)
				wait(time.Second)
				assert.True(t, m.saw().one)
				m.does(0, 0)
				wait(time.Second)
				before := m.saw().looks
				wait(time.Second)
				assert.InDelta(t, 2, m.saw().looks-before, 1, "the time between looks is short again at first")
			})
		})
	}
}

func TestALookIsRareWhereNothingDependsOnIt(t *testing.T) {
	for name, tt := range map[string]struct {
		machine *machine
		want    int // in ten seconds
	}{
		"nothing to do":  {&machine{}, 5},
		"a little to do": {&machine{demand: 0.03}, 20},
		"one is enough":  {&machine{demand: 0.4}, 10_000},
		"two have to do": {&machine{demand: 1.5}, 200},
		"a collection":   {&machine{demand: 0.4, collect: true}, 200},
	} {
		t.Run(name, func(t *testing.T) {
			govern(t, tt.machine, func(t *testing.T, wait func(time.Duration), _ func()) {
				wait(time.Second)
				before := tt.machine.saw().looks
				wait(10 * time.Second)
				assert.InDelta(t, tt.want, tt.machine.saw().looks-before, 1)
			})
		})
	}
}
