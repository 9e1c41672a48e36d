package pump

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/grpcsse/grpcsse/bridge/internal/ending"
)

// tour is a head whose topic changes as itinerary says: with the nth Peek to the topic that the nth letter names, or not at all
// where it is a dot. The first topic is "a".
type tour struct {
	*head
	topics map[byte]*tape
}

func newTour(itinerary string) *tour {
	t := &tour{head: &head{tape: new(tape)}, topics: map[byte]*tape{'a': new(tape), '.': nil}}
	t.topic = t.topics['a']
	for _, name := range []byte(itinerary) {
		if _, ok := t.topics[name]; !ok {
			t.topics[name] = new(tape)
		}
		t.head.topics = append(t.head.topics, t.topics[name])
	}
	return t
}

// watched checks that the present topic has so many watches, and every other one none.
func (t *tour) watched(watches int) error {
	now := t.Topic()
	for name, topic := range t.topics {
		want := 0
		if topic == now {
			want = watches
		}
		if topic != nil && topic.watches() != want {
			return fmt.Errorf("topic %c has %d watches and not %d", name, topic.watches(), want)
		}
	}
	return nil
}

// ringLate makes the calls of all topics that may have begun before the watches ended.
func (t *tour) ringLate() {
	for _, topic := range t.topics {
		if topic != nil {
			topic.ringLate()
		}
	}
}

func itineraries() map[string]string {
	return map[string]string{
		"it stays":                 "",
		"at once":                  "b",
		"at the second peek":       ".b",
		"later":                    "......b",
		"at each peek":             "bcdefghijklmnop",
		"and back":                 "ba",
		"and back later":           ".b....a",
		"and to and fro":           "bababababababab",
		"to the same one":          "aaa",
		"one by one with an event": "...b..c..d..e",
	}
}

// Each event rings the present topic only.
func TestThePumpFollowsATopicThatChanges(t *testing.T) {
	for name, itinerary := range itineraries() {
		for _, withholds := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, withholds: %v", name, withholds), func(t *testing.T) {
				eachKind(t, func(t *testing.T, start serve) {
					cur := newTour(itinerary)
					cur.withholds = withholds
					c := start(t, newClient(), cur, patience())
					for i := range 20 {
						synctest.Wait()
						require.NoError(t, cur.watched(1))
						require.Equal(t, i, strings.Count(c.text(), "<"), "every event was written at once")
						cur.put(fmt.Sprintf("<%d>", i))
						time.Sleep(time.Second)
					}
					cur.finish(End{Ending: because("upstream"), Frame: []byte("end")})
					assert.Equal(t, ending.Reason("upstream"), c.outcome().Reason)
					assert.Regexp(t, `\A:\n<0>.*<19>end\z`, strings.ReplaceAll(c.text(), "><", "> <"))
					assert.NoError(t, cur.watched(0))
				})
			})
		}
	}
}

// What comes before the new topic is watched rings nothing that the pump hears. So the pump peeks once more, also where the cursor is
// drained.
func TestNothingIsLostBetweenAPeekAndTheWatchOfANewTopic(t *testing.T) {
	eachKind(t, func(t *testing.T, start serve) {
		cur := newTour("bc")
		for _, name := range []byte("bc") {
			cur.topics[name].watching = func() { cur.put(string(name)) }
		}
		c := start(t, newClient(), cur, patience())
		synctest.Wait()
		assert.Equal(t, ":\nbc", c.text())
		c.leave()
		c.outcome()
	})
}

func TestTheTopicOfABlockedClientMayChange(t *testing.T) {
	eachKind(t, func(t *testing.T, start serve) {
		cur := newTour("..b")
		c := start(t, newClient(), cur, patience())
		synctest.Wait()
		c.setRoom(1)
		cur.put("first") // the client takes a part of it
		synctest.Wait()
		cur.put("second") // rings the topic that the loop, or Run, can know
		synctest.Wait()
		c.setRoom(-1)
		synctest.Wait()
		assert.Equal(t, ":\nfirstsecond", c.text())
		assert.NoError(t, cur.watched(1))
		cur.put("third")
		synctest.Wait()
		assert.Equal(t, ":\nfirstsecondthird", c.text())
		c.leave()
		c.outcome()
		assert.NoError(t, cur.watched(0))
	})
}

// An overdue client is found out by the calls of its present topic.
func TestAnOverdueClientIsCutOffAfterItsTopicHasChanged(t *testing.T) {
	eachKind(t, func(t *testing.T, start serve) {
		cur := newTour("..b")
		cur.slack = 3
		running := start(t, newClient(), cur, patience())
		time.Sleep(time.Second)
		running.setRoom(0)
		for range 10 {
			cur.put("data: 1\n\n")
			synctest.Wait()
		}
		require.Equal(t, cur.topics['b'], cur.Topic())
		time.Sleep(OverduePatience)
		cur.put("data: 1\n\n")
		assert.Equal(t, ending.BySlow, running.outcome().Reason)
		assert.Equal(t, time.Second+OverduePatience, time.Since(running.began))
		assert.NoError(t, cur.watched(0))
	})
}

// A call of a topic may have begun before the watch ended, and go on after that.
func TestALateCallOfAnOldTopicDoesNoHarm(t *testing.T) {
	eachKind(t, func(t *testing.T, start serve) {
		cur := newTour("bc")
		c := start(t, newClient(), cur, patience())
		synctest.Wait()
		cur.ringLate()
		synctest.Wait()
		cur.put("first")
		synctest.Wait()
		c.leave()
		c.outcome()
		cur.ringLate()
		synctest.Wait()
		assert.Equal(t, ":\nfirst", c.text())
		assert.NoError(t, cur.watched(0))
	})
}

// journey is what happens to one client. It is drawn first, because rapid must not fail in a bubble.
type journey struct {
	itinerary string
	withholds bool
	room      int
	maxAge    time.Duration
	steps     []journeyStep
	drainAt   int  // the step before which a drain begins; -1 is none
	leaveAt   int  // the step before which the client leaves, whatever it has taken; -1 is none
	leaves    bool // the client leaves at the end, once it has all; else the stream ends
}

type journeyStep struct {
	what string
	n    int
}

func drawJourney(t *rapid.T) journey {
	seldom := rapid.OneOf(rapid.Just(-1), rapid.Just(-1), rapid.Just(-1), rapid.IntRange(0, 59))
	letters := rapid.SliceOfN(rapid.SampledFrom([]byte("....abc")), 0, 40)
	return journey{
		itinerary: string(letters.Draw(t, "itinerary")),
		withholds: rapid.Bool().Draw(t, "withholds"),
		room:      rapid.IntRange(-1, 20).Draw(t, "room"),
		maxAge:    rapid.SampledFrom([]time.Duration{0, time.Minute}).Draw(t, "age"),
		steps: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) journeyStep {
			return journeyStep{
				rapid.SampledFrom([]string{"put", "put", "take", "wait", "late"}).Draw(t, "what"),
				rapid.IntRange(0, 60).Draw(t, "n"),
			}
		}), 1, 60).Draw(t, "steps"),
		drainAt: seldom.Draw(t, "drain"),
		leaveAt: seldom.Draw(t, "leave"),
		leaves:  rapid.Bool().Draw(t, "leaves"),
	}
}

// run serves the client, and returns what was wrong.
func (j journey) run(t *testing.T, start serve) error {
	cur, s, begun := newTour(j.itinerary), patience(), make(chan struct{})
	cur.withholds = j.withholds
	s.Drain, s.DrainEnd = begun, End{Ending: because("drain"), Frame: []byte("drain\n")}
	s.MaxAge, s.AgeEnd = j.maxAge, End{Ending: because("max_age"), Frame: []byte("old\n")}
	s.DrainBy = func() time.Time { return time.Now().Add(5 * time.Second) }
	client := newClient()
	client.room = j.room
	c := start(t, client, cur, s)
	for i, step := range j.steps {
		if i == j.drainAt {
			close(begun)
		}
		if i == j.leaveAt {
			c.leave()
			c.outcome()
			return errors.Join(cur.watched(0), orderly(c.text(), len(cur.pieces)))
		}
		step.take(cur, c)
	}
	c.setRoom(-1)
	synctest.Wait()
	shown, pieces := c.text(), len(cur.pieces)
	if j.leaves {
		c.leave()
	} else {
		cur.finish(End{Ending: because("upstream"), Frame: []byte("end\n")})
	}
	late := time.AfterFunc(time.Minute, c.leave) // without an end, heartbeats would go on for ever
	out := c.outcome()
	if !late.Stop() {
		return fmt.Errorf("the stream does not end: %q of %d events", c.text(), pieces)
	}
	if err := cur.watched(0); err != nil {
		return err
	}
	if out.Reason == ending.ByGone && pieces > 0 && !strings.Contains("\n"+shown, fmt.Sprintf("\n%d\n", pieces-1)) {
		return fmt.Errorf("%d events, but the client has %q before it leaves", pieces, shown)
	}
	if !slices.Contains([]ending.Reason{ending.ByGone, ending.BySlow, "upstream", "drain", "max_age"}, out.Reason) {
		return fmt.Errorf("the outcome is %+v", out)
	}
	return orderly(c.text(), pieces)
}

func (s journeyStep) take(cur *tour, c served) {
	switch s.what {
	case "put":
		for range s.n {
			cur.put(fmt.Sprintf("%d\n", len(cur.pieces)))
		}
	case "take":
		c.setRoom(s.n - 1)
	case "wait":
		time.Sleep(time.Duration(s.n) * 100 * time.Millisecond)
	case "late":
		cur.ringLate()
	}
	if s.n%2 == 0 {
		synctest.Wait()
	}
}

func TestWhateverTopicsACursorHasItsClientGetsAll(t *testing.T) {
	for name, start := range map[string]serve{"run": serveByRun, "parked": serveParked} {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) {
				j := drawJourney(rt)
				err := errors.New("the test has ended early")
				synctest.Test(t, func(t *testing.T) { err = j.run(t, start) })
				if err != nil {
					rt.Fatal(err)
				}
			})
		})
	}
}

// A cursor that is drained when a write cuts a piece is not drained any more when the rest is written: what came in between was told while
// the client was blocked.
func TestWhatComesWhileAPieceIsCutFollowsIt(t *testing.T) {
	eachKind(t, func(t *testing.T, start serve) {
		cur := newTour("")
		c := start(t, newClient(), cur, patience())
		synctest.Wait()
		for _, piece := range []string{"first", "second"} {
			c.setRoom(1)
			cur.put(piece)
			synctest.Wait()
			cur.put("behind " + piece)
			synctest.Wait()
			c.setRoom(-1)
			synctest.Wait()
		}
		assert.Equal(t, ":\nfirstbehind firstsecondbehind second", c.text())
		c.leave()
		c.outcome()
	})
}

// A pump that has written all looks once more, so that the cursor can give memory back. It does not where the cursor knows that nothing
// follows.
func TestADrainedCursorIsNotAskedAgain(t *testing.T) {
	eachKind(t, func(t *testing.T, start serve) {
		cur := newTour("")
		c := start(t, newClient(), cur, patience())
		for _, peeks := range []int{1, 2} {
			synctest.Wait()
			cur.blind = peeks > 1
			before := cur.peeks
			cur.put("a")
			synctest.Wait()
			assert.Equal(t, peeks, cur.peeks-before)
		}
		assert.Equal(t, ":\naa", c.text())
		c.leave()
		c.outcome()
	})
}
