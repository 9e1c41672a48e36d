package pump

import (
	"math"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/internal/ending"
)

func TestAnUptakeCountsWhatWasWrittenLately(t *testing.T) {
	var u uptake
	assert.Zero(t, u.lacking(1000), "nothing was written")
	u.wrote(500_000, 1) // a snapshot
	assert.Equal(t, 1, u.lacking(500_000))
	for range 640 {
		u.wrote(100, 1)
	}
	assert.InDelta(t, 100, u.lacking(10_000), 10, "then small events")
	assert.Equal(t, 1, u.lacking(1), "a part of an event is lacking whole")
	assert.InDelta(t, -100, u.lacking(-10_000), 10)
	assert.Equal(t, 0, u.lacking(-1), "nor is it had")
	u.wrote(1000, 0) // a heartbeat
	assert.Less(t, u.lacking(10_000), 100)
}

func TestAnUptakeAsksSeldom(t *testing.T) {
	var u uptake
	asked := 0
	for now := time.Duration(0); now < 10*time.Second; now += time.Millisecond {
		if u.due(now) {
			asked++
		}
	}
	assert.Equal(t, int(10*time.Second/OverduePatience)-1, asked)
}

// question is one call of Overdue.
type question struct {
	at      time.Duration
	lacks   int
	stalled bool
}

// asker is a cursor that notes the calls of Overdue. It answers true from the time from on.
type asker struct {
	head
	began     time.Time
	questions []question
	from      time.Duration // 0 is never
}

func (a *asker) Overdue(lacks int, stalled bool) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	q := question{time.Since(a.began), lacks, stalled}
	a.questions = append(a.questions, q)
	return a.from > 0 && q.at >= a.from
}

func (a *asker) Retry(given time.Duration) time.Duration { return given / 4 }

func (a *asker) asked() []question {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.questions
}

// ten is an event of ten bytes.
const ten = "data: 123\n"

// feed sends an event every ten milliseconds, and has the client take some of the bytes.
func feed(events *tape, c served, every, d time.Duration, room int) {
	for began := time.Now(); time.Since(began) < d; {
		events.put(ten)
		synctest.Wait()
		if every > 0 && time.Since(began)%every == 0 {
			c.setRoom(room)
			synctest.Wait()
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func TestTheCursorIsAskedAboutAClientThatIsSlow(t *testing.T) {
	for name, tt := range map[string]struct {
		every   time.Duration
		room    int // how many bytes the client takes at first, and then every so often
		stalled bool
	}{
		"it takes all":     {0, -1, false},
		"it takes nothing": {0, 0, true},
		"it trickles":      {50 * time.Millisecond, 10, false},
	} {
		t.Run(name, func(t *testing.T) {
			eachKind(t, func(t *testing.T, start serve) {
				events := new(tape)
				cur := &asker{head: head{tape: events}, began: time.Now()}
				s := patience()
				s.Comment, s.WriteTimeout = nil, time.Minute
				c := start(t, newClient(), cur, s)
				synctest.Wait()
				c.setRoom(tt.room)
				feed(events, c, tt.every, 5*time.Second, tt.room)
				asked := cur.asked()
				require.InDelta(t, 20, len(asked), 3, "once in a while, whether it takes anything or not")
				for i, q := range asked[1:] {
					assert.GreaterOrEqual(t, q.at-asked[i].at, OverduePatience)
				}
				for _, q := range asked[3:] {
					assert.Equal(t, tt.stalled, q.stalled, "%+v", q)
				}
				c.leave()
				c.outcome()
			})
		})
	}
}

func TestWhatTheKernelHoldsIsLacking(t *testing.T) {
	eachKind(t, func(t *testing.T, start serve) {
		events := new(tape)
		cur := &strict{head: head{tape: events}, most: 22} // what is written between two questions is more
		s := patience()
		s.Comment = nil
		client := newClient()
		c := start(t, client, cur, s)
		feed(events, c, 0, time.Second, 0)
		client.mu.Lock()
		client.waiting = 20 * len(ten)
		client.mu.Unlock()
		feed(events, c, 0, time.Second, 0)
		exact := slices.DeleteFunc(cur.asked(), func(lacks int) bool { return lacks > cur.most })
		require.Len(t, exact, 7)
		for i, lacks := range exact {
			assert.InDelta(t, []int{0, 0, 0, 20, 20, 20, 20}[i], lacks, 1, "question %d", i)
		}
		c.leave()
		c.outcome()
	})
}

func TestWhatTheCursorHasYetToPassIsHad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		events := new(tape)
		cur := &asker{head: head{tape: events}, began: time.Now()}
		s := patience()
		s.Comment, s.WriteTimeout = nil, time.Minute
		c := serveByRun(t, newClient(), cur, s)
		feed(events, c, 0, time.Second, 0)
		c.setRoom(0)
		events.put(ten) // is written alone
		synctest.Wait()
		for range 99 { // are written together
			events.put(ten)
		}
		synctest.Wait()
		c.setRoom(len(ten))
		synctest.Wait()
		c.setRoom(60 * len(ten))
		synctest.Wait()
		time.Sleep(time.Second)
		events.put(ten)
		asked := cur.asked()
		assert.InDelta(t, -60, asked[len(asked)-1].lacks, 1)
		c.leave()
		c.outcome()
	})
}

func TestAClientThatIsOverdueIsCutOffWhetherItTakesAnythingOrNot(t *testing.T) {
	for name, room := range map[string]int{"all": -1, "a little": 10, "nothing": 0} {
		t.Run(name, func(t *testing.T) {
			eachKind(t, func(t *testing.T, start serve) {
				events := new(tape)
				cur := &asker{head: head{tape: events}, began: time.Now(), from: time.Second}
				s := patience()
				s.Comment = nil
				c := start(t, newClient(), cur, s)
				synctest.Wait()
				c.setRoom(room)
				feed(events, c, 50*time.Millisecond, 2*time.Second, room)
				out := c.outcome()
				assert.Equal(t, ending.BySlow, out.Reason)
				assert.Error(t, out.Err)
				at := map[time.Duration]bool{}
				for _, q := range cur.asked() {
					at[q.at] = true
				}
				assert.Len(t, at, 4, "nothing is asked after the answer")
				c.mu.Lock()
				defer c.mu.Unlock()
				assert.True(t, c.aborted || len(c.closed) == 1 && c.closed[0] == atOnce)
			})
		})
	}
}

// The first event after the patience is enough: what the client had taken was looked at when the write began.
func TestAnOverdueClientOfASlowStreamIsCutOffByTheNextEvent(t *testing.T) {
	eachKind(t, func(t *testing.T, start serve) {
		events := new(tape)
		running := start(t, newClient(), &head{tape: events, slack: 3}, patience())
		time.Sleep(time.Second)
		running.setRoom(0)
		events.put(slices.Repeat([]string{"data: 1\n\n"}, 10)...)
		time.Sleep(2 * time.Second)
		events.put("data: 1\n\n")
		assert.Equal(t, ending.BySlow, running.outcome().Reason)
		assert.Equal(t, 3*time.Second, time.Since(running.began), "at once")
	})
}

// The cursor decides the reconnection times that the pump tells.
func TestTheCursorShortensTheReconnectionTime(t *testing.T) {
	eachKind(t, func(t *testing.T, start serve) {
		s := patience()
		s.Retry, s.MaxAge = 8*time.Second, time.Minute
		s.AgeEnd = End{Frame: []byte("data: old\n\n"), RetryDelay: 20 * time.Second, Ending: because(ending.ByMaxAge)}
		c := start(t, newClient(), &asker{head: head{tape: new(tape)}, began: time.Now()}, s)
		assert.Equal(t, ending.ByMaxAge, c.outcome().Reason)
		assert.Regexp(t, `\A:\nretry: (1[6-9]|2[0-4])\d\d\n(:\n)+retry: [4-6]\d\d\d\ndata: old\n\n\z`, c.text())
		assert.Equal(t, 20*time.Second, s.AgeEnd.RetryDelay, "the settings are shared and do not change")
	})
}

// asking counts how often the kernel is asked what it holds.
type asking struct {
	fakeSocket
	holds, asked int
}

func (a *asking) Waiting() int {
	a.asked++
	return a.holds
}

// strict is a cursor whose client is overdue where it may lack more events than that.
type strict struct {
	head
	most int

	mutex sync.Mutex
	lacks []int // what it was asked
}

func (s *strict) Overdue(lacks int, _ bool) bool {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.lacks = append(s.lacks, lacks)
	return lacks > s.most
}

func (s *strict) asked() []int {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return slices.Clone(s.lacks)
}

// The kernel is asked what it holds only where it may hold enough for the cursor to end the stream.
func TestTheKernelIsAskedOnlyWhereItMatters(t *testing.T) {
	for name, tt := range map[string]struct {
		most, holds, written int // in events of 100 bytes
		blocked              bool
		asked                int
		lacks                []int
		overdue              bool
	}{
		"little was written":               {most: 50, written: 20, lacks: []int{20}},
		"what was written may be too much": {most: 50, written: 60, asked: 1, lacks: []int{60, 0}},
		"and is":                           {most: 50, holds: 55, written: 60, asked: 1, lacks: []int{60, 55}, overdue: true},
		"much was written":                 {most: 2000, holds: 30, written: 700, asked: 1, lacks: []int{30}},
		"the socket takes nothing":         {most: 50, holds: 10, written: 20, blocked: true, asked: 1, lacks: []int{10}},
	} {
		t.Run(name, func(t *testing.T) {
			sock := new(asking)
			cur := &strict{head: head{tape: new(tape)}, most: tt.most}
			p := newParked(sock, cur, patience(), func(Outcome) {})
			p.uptake.wrote(100, 1)
			require.False(t, p.overdue(OverduePatience))
			require.Equal(t, 1, sock.asked, "the first time it is asked in any case")

			sock.asked, cur.lacks, sock.holds, p.blocked = 0, nil, 100*tt.holds, tt.blocked
			for range tt.written {
				p.uptake.wrote(100, 1)
			}
			assert.Equal(t, tt.overdue, p.overdue(2*OverduePatience))
			assert.False(t, p.overdue(2*OverduePatience), "too soon after the time before")
			assert.Equal(t, tt.asked, sock.asked)
			assert.Equal(t, tt.lacks, cur.lacks)

			sock.holds, p.blocked, cur.most = 0, false, math.MaxInt
			p.overdue(3 * OverduePatience)
			assert.Equal(t, tt.asked, sock.asked, "little was written since")
		})
	}
}
