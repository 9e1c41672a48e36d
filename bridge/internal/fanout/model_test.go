package fanout_test

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/grpcsse/grpcsse/bridge/internal/fanout"
	"github.com/grpcsse/grpcsse/bridge/internal/pump"
	"github.com/grpcsse/grpcsse/bridge/internal/reading"
)

// ledger is what a page knows of its stream.
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

// streamModel is what the test knows of a shared stream: what the upstream did, and what the log has shown.
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

// told is the number of the gap that subscribers are told of now; 0 is none.
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

// clientModel is what the test knows of a subscriber: its place, and what it must be told. It is the specification of
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
	caught         bool      // what it had, with what it lacked of what it was given, was near too
	late           bool      // whether it was found late when it was asked for last
	least          int       // how few events it has lacked since then
	leastAt        time.Time // when it lacked so few for the first time
	closed         bool

	given []given // by the last peek
	stop  func()
	rang  atomic.Bool // whether it was told that there may be something new
	idle  bool        // whether it has read all that there was, and waits for that
	ledger
}

// share returns the share of the log that the client is behind.
func (c *clientModel) share() float64 { return c.shareFrom(c.index) }

func (c *clientModel) shareFrom(index int) float64 {
	e, _ := c.stream.log.newest()
	if behind := len(e.events) - index; behind > 1 {
		return min(1, float64(behind)/float64(c.stream.log.bounds.Events))
	}
	return 0
}

func (c *clientModel) put(index int) {
	_, c.epoch = c.stream.log.newest()
	c.index, c.walks, c.near, c.caught, c.late = index, false, false, false, false
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

// resume gives the client the place behind its id, or notes why there is none.
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

// place gives the client the place of a newcomer where the log has an epoch.
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

// anchor returns the cursor that the client must be told, or "" for none, and the event before the client's place.
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

// settle finds the place from which the client reads now. It reports false where the client lost its place because it was slow.
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
		case c.epoch != newest && !c.started && !c.anchored:
			c.epoch, c.early = -1, true
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

// overdue returns what Overdue must return for a client that lacks so many of the events before its place. lacks is negative
// where the client has events behind its place.
func (c *clientModel) overdue(lacks int, stalled bool) bool {
	e, _ := c.stream.log.newest()
	has := min(max(0, c.index-lacks), max(c.index, len(e.events)))
	wasLate := c.late
	if c.late = c.isLate(has); !c.late {
		return false
	}
	lacks = len(e.events) - has
	if !stalled {
		if !wasLate || lacks < c.least {
			c.least, c.leastAt = lacks, time.Now()
			return false
		}
		if time.Since(c.leastAt) < pump.OverduePatience {
			return false
		}
	}
	c.late, c.behind = false, c.stream.settings.Skip
	return !c.behind
}

// isLate reports whether the client is late. has is the index behind the newest event that the client has. The client is late
// where its place is lost, or where it has caught up once and is more than half of the log behind. Events that the client was
// given and has not taken count only where the client had taken all of them at one time, and where the log still holds them.
func (c *clientModel) isLate(has int) bool {
	log := c.stream.log
	e, newest := log.newest()
	place := max(c.index, has)
	if c.closed || !c.started || c.epoch != newest {
		return false
	}
	if place < log.first() {
		return true
	}
	if !c.near {
		return false
	}
	if c.shareFrom(has) <= 0.5 {
		c.caught = true
		return false
	}
	again := c.caught && !c.stream.settings.Skip && has >= log.first() && time.Since(e.events[has].At) >= 500*time.Millisecond
	return c.shareFrom(place) > 0.5 || again
}

// peek checks what the client is given, and returns the pieces.
func (c *clientModel) peek(limit int) (pieces [][]byte, end *pump.End, err error) {
	ok := c.settle()
	pieces, end = c.Peek(nil, limit)
	if !ok {
		if end == nil || end.Ending.Reason != "slow" || len(pieces) > 0 {
			return nil, nil, fmt.Errorf("expected the end of a slow client, found %q, %v", pieces, end)
		}
		return nil, end, nil
	}
	return pieces, end, c.check(pieces, end)
}
