package fanout_test

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/grpcsse/grpcsse/bridge/internal/fanout"
	"github.com/grpcsse/grpcsse/bridge/internal/reading"
	"github.com/grpcsse/grpcsse/bridge/internal/replay"
)

// pacePlan is what happens to a stream with a pace.
type pacePlan struct {
	settings fanout.Settings
	steps    []paceStep
}

// paceStep is a number of events with their subjects, and then one page that comes or goes, or reads at last, and then some time.
type paceStep struct {
	subjects []string
	what     string
	who      int
	wait     time.Duration
}

func drawPacePlan(t *rapid.T) pacePlan {
	p := pacePlan{settings: paced(rapid.Bool().Draw(t, "newest"))}
	p.settings.Bounds = replay.Bounds{Events: rapid.SampledFrom([]int{8, 40, 10_000}).Draw(t, "log")}
	step := rapid.Custom(func(t *rapid.T) paceStep {
		return paceStep{
			subjects: rapid.SliceOfN(rapid.SampledFrom([]string{"", "a", "b", "c"}), 0, 4).Draw(t, "events"),
			what:     rapid.SampledFrom([]string{"", "", "come", "go", "read"}).Draw(t, "what"),
			who:      rapid.IntRange(0, 2).Draw(t, "who"),
			wait:     time.Duration(rapid.SampledFrom([]int{0, 1, 10, 30, 99, 100, 101, 250}).Draw(t, "wait")) * ms,
		}
	})
	p.steps = rapid.SliceOfN(step, 5, 60).Draw(t, "steps")
	return p
}

// paceMachine is a stream, pages that read whenever they are called, and one that reads seldom.
type paceMachine struct {
	*world
	steps    []paceStep
	up       *attempt
	subjects []string // of the events that were sent, whose ids are their indices
	pages    [3]*page // nil while a page is not connected
	ids      [3]string
	since    [3]int // how many events there were when the page came
	checked  [3]int // how many of a page's events were compared
	slow     *client
	slowAt   int
}

// TestAnyPace compares what pages are given with what was sent. See [paceMachine.due].
func TestAnyPace(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		p := drawPacePlan(rt)
		var err error
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, fanout.NewRegistry(t.Context(), fanout.Limits{}), p.settings)
			m := &paceMachine{steps: p.steps, world: w}
			_, m.up = w.live()
			m.slow = w.join(fanout.Newcomer{})
			m.slow.read()
			err = m.run()
			w.close()
		})
		if err != nil {
			rt.Fatal(err)
		}
	})
}

func (m *paceMachine) run() error {
	for i, s := range m.steps {
		var events []string
		for _, subject := range s.subjects {
			n := strconv.Itoa(len(m.subjects))
			events = append(events, n+"~"+subject+"#"+n)
			m.subjects = append(m.subjects, subject)
		}
		err := m.up.send(events...)
		switch s.what {
		case "come":
			m.come(s.who)
		case "go":
			err = errors.Join(err, m.leave(s.who))
		case "read":
			err = errors.Join(err, m.readSlowly())
		}
		after(s.wait)
		if err = errors.Join(err, m.look(s.wait >= 100*ms)); err != nil {
			return fmt.Errorf("step %d, %v: %w", i, s, err)
		}
	}
	m.up.end(reading.Over, "over")
	for who, p := range m.pages {
		if p != nil && (len(p.all) == 0 || p.all[len(p.all)-1] != "end: over") {
			return fmt.Errorf("expected page %d to be told the end, found %q", who, p.log)
		}
	}
	return errors.Join(m.look(true), m.readSlowly())
}

// come has a page come with the id of its last event.
func (m *paceMachine) come(who int) {
	if m.pages[who] == nil {
		m.pages[who] = m.page(from(m.ids[who]))
		m.checked[who], m.since[who] = 0, len(m.subjects)
		synctest.Wait()
	}
}

func (m *paceMachine) leave(who int) error {
	p := m.pages[who]
	if p == nil {
		return nil
	}
	if err := m.compare(who); err != nil {
		return err
	}
	m.pages[who], m.ids[who] = nil, p.lastID
	p.Close()
	return nil
}

// look compares what the pages were given. quiet says that they must have everything.
func (m *paceMachine) look(quiet bool) error {
	for who, p := range m.pages {
		if p == nil {
			continue
		}
		if err := m.compare(who); err != nil {
			return fmt.Errorf("page %d, which was given %q: %w", who, p.log, err)
		}
		last := strconv.Itoa(len(m.subjects) - 1)
		if quiet && len(m.subjects) > m.since[who] && m.ids[who] != last {
			return fmt.Errorf("page %d: expected event %s after a quiet time, found %q", who, last, p.log)
		}
	}
	return nil
}

// spaced reports whether the log is long enough for all rounds to be 100 ms apart. The rounds of a short log may follow each other
// at once.
func (m *paceMachine) spaced() bool { return m.settings.Bounds.Events == 10_000 }

// compare compares the rounds of a page with what was sent.
func (m *paceMachine) compare(who int) error {
	p := m.pages[who]
	p.mu.Lock()
	defer p.mu.Unlock()
	rounds := p.log[m.checked[who]:]
	for i, round := range rounds {
		at := m.checked[who] + i
		if at > 1 && m.spaced() && !strings.Contains(round, "end: ") {
			if apart := p.at[at].Sub(p.at[at-1]); apart < 100*ms {
				return fmt.Errorf("two rounds are %v apart", apart)
			}
		}
		for _, given := range p.gave[at] { // a page that is called behind the second of two rounds may read each with a Peek
			if strings.Contains(strings.Join(given, " "), "reset: ") { // the short log has lost the page's id
				m.ids[who] = ""
			}
			last, err := m.due(m.ids[who], given)
			if err != nil {
				return err
			}
			m.ids[who] = last
		}
	}
	m.checked[who] = len(p.log)
	return nil
}

// due compares a round with what was sent behind an id: its events are in order, and an event is left out where the round has a
// newer one of the same subject, and nowhere else. It returns the last id.
func (m *paceMachine) due(behind string, round []string) (last string, err error) {
	next := -1 // a newcomer begins anywhere
	if behind != "" {
		next, _ = strconv.Atoi(behind)
		next++
	}
	var numbers []int
	for _, text := range round {
		if n, err := strconv.Atoi(text); err == nil {
			numbers = append(numbers, n)
		}
	}
	if len(numbers) == 0 {
		return behind, nil
	}
	if next < 0 {
		next = numbers[0]
	}
	for n := next; n <= numbers[len(numbers)-1]; n++ {
		given := slices.Contains(numbers, n)
		newer := slices.Contains(m.subjects[n+1:numbers[len(numbers)-1]+1], m.subjects[n]) && m.subjects[n] != ""
		switch {
		case !given && (!m.settings.Pace.Newest || !newer):
			return "", fmt.Errorf("event %d is left out of %v", n, numbers)
		case given && m.settings.Pace.Newest && newer:
			return "", fmt.Errorf("event %d is in %v, which has a newer one of its subject", n, numbers)
		}
	}
	if !slices.IsSorted(numbers) || numbers[0] < next {
		return "", fmt.Errorf("%v is not in order behind %q", numbers, behind)
	}
	return strconv.Itoa(numbers[len(numbers)-1]), nil
}

// readSlowly has the slow client read all that waits for it, unless it was too slow for the log.
func (m *paceMachine) readSlowly() error {
	if !m.spaced() {
		return nil
	}
	behind := ""
	if m.slowAt > 0 {
		behind = strconv.Itoa(m.slowAt - 1)
	}
	last, err := m.due(behind, m.slow.read())
	if n, e := strconv.Atoi(last); e == nil {
		m.slowAt = n + 1
	}
	return err
}
