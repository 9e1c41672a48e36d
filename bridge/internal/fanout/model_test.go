package fanout_test

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/grpcsse/grpcsse/bridge/internal/fanout"
	"github.com/grpcsse/grpcsse/bridge/internal/pump"
	"github.com/grpcsse/grpcsse/bridge/internal/reading"
)

// ledger is what a page knows of its stream, whatever that is made of.
type ledger struct {
	lastID  string // the newest id that it has
	idAt    had    // what had it, or what it stands behind
	last    had    // the newest event that it has
	follows bool   // whether the next event must follow that one
	values  bool   // whether that was one of the last values
}

// had is an event that a page had.
type had struct {
	seq   int    // its message
	epoch string // where it stands
	index int
}

// streamModel is what a test knows of a shared stream: what the upstream did, and what the log has shown.
type streamModel struct {
	settings   *fanout.Settings
	upstream   *fakeUpstream
	log        *lateLog
	current    *attempt // nil while there is none
	sent       int      // the newest message that the current upstream stream has brought
	dropped    bool     // whether the upstream has refused the cursor
	accepted   bool
	acceptedAt time.Time
	beganAt    time.Time
	evicted    bool   // whether it had to make room
	aged       bool   // whether an upstream stream was ended for its age, or for want of subscribers
	over       string // why it is over, "" while it is not
	gapAt      time.Time
	gaps       int // the number of the newest gap
	inGap      bool
}

// told is the number of the gap that subscribers are to be told of, 0 none.
func (st *streamModel) told() int {
	if st.inGap && time.Since(st.gapAt) >= reading.StaleAfter {
		return st.gaps
	}
	return 0
}

// settled reports whether subscribers without an event are told a cursor.
func (st *streamModel) settled() bool {
	since := st.beganAt
	switch {
	case st.over != "":
		return false
	case st.accepted:
		since = st.acceptedAt
	case st.settings.HasID:
		return false
	}
	return time.Since(since) >= 20*time.Millisecond
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

	id             string // that it came with
	early, started bool
	anchored       bool // it has an id of its place
	epoch          int  // the number of the one that its place is in, negative while it has none
	index          int  // of its next event
	walks          bool // through the last values, before it goes on at index
	walk           int  // its next index in them
	reset          string
	told           int
	near, behind   bool
	closed         bool

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

// resume gives the client the place behind its id, or says why not.
func (c *clientModel) resume() {
	log := c.stream.log
	e, number := log.newest()
	own := !c.stream.settings.HasID
	at, ok := log.find(c.id, own)
	name, behind, isOwn := positionOf(c.id)
	switch {
	case !own && log.past[c.id] != "":
		c.reset = log.past[c.id]
	case number >= 0 && ok:
		c.put(at)
		c.anchored = true
	case !own, isOwn && number >= 0 && name == e.name && behind <= len(e.events):
		c.reset = "expired"
	case isOwn && (number < 0 || name != e.name):
		c.reset = "epoch"
	default:
		c.reset = "invalid"
	}
}

// place gives the client the place of a newcomer if there is one.
func (c *clientModel) place() bool {
	log := c.stream.log
	if _, number := log.newest(); number < 0 {
		return false
	}
	if c.early && log.first() == 0 {
		c.put(0)
	} else {
		c.joinLate()
	}
	return true
}

// positionOf returns the place that an id of the bridge's own stands for.
func positionOf(id string) (name string, behind int, ok bool) {
	if len(id) < 10 || id[8] != '-' {
		return "", 0, false
	}
	if id[9:] == "start" {
		return id[:8], 0, true
	}
	_, err := fmt.Sscanf(id[9:], "%d", &behind)
	return id[:8], behind + 1, err == nil
}

// anchor is the cursor that the client is to be told, "" for none, and what it stands behind.
func (c *clientModel) anchor() (id string, at had) {
	e, number := c.stream.log.newest()
	if c.anchored || number < 0 || c.epoch != number || !c.stream.settled() {
		return "", had{}
	}
	if !c.stream.settings.HasID {
		if c.index == 0 {
			return e.name + "-start", had{epoch: e.name, index: -1}
		}
		return fmt.Sprint(e.name, "-", c.index-1), had{seqOf(e.events[c.index-1]), e.name, c.index - 1}
	}
	for i := c.index - 1; i >= c.stream.log.first(); i-- {
		id := e.events[i].ID
		if id == "" {
			continue
		}
		if at, ok := c.stream.log.find(id, false); ok && c.stream.log.past[id] == "" {
			return id, had{seqOf(e.events[at-1]), e.name, at - 1}
		}
		break
	}
	return "", had{}
}

func (c *clientModel) displace(reason string, early bool) {
	c.epoch, c.reset, c.early, c.anchored, c.started = -1, reason, early, false, false
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
			if c.epoch = -1; c.anchored {
				c.anchored, c.reset = false, "expired"
			}
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
		if end == nil || end.Ending.Reason != "slow" || len(pieces) > 0 {
			return nil, nil, fmt.Errorf("expected the end of who is slow, found %q, %v", pieces, end)
		}
		return nil, end, nil
	}
	return pieces, end, c.check(pieces, end)
}
