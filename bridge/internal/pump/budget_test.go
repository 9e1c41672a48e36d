package pump

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/frame"
)

// member is a queue of a budget.
type member struct {
	*Queue
	stop func() // ends the producer, as cutting does
	ctx  context.Context
}

func newMember(b *Budget, limit, behind int) *member {
	m := &member{}
	m.ctx, m.stop = context.WithCancel(context.Background())
	m.Queue = NewBoundQueue(limit, Bound{Budget: b, Behind: behind, Cut: func() End {
		m.stop()
		return End{Ending: ending.AtLimit(ending.QueueBytes), Frame: []byte("cut\n\n")}
	}})
	return m
}

// push pushes an event for which the queue has room.
func (m *member) push(t require.TestingT, size int) {
	require.NoError(t, m.Push(context.Background(), frame.Form{}, make([]byte, size)))
}

// stall pushes an event that the consumer begins to write, and does not get rid of.
func (m *member) stall(t require.TestingT, size int) {
	m.push(t, size)
	m.Peek(nil, 0)
}

// sip takes everything that is ready.
func (m *member) sip() (text string, end *End) {
	pieces, end := m.Peek(nil, 0)
	for _, p := range pieces {
		text += string(p)
	}
	m.Advance(len(pieces))
	return text, end
}

func TestTheQueueThatWaitedLongestIsCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b Budget
		b.SetLimit(100 << 10)
		var all []*member
		for range 4 {
			m := newMember(&b, 64<<10, 0)
			defer m.Close()
			all = append(all, m)
			m.Peek(nil, 0)
		}
		for _, m := range all {
			m.stall(t, 1)
			m.sip() // all consumers have taken something
			m.sip()
		}
		for _, m := range all[:3] {
			m.stall(t, 30<<10)
			time.Sleep(time.Second)
		}
		all[1].push(t, 1<<10)
		all[0].sip() // has taken something since
		all[0].stall(t, 1<<10)
		for _, m := range all {
			require.Nil(t, m.Cut(), "%d bytes are held", b.Held())
		}
		all[3].push(t, 16<<10)
		assert.NotNil(t, all[1].Cut(), "it has taken nothing for the longest time")
		assert.Error(t, all[1].ctx.Err(), "its producer was stopped")
		for _, i := range []int{0, 2, 3} {
			assert.Nil(t, all[i].Cut(), "queue %d", i)
		}
		assert.LessOrEqual(t, b.Held(), int64(100<<10))
		text, end := all[1].sip()
		require.NotNil(t, end)
		assert.Equal(t, 30<<10, len(text), "the consumer keeps what it has, and what waited was dropped")
		assert.Equal(t, ending.QueueBytes, end.Ending.Limit)
		assert.Error(t, all[1].Push(t.Context(), frame.Form{}, []byte("more")))
	})
}

// A consumer in whose queue nothing waits is not to blame. One that is about to be served comes first.
func TestOnlyQueuesInWhichSomethingWaitsAreCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b Budget
		b.SetLimit(100 << 10)
		fresh, idle, slow := newMember(&b, 64<<10, 0), newMember(&b, 64<<10, 0), newMember(&b, 64<<10, 0)
		for _, m := range []*member{fresh, idle, slow} {
			defer m.Close()
		}
		fresh.push(t, 20<<10)
		idle.Peek(nil, 0)
		idle.push(t, 60<<10)
		idle.sip()
		idle.sip()
		held := b.Held()
		time.Sleep(time.Hour)
		slow.Peek(nil, 0)
		slow.stall(t, 40<<10)
		assert.Less(t, b.Held(), held, "the idle queue has given its memory back")
		for _, m := range []*member{fresh, idle, slow} {
			assert.Nil(t, m.Cut())
		}
		slow.sip()
		slow.Peek(nil, 0)
		slow.stall(t, 24<<10)
		fresh.push(t, 40<<10)
		assert.NotNil(t, fresh.Cut())
		assert.Nil(t, slow.Cut())
		assert.Nil(t, idle.Cut())
	})
}

// However many come and take nothing, a consumer that takes keeps its queue.
func TestConsumersThatHaveTakenNothingYetAreCutFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b Budget
		b.SetLimit(100 << 10)
		healthy := newMember(&b, 64<<10, 0)
		defer healthy.Close()
		healthy.Peek(nil, 0)
		healthy.stall(t, 8<<10)
		healthy.Advance(1)
		healthy.Peek(nil, 0)
		healthy.stall(t, 8<<10)
		for range 20 {
			time.Sleep(time.Millisecond)
			m := newMember(&b, 64<<10, 0)
			defer m.Close()
			m.Peek(nil, 0)
			m.stall(t, 40<<10)
		}
		assert.Nil(t, healthy.Cut())
		assert.LessOrEqual(t, b.Held(), int64(100<<10))
	})
}

// An idle stream that gets an event is not one that has waited since its last event.
func TestAnIdleQueueHasNotWaited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b Budget
		b.SetLimit(30 << 10)
		idle, slow := newMember(&b, 64<<10, 0), newMember(&b, 64<<10, 0)
		defer idle.Close()
		defer slow.Close()
		idle.Peek(nil, 0)
		time.Sleep(time.Hour)
		slow.Peek(nil, 0)
		slow.stall(t, 20<<10)
		time.Sleep(time.Second)
		idle.push(t, 20<<10)
		assert.NotNil(t, slow.Cut())
		assert.Nil(t, idle.Cut())
	})
}

// A client may take nothing from the very beginning, such as one over HTTP/2 whose window is 0. Its pump cannot write the
// opening, and never asks for more.
func TestAQueueWhoseConsumerNeverAsksAgainIsCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b Budget
		b.SetLimit(100 << 10)
		var all []*member
		for range 4 {
			m := newMember(&b, 64<<10, 0)
			defer m.Close()
			all = append(all, m)
			m.Peek(nil, 0)
			m.push(t, 40<<10)
		}
		cut := 0
		for _, m := range all {
			if m.Cut() != nil {
				cut++
			}
		}
		assert.Positive(t, cut)
		assert.LessOrEqual(t, b.Held(), int64(100<<10))
	})
}

func TestWhatWaitsBehindAFullQueueCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b Budget
		m := newMember(&b, 1<<10, 1000)
		defer m.Close()
		m.push(t, 1<<10)
		before := b.Held()
		pushed := make(chan error)
		go func() { pushed <- m.Push(m.ctx, frame.Form{}, make([]byte, 500)) }()
		synctest.Wait()
		assert.Equal(t, before+2*500+1000, b.Held(), "the event, its message, and what the source holds")
		m.sip()
		m.sip()
		require.NoError(t, <-pushed)
		assert.Less(t, b.Held(), before+1000)
	})
}

func TestAFullQueueThatIsCutEndsItsProducer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b Budget
		b.SetLimit(4 << 10)
		m := newMember(&b, 1<<10, 0)
		defer m.Close()
		m.Peek(nil, 0)
		m.push(t, 1<<10)
		assert.Error(t, m.Push(context.Background(), frame.Form{}, make([]byte, 4<<10)), "it does not wait")
		assert.NotNil(t, m.Cut())
		assert.Zero(t, b.Held())
	})
}

// Whatever happens to queues, the budget counts what they hold: nothing is counted twice, and nothing is left.
func TestTheBudgetCountsWhatQueuesHold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var b Budget
		b.SetLimit(int64(rapid.IntRange(0, 3000).Draw(t, "limit")))
		left, cancel := context.WithCancel(context.Background())
		cancel()
		var open []*member
		each := func(act func(m *member)) func(*rapid.T) {
			return func(t *rapid.T) {
				if len(open) == 0 {
					t.Skip("no queue is open")
				}
				act(open[rapid.IntRange(0, len(open)-1).Draw(t, "queue")])
			}
		}
		encodings := rapid.SampledFrom([]frame.Encoding{frame.Identity, frame.Gzip, frame.Zstd})
		t.Repeat(map[string]func(*rapid.T){
			"open": func(t *rapid.T) { open = append(open, newMember(&b, 200, 10)) },
			"push": each(func(m *member) {
				event := []byte(strings.Repeat("x", rapid.IntRange(1, 900).Draw(t, "size")))
				_ = m.Push(left, frame.Form{Encoding: encodings.Draw(t, "encoding")}, event)
			}),
			"peek":      each(func(m *member) { m.Peek(nil, 0) }),
			"sip":       each(func(m *member) { m.sip() }),
			"notice":    each(func(m *member) { m.Notice([]byte("notice")) }),
			"interject": each(func(m *member) { m.Interjected() }),
			"end":       each(func(m *member) { m.End(End{Ending: because("over")}) }),
			"ask again": each(func(m *member) { m.Overdue(0, true) }),
			"change":    func(t *rapid.T) { b.SetLimit(int64(rapid.IntRange(0, 3000).Draw(t, "limit"))) },
			"close last": func(t *rapid.T) {
				if len(open) > 0 {
					open[len(open)-1].Close()
					open = open[:len(open)-1]
				}
			},
			"": func(t *rapid.T) {
				sum := int64(0)
				for _, m := range open {
					if m.cut == nil {
						sum += m.counted
						if least := int64(cap(m.pending) + cap(m.taken) + cap(m.scratch)); m.counted < least-int64(len("notice"))*2*64 {
							t.Fatalf("a queue counts %d bytes and holds %d", m.counted, least)
						}
					} else if m.counted != 0 {
						t.Fatalf("a queue that was cut counts %d bytes", m.counted)
					}
				}
				if b.Held() != sum {
					t.Fatalf("the budget counts %d bytes, expected %d", b.Held(), sum)
				}
			},
		})
		for _, m := range open {
			m.Close()
		}
		if b.Held() != 0 || len(b.queues) != 0 {
			t.Fatalf("%d bytes of %d queues are counted after all were closed", b.Held(), len(b.queues))
		}
	})
}

// stalledRun serves a queue to a client that takes nothing after its first bytes, and cuts the queue.
func TestAStalledClientIsCutOffSoonAfterItsQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b Budget
		b.SetLimit(1 << 10)
		m := newMember(&b, 64<<10, 0)
		defer m.Close()
		c := newClient()
		c.room = 10
		done := make(chan Outcome, 1)
		go func() {
			done <- Run(t.Context(), fakeConn{client: c, timeout: time.Hour}, m, &Settings{Comment: []byte(":\n"), Heartbeat: time.Hour}, nil)
		}()
		synctest.Wait()
		m.push(t, 900)
		synctest.Wait()
		time.Sleep(time.Minute)
		assert.Empty(t, done, "a client that is slow is not cut off while there is room")
		began := time.Now()
		_ = m.Push(t.Context(), frame.Form{}, make([]byte, 4<<10))
		out := <-done
		assert.LessOrEqual(t, time.Since(began), 2*OverduePatience)
		assert.Nil(t, out.End)
		require.NotNil(t, out.Cut)
		assert.Equal(t, ending.ByLimit, out.Reason)
		assert.Equal(t, ending.QueueBytes, out.Cut.Ending.Limit)
	})
}

func TestAClientThatTakesSlowlyIsToldWhyItsStreamEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b Budget
		b.SetLimit(1 << 10)
		m := newMember(&b, 64<<10, 0)
		defer m.Close()
		c := newClient()
		c.room = len(":\n")
		done := make(chan Outcome, 1)
		go func() {
			done <- Run(t.Context(), fakeConn{client: c, timeout: time.Hour}, m, &Settings{Comment: []byte(":\n"), Heartbeat: time.Hour}, nil)
		}()
		synctest.Wait()
		m.push(t, 900)
		synctest.Wait() // its write waits, so the client cannot take the next event before the queue is cut
		_ = m.Push(t.Context(), frame.Form{}, make([]byte, 4<<10))
		c.setRoom(-1)
		out := <-done
		require.NotNil(t, out.End)
		assert.Nil(t, out.Cut)
		assert.Contains(t, c.text(), "cut\n\n")
		assert.Equal(t, ending.ByLimit, out.Reason)
	})
}

func TestAParkedClientThatStalledIsCutOffSoonAfterItsQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b Budget
		b.SetLimit(8 << 10)
		m := newMember(&b, 64<<10, 0)
		defer m.Close()
		r := newRig()
		c := newClient()
		c.inbox, c.since = r.inbox, func() time.Duration { return r.at }
		c.room = 100
		var outcomes []Outcome
		p := newParked(fakeSocket{c}, m, &Settings{Comment: []byte(":\n"), Heartbeat: time.Hour}, func(o Outcome) { outcomes = append(outcomes, o) })
		r.inbox.arrive(p, &c.control)
		r.settle()
		m.push(t, 4<<10)
		r.settle()
		m.push(t, 1<<10)
		require.Empty(t, outcomes)
		_ = m.Push(t.Context(), frame.Form{}, make([]byte, 8<<10))
		require.NotNil(t, m.Cut())
		for range 8 { // the reminders of the queue come in real time, and the loop is told its own
			time.Sleep(OverduePatience)
			synctest.Wait()
			r.pass(OverduePatience)
		}
		require.Len(t, outcomes, 1)
		assert.Equal(t, ending.ByLimit, outcomes[0].Reason)
		assert.Equal(t, []closing{atOnce}, c.closed)
	})
}
