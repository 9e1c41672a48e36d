package pump

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/frame"
)

func revoked() *End {
	return &End{Ending: because("revoked"), Frame: []byte("data: revoked\n\n")}
}

func TestAControlEndsAStreamAtItsTime(t *testing.T) {
	for name, order := range map[string]func(c *Control, began time.Time){
		"once": func(c *Control, began time.Time) { c.EndAt(began.Add(5*time.Second), revoked()) },
		"the earliest first": func(c *Control, began time.Time) {
			c.EndAt(began.Add(5*time.Second), revoked())
			c.EndAt(began.Add(time.Minute), nil)
		},
		"the earliest last": func(c *Control, began time.Time) {
			c.EndAt(began.Add(time.Minute), nil)
			c.EndAt(began.Add(5*time.Second), revoked())
		},
	} {
		for _, before := range []bool{true, false} {
			t.Run(name, func(t *testing.T) {
				eachKind(t, func(t *testing.T, start serve) {
					c, events := newClient(), new(tape)
					began := time.Now()
					if before {
						order(&c.control, began)
					}
					s := start(t, c, &head{tape: events}, patience())
					synctest.Wait()
					if !before {
						order(&c.control, began)
					}
					time.Sleep(4 * time.Second)
					events.put("data: 1\n\n")
					out := s.outcome()
					assert.Equal(t, ending.Reason("revoked"), out.Reason)
					assert.Equal(t, 1, out.Events)
					assertWrites(t, []write{{0, ":\n"}, {4 * time.Second, "data: 1\n\n"}, {5 * time.Second, "data: revoked\n\n"}}, c.seen())
				})
			})
		}
	}
}

func TestAControlOfAStreamThatIsOverDoesNothing(t *testing.T) {
	eachKind(t, func(t *testing.T, start serve) {
		c, events := newClient(), new(tape)
		s := start(t, c, &head{tape: events}, patience())
		synctest.Wait()
		events.finish(End{Ending: because("upstream"), Frame: []byte("data: end\n\n")})
		s.outcome()
		c.control.EndAt(time.Now(), revoked())
		c.control.Say([]byte("data: word\n\n"))
		time.Sleep(time.Minute)
		assert.Equal(t, ":\ndata: end\n\n", c.text())
		assert.Equal(t, orders{}, *c.control.orders)
	})
}

func TestTheReconnectionTimeOfAnOrderedEndSuitsTheCursor(t *testing.T) {
	eachKind(t, func(t *testing.T, start serve) {
		c := newClient()
		end := revoked()
		end.RetryDelay = time.Minute
		c.control.EndAt(time.Now().Add(time.Second), end)
		start(t, c, &head{tape: new(tape), retry: 10 * time.Second}, patience()).outcome()
		assert.Regexp(t, `\A:\nretry: (8|9|10|11)\d{3}\ndata: revoked\n\n\z`, c.text())
		assert.Equal(t, time.Minute, end.RetryDelay, "the caller's end stays as it is")
	})
}

func TestAControlSaysABlockBetweenTwoEvents(t *testing.T) {
	eachKind(t, func(t *testing.T, start serve) {
		c, events := newClient(), new(tape)
		c.control.Say([]byte("data: early\n\n"))
		s, began := patience(), time.Now()
		s.Form = frame.Form{Chunked: true}
		s.Retry = 2 * time.Second
		events.put("first")
		served := start(t, c, &head{tape: events}, s)
		synctest.Wait()
		assert.Regexp(t, `\Ac\r\nretry: \d+\n\r\nfirstd\r\ndata: early\n\n\r\n\z`, c.text(),
			"the opening and the first event stay together")
		events.put("second")
		synctest.Wait()
		c.control.Say([]byte("data: a\n\n"))
		c.control.Say([]byte("data: b\n\n"))
		synctest.Wait()
		events.put("third")
		synctest.Wait()
		assert.Regexp(t, `(?s)second[0-9a-f]+\r\ndata: a\n\n.*data: b\n\n\r\nthird\z`, c.text())
		assert.Less(t, time.Since(began), time.Second)
		served.leave()
		assert.Equal(t, 3, served.outcome().Events, "a block of the control is no event")
	})
}

func TestAFormatWithoutCommentsHasNoPlaceForABlock(t *testing.T) {
	eachKind(t, func(t *testing.T, start serve) {
		c, events, s := newClient(), new(tape), patience()
		s.Mute = true
		served := start(t, c, &head{tape: events}, s)
		synctest.Wait()
		c.control.Say([]byte("data: word\n\n"))
		events.put("{}\n")
		synctest.Wait()
		assert.Equal(t, "{}\n", c.text())
		served.leave()
		served.outcome()
	})
}

// The client has room for a part of the block only, or for nothing. Nothing of the block is lost or written twice.
func TestABlockThatIsCutAnywhereStaysWhole(t *testing.T) {
	const block = "data: word\n\n"
	for room := range len(block) + 1 {
		r, events := newRig(), new(tape)
		g := r.join(events, &Settings{Comment: []byte(":\n")})
		r.settle()
		g.room = room
		g.control.Say([]byte(block))
		r.settle()
		events.put("event")
		r.settle()
		assert.Equal(t, ":\n"+(block + "event")[:room], g.text())
		g.setRoom(-1)
		r.settle()
		require.Equal(t, ":\n"+block+"event", g.text(), "cut after %d bytes", room)
		g.control.EndAt(time.Now(), revoked())
		r.settle()
		r.pass(time.Second)
		assert.Equal(t, ":\n"+block+"eventdata: revoked\n\n", g.text())
	}
}

func TestBlocksThatWaitAreBounded(t *testing.T) {
	r := newRig()
	g := r.join(new(tape), &Settings{Comment: []byte(":\n")})
	r.settle()
	g.room = 0
	for range 1_000 {
		g.control.Say([]byte("data: word\n\n"))
		r.settle()
	}
	assert.LessOrEqual(t, len(g.control.orders.words), maxWords)
	g.setRoom(-1)
	r.settle()
	assert.Greater(t, len(g.text()), maxWords/2)
	g.control.Say([]byte("data: more\n\n"))
	r.settle()
	assert.Contains(t, g.text(), "data: more\n\n")
}

// An order may come before the loop has read that the subscriber has arrived, and after the subscriber has left.
func TestAnOrderMayComeBeforeTheSubscriberAndAfterIt(t *testing.T) {
	r := newRig()
	var outcomes []Outcome
	g := newClient()
	g.inbox = r.inbox
	p := newParked(fakeSocket{g}, &head{tape: new(tape)}, patience(), func(o Outcome) { outcomes = append(outcomes, o) })
	p.control = new(Control)
	p.control.EndAt(time.Now(), revoked())
	r.step(r.at, &mail{orders: []order{{p, 0}}})
	assert.Empty(t, outcomes)
	r.step(r.at, &mail{arrivals: []*parked{p}})
	r.pass(time.Second)
	require.Len(t, outcomes, 1)
	assert.Equal(t, ending.Reason("revoked"), outcomes[0].Reason)
	r.step(r.at, &mail{orders: []order{{p, 0}}})
	require.Len(t, outcomes, 1)
}
