package fanout_test

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/grpcsse/grpcsse/bridge/internal/fanout"
	"github.com/grpcsse/grpcsse/bridge/internal/pump"
)

// ledger is what a page knows of its stream, whatever that is made of.
type ledger struct {
	lastID  string // the newest id that it has
	idSeq   int    // the message that had it
	lastSeq int    // the newest message that it has
	follows bool   // whether the next message must follow that one
	values  bool   // whether that was one of the last values
}

// streamModel is what a test knows of a shared stream: what the upstream did, and what the log has shown.
type streamModel struct {
	settings   *fanout.Settings
	upstream   *fakeUpstream
	log        *lateLog
	current    *attempt // nil while there is none
	sent       int      // the newest message that the current upstream stream has brought
	opener     string   // the cursor that it was opened with
	dropped    bool     // whether the upstream has refused it, or the one after it
	accepted   bool
	acceptedAt time.Time
	refused    string
	evicted    bool   // whether it had to make room
	aged       bool   // whether an upstream stream was ended for its age, or for want of subscribers
	over       string // why it is over, "" while it is not
	gapAt      time.Time
	gaps       int // the number of the newest gap
	inGap      bool
}

// told is the number of the gap that subscribers are to be told of, 0 none.
func (st *streamModel) told() int {
	if st.inGap && time.Since(st.gapAt) >= fanout.StaleAfter {
		return st.gaps
	}
	return 0
}

func (st *streamModel) fresh() bool {
	return st.over == "" && (!st.accepted || time.Since(st.acceptedAt) < st.settings.OpenWait)
}

func (st *streamModel) accept() {
	st.accepted, st.acceptedAt, st.inGap = true, time.Now(), false
}

func (st *streamModel) broken() {
	if !st.inGap {
		st.inGap, st.gapAt = true, time.Now()
		st.gaps++
	}
}

// clientModel is what a test knows of a subscriber: its place, and what it is to be told. It is the specification of
// [fanout.Subscriber], written without regard to cost.
type clientModel struct {
	*fanout.Subscriber
	stream *streamModel

	id                     string // that it came with
	early, cursor, started bool
	epoch                  int  // the number of the one that its place is in, negative while it has none
	index                  int  // of its next event
	walks                  bool // through the last values, before it goes on at index
	walk                   int  // its next index in them
	reset                  string
	told                   int
	near, behind           bool
	closed                 bool

	given []given // by the last peek
	stop  func()
	rang  atomic.Bool // whether it was told that there may be something new
	idle  bool        // whether it has read all that there was, and waits for that
	ledger
}

// share is how much of the log lies before the client.
func (c *clientModel) share() float64 {
	e, _ := c.stream.log.newest()
	if behind := len(e.events) - c.index; behind > 1 {
		return min(1, float64(behind)/float64(c.stream.log.bounds.Events))
	}
	return 0
}

func (c *clientModel) put(index int) {
	_, c.epoch = c.stream.log.newest()
	c.index, c.walks, c.near = index, false, false
	c.approach()
}

// approach notes whether the client has come near the end of the log.
func (c *clientModel) approach() {
	c.near = c.near || c.share() <= 0.5
}

// joinLate gives the client the place of a newcomer.
func (c *clientModel) joinLate() {
	e, _ := c.stream.log.newest()
	end := len(e.events)
	switch c.stream.settings.LateJoin.Mode {
	case fanout.None:
		c.put(end)
	case fanout.All:
		c.put(c.stream.log.first())
	case fanout.Latest:
		c.put(max(0, end-1))
	case fanout.LatestBy:
		c.put(end)
		c.walks, c.walk, c.near = true, 0, false
	case fanout.Since:
		at := end
		for i := end - 1; i >= c.stream.log.first(); i-- {
			if e.events[i].Mark {
				at = i
				break
			}
		}
		if at == end && c.stream.log.first() > 0 && c.reset == "" {
			c.reset = "expired"
		}
		c.put(at)
	}
}

// place gives the client a place if it can have one.
func (c *clientModel) place() bool {
	log := c.stream.log
	e, number := log.newest()
	if number < 0 {
		return false
	}
	if c.cursor {
		own := !c.stream.settings.HasID
		if at, ok := log.find(c.id, own); ok {
			c.put(at)
			return true
		}
		name, offset, isOwn := positionOf(c.id)
		switch {
		case c.id == c.stream.refused:
			c.reset = "invalid"
		case !own && c.stream.fresh():
			return false
		case !own, isOwn && name == e.name && offset < len(e.events):
			c.reset = "expired"
		case isOwn && name != e.name:
			c.reset = "epoch"
		default:
			c.reset = "invalid"
		}
		c.cursor = false
	}
	if c.early && log.first() == 0 {
		c.put(0)
	} else {
		c.joinLate()
	}
	return true
}

func positionOf(id string) (name string, offset int, ok bool) {
	if len(id) < 10 || id[8] != '-' {
		return "", 0, false
	}
	_, err := fmt.Sscanf(id[9:], "%d", &offset)
	return id[:8], offset, err == nil
}

func (c *clientModel) displace(reason string, early bool) {
	c.epoch, c.reset, c.early, c.cursor, c.started = -1, reason, early, false, false
}

// settle finds the client the place from which it reads now. It reports false where it has lost its place by its own fault.
func (c *clientModel) settle() (ok bool) {
	log := c.stream.log
	if _, newest := log.newest(); c.behind && c.share() > 0.5 && c.epoch == newest {
		c.displace("slow", false)
	}
	c.behind = false
	for {
		_, newest := log.newest()
		switch {
		case c.epoch < 0:
			if !c.place() {
				return true
			}
		case c.epoch != newest:
			c.displace("epoch", true)
		case c.index >= log.first():
			c.started = true
			return true
		case !c.started:
			c.epoch = -1
		case c.stream.settings.Skip:
			c.displace("slow", false)
		default:
			return false
		}
	}
}

// overdue is what Overdue is to return.
func (c *clientModel) overdue() bool {
	_, newest := c.stream.log.newest()
	if c.closed || !c.started || c.epoch != newest {
		return false
	}
	overdue := c.index < c.stream.log.first() || c.near && c.share() > 0.5
	if overdue && c.stream.settings.Skip {
		c.behind = true
		return false
	}
	return overdue
}

// peek checks what the client is given, and returns its pieces.
func (c *clientModel) peek(limit int) (pieces [][]byte, end *pump.End, err error) {
	ok := c.settle()
	pieces, end = c.Peek(nil, limit)
	if !ok {
		if end == nil || end.Reason != "slow" || len(pieces) > 0 {
			return nil, nil, fmt.Errorf("expected the end of who is slow, found %q, %v", pieces, end)
		}
		return nil, end, nil
	}
	return pieces, end, c.check(pieces, end)
}
