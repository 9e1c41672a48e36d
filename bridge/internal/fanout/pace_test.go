package fanout_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/internal/fanout"
	"github.com/grpcsse/grpcsse/bridge/internal/pump"
	"github.com/grpcsse/grpcsse/bridge/internal/reading"
	"github.com/grpcsse/grpcsse/bridge/internal/replay"
)

const ms = time.Millisecond

// paced returns settings with a pace of 100 ms.
func paced(newest bool) fanout.Settings {
	return fanout.Settings{
		HasID: true, Resumes: true, LateJoin: fanout.LateJoin{Mode: fanout.None},
		Pace: fanout.Pace{Every: 100 * ms, Newest: newest},
	}
}

// page reads whenever it is called, as a pump does, and notes what it was given when.
type page struct {
	*client
	began time.Time

	mu   sync.Mutex
	log  []string // each with the time, such as "100ms [b c]"
	at   []time.Time
	gave [][][]string // what each Peek gave, for each of log
	all  []string     // without the times
	last int          // how many of log were told
}

// page has a subscriber come that reads whenever it is called. It is closed with the world.
func (w *world) page(n fanout.Newcomer) *page { return watched(w.t, w.join(n)) }

func watched(t *testing.T, c *client) *page {
	p := &page{client: c, began: time.Now()}
	called := make(chan struct{}, 1)
	f := pump.NewFollower(c.Subscriber, func() { ring(called) })
	ring(called)
	gone := make(chan struct{})
	t.Cleanup(func() { close(gone) })
	go func() {
		defer f.Stop()
		for {
			select {
			case <-gone:
				return
			case <-called:
				p.take()
				f.Follow()
			}
		}
	}()
	return p
}

// take notes what the page is given.
func (p *page) take() {
	p.mu.Lock()
	defer p.mu.Unlock()
	var gave [][]string
	for more := true; more; {
		var got []string
		got, more = p.readOnce()
		gave = append(gave, got)
	}
	if got := slices.Concat(gave...); len(got) > 0 {
		now := time.Now()
		p.log = append(p.log, fmt.Sprint(now.Sub(p.began), " ", got))
		p.at, p.all, p.gave = append(p.at, now), append(p.all, got...), append(p.gave, gave)
	}
}

// news returns what the page was given since the last call of news.
func (p *page) news() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	news := p.log[p.last:]
	p.last = len(p.log)
	return news
}

// inPacedWorld runs a test with a page that has come to a stream with a pace.
func inPacedWorld(t *testing.T, s fanout.Settings, test func(w *world, p *page, up *attempt)) {
	t.Helper()
	inWorld(t, s, func(w *world) {
		_, up := w.live()
		after(time.Second) // of settling
		p := w.page(fanout.Newcomer{})
		after(0)
		p.news()
		test(w, p, up)
	})
}

// both runs a test with and without a subject whose newest event alone counts.
func both(t *testing.T, test func(t *testing.T, newest bool)) {
	t.Run("all events", func(t *testing.T) { test(t, false) })
	t.Run("newest of each subject", func(t *testing.T) { test(t, true) })
}

func TestALoneEventGoesAtOnce(t *testing.T) {
	both(t, func(t *testing.T, newest bool) {
		inPacedWorld(t, paced(newest), func(_ *world, p *page, up *attempt) {
			require.NoError(t, up.send("a~x#1"))
			assert.Equal(t, []string{"0s [a]"}, p.news())
			after(100 * ms)
			require.NoError(t, up.send("b~x#2"))
			after(250 * ms)
			require.NoError(t, up.send("c~x#3"))
			assert.Equal(t, []string{"100ms [b]", "350ms [c]"}, p.news())
		})
	})
}

func TestWhatComesBetweenTwoRoundsIsOneRound(t *testing.T) {
	for newest, rounds := range map[bool][]string{
		false: {"0s [a]", "100ms [b c d e]", "200ms [f]"},
		true:  {"0s [a]", "100ms [c d e]", "200ms [f]"},
	} {
		inPacedWorld(t, paced(newest), func(_ *world, p *page, up *attempt) {
			require.NoError(t, up.send("a~x#1"))
			after(10 * ms)
			require.NoError(t, up.send("b~x#2", "c~y#3"))
			after(80 * ms)
			assert.Empty(t, p.read(), "although it asks")
			require.NoError(t, up.send("d#4", "e~x#5"))
			after(60 * ms)
			require.NoError(t, up.send("f~x#6"))
			after(time.Second)
			assert.Equal(t, rounds, p.news())
			assert.Equal(t, "6", p.lastID)
		})
	}
}

// What is left out is said by the page's id too: a page that comes back behind it gets none of it.
func TestAPlacePassesWhatWasLeftOut(t *testing.T) {
	var superseded int
	inPacedWorld(t, paced(true), func(w *world, p *page, up *attempt) {
		w.registry.Hooks.Superseded = func(_ string, n int) { superseded += n }
		require.NoError(t, up.send("0#0", "1~x#1", "2~x#2", "3~y#3", "4~x#4", "5#5"))
		after(100 * ms)
		assert.Equal(t, []string{"0s [0]", "100ms [3 4 5]"}, p.news())
		assert.Empty(t, w.join(from("5")).read())
		assert.Equal(t, []string{"3", "4", "5"}, w.join(from("1")).read(), "its own round, whatever it had before")
		assert.Equal(t, []string{"4", "5"}, w.join(from("3")).read())
	})
	assert.Equal(t, 3, superseded, "two of the page, and one of the second that came back")
}

// A newcomer does not wait for the next round. It gets what there is at once, and then each round.
func TestWhoComesInTheMiddleOfARound(t *testing.T) {
	for name, tt := range map[string]struct {
		late fanout.LateJoinMode
		id   string
		want []string
	}{
		"latest":        {fanout.Latest, "", []string{"0s [3]", "50ms [4]"}},
		"all":           {fanout.All, "", []string{"0s [0 2 3]", "50ms [4]"}},
		"none":          {fanout.None, "", []string{"0s [cursor: {}]", "50ms [4]"}},
		"resumed":       {fanout.None, "0", []string{"0s [2 3]", "50ms [4]"}},
		"resumed later": {fanout.None, "2", []string{"0s [3]", "50ms [4]"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := paced(true)
			s.LateJoin.Mode = tt.late
			inPacedWorld(t, s, func(w *world, p *page, up *attempt) {
				require.NoError(t, up.send("0#0", "1~x#1", "2~x#2", "3~y#3"))
				after(50 * ms)
				p.news()
				late := w.page(fanout.Newcomer{LastEventID: tt.id})
				after(20 * ms)
				require.NoError(t, up.send("4~z#4"))
				after(time.Second)
				assert.Equal(t, tt.want, late.news())
				assert.Equal(t, []string{"100ms [2 3 4]"}, p.news())
			})
		})
	}
}

func TestAnEndIsNotHeldUp(t *testing.T) {
	for newest, want := range map[bool][]string{false: {"10ms [1 2 end: over]"}, true: {"10ms [2 end: over]"}} {
		inPacedWorld(t, paced(newest), func(_ *world, p *page, up *attempt) {
			require.NoError(t, up.send("0#0", "1~x#1", "2~x#2"))
			after(10 * ms)
			assert.Equal(t, []string{"0s [0]"}, p.news())
			up.end(reading.Over, "over")
			assert.Equal(t, want, p.news())
		})
	}
}

// The end of one browser's stream is none of the stream, such as that of its age.
func TestACursorThatIsHurriedHoldsNothingBack(t *testing.T) {
	inPacedWorld(t, paced(true), func(w *world, _ *page, up *attempt) {
		c := w.join(fanout.Newcomer{})
		c.read()
		require.NoError(t, up.send("0#0", "1~x#1", "2~x#2"))
		assert.Equal(t, []string{"0"}, c.read())
		c.Hurry()
		assert.Equal(t, []string{"2"}, c.read())
	})
}

// While the upstream is gone no event follows, and an upstream that cannot resume begins a log that lacks what waits.
func TestWhatWaitsIsGivenWhenTheUpstreamBreaks(t *testing.T) {
	s := paced(false)
	s.Pace.Every = time.Minute
	inPacedWorld(t, s, func(w *world, p *page, up *attempt) {
		require.NoError(t, up.send("0#0", "1#1"))
		after(10 * ms)
		up.end(reading.Broken, "broken")
		assert.Equal(t, []string{"0s [0]", "10ms [1]"}, p.news())
		after(reading.StaleAfter)
		assert.Contains(t, fmt.Sprint(p.news()), "stale:", "a notice is not held up")
		w.newest().accept()
		assert.Contains(t, fmt.Sprint(p.news()), "live:")
	})
}

func TestANewEpochIsNotHeldUp(t *testing.T) {
	s := paced(false)
	s.Resumes, s.Pace.Every = false, time.Minute
	inPacedWorld(t, s, func(w *world, p *page, up *attempt) {
		require.NoError(t, up.send("0#0", "1#1"))
		up.end(reading.Broken, "broken")
		next := w.newest()
		next.accept()
		assert.Contains(t, fmt.Sprint(p.news()), `reset: epoch "1"`)
		require.NoError(t, next.send("2#2", "3#3"))
		assert.Empty(t, p.news(), "a new epoch is no reason to give events sooner")
		after(time.Minute)
		assert.Contains(t, fmt.Sprint(p.news()), "[2 3]")
	})
}

// A slow subscriber reads several rounds at once, and has the newest of each subject of them all.
func TestASlowSubscriberReadsRoundsAtOnce(t *testing.T) {
	for newest, want := range map[bool][]string{
		false: {"0", "1", "2", "3", "4", "5"}, true: {"0", "4", "5"},
	} {
		inPacedWorld(t, paced(newest), func(w *world, _ *page, up *attempt) {
			c := w.join(fanout.Newcomer{})
			c.read()
			for _, round := range [][]string{{"0#0", "1~x#1"}, {"2~y#2", "3~x#3"}, {"4~y#4"}, {"5~x#5"}} {
				require.NoError(t, up.send(round...))
				after(100 * ms)
			}
			require.NoError(t, up.send("6~x#6"))
			assert.Equal(t, want, c.read(), "without the one that waits for the next round")
		})
	}
}

// A log that is short for its pace gives its events earlier, and loses none.
func TestWhatWaitsDoesNotLeaveTheLog(t *testing.T) {
	for events := 1; events < 20; events++ {
		s := paced(false)
		s.Bounds, s.Pace.Every = replay.Bounds{Events: events}, time.Hour
		inPacedWorld(t, s, func(_ *world, p *page, up *attempt) {
			var want []string
			for i := range 50 {
				text := fmt.Sprint(i)
				want = append(want, text)
				require.NoError(t, up.send(text+"#"+text))
			}
			after(2 * time.Hour)
			p.mu.Lock()
			defer p.mu.Unlock()
			assert.Equal(t, want, p.all[len(p.all)-50:], "a log of %d events", events)
		})
	}
	s := paced(false)
	s.Bounds, s.Pace.Every = replay.Bounds{Age: 4 * time.Second}, time.Hour
	inPacedWorld(t, s, func(_ *world, p *page, up *attempt) {
		require.NoError(t, up.send("0#0", "1#1"))
		after(time.Minute)
		assert.Equal(t, []string{"0s [0]", "1s [1]"}, p.news(), "a quarter of the age of the log")
	})
}
