package fanout

import (
	"container/list"
	"slices"
	"sync/atomic"

	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/pump"
	"github.com/grpcsse/grpcsse/bridge/internal/reading"
	"github.com/grpcsse/grpcsse/bridge/internal/replay"
	"github.com/grpcsse/grpcsse/bridge/sse"
)

// catchUps holds the catch-ups of a stream. The stream's lock guards the fields except busy. A nil catchUps has none.
type catchUps struct {
	most    int                 // how many may have a turn at once
	byID    map[string]*catchUp // those that a subscriber with their id still joins
	queue   list.List           // those that wait for a turn, in the order of their arrival
	turns   int                 // how many have a turn
	running []*catchUp          // those in the state catching
	held    []*catchUp          // those that have met or are over and may hold events, the oldest first
	bytes   int64               // what all of them hold
	early   []*catchUp          // those that have met, and wait for the log's first epoch
	next    replay.Position     // the position of the next event of the log that is looked for in running
	ring    []*catchUp          // those whose subscribers are called when the lock is given up
	busy    atomic.Bool         // byID, running or early has any
}

// newCatchUps returns the catch-ups of a stream, nil where no subscriber catches up.
func newCatchUps(s *Settings) *catchUps {
	if !s.HasID || !s.Resumes || s.CatchUps <= 0 {
		return nil
	}
	return &catchUps{most: s.CatchUps}
}

// join has the subscriber read what follows its id on a catch-up. It returns the reset where no catch-up can do that. The
// stream's lock is held.
func (s *Subscriber) join(open func() (Settings, reading.Upstream)) ending.Reset {
	st := s.stream
	set := st.catchUps
	if _, err := sse.DecodeID(s.lastID); err != nil || st.past.reason(s.lastID) == ending.ResetInvalid {
		return ending.ResetInvalid
	}
	if st.end != nil {
		return ending.ResetExpired
	}
	c := set.byID[s.lastID]
	switch {
	case c != nil && c.state == lost:
		return c.why
	case c != nil && c.state == met && !c.reachable():
		set.forget(c)
		c = nil
	}
	if c == nil {
		_, upstream := open()
		c = set.add(st, s.lastID, upstream)
	}
	s.via, s.anchored, s.own = c, true, uint32(len(c.trail.events))
	c.readers++
	set.giveTurns()
	return ending.NoReset
}

// reachable reports whether a subscriber that joins a catch-up now finds the place in the log where the catch-up has met it.
func (c *catchUp) reachable() bool {
	return c.stream.log.Lag(c.meets.at).Share <= overdueShare
}

// add adds a new catch-up to the queue.
func (set *catchUps) add(st *stream, id string, upstream reading.Upstream) *catchUp {
	if set.byID == nil {
		set.byID = map[string]*catchUp{}
	}
	if len(set.byID)+len(set.running)+len(set.early) == 0 {
		set.next = st.log.State().End()
	}
	c := &catchUp{stream: st, id: id, upstream: upstream, trail: trail{from: id}}
	c.paced = rounds{every: st.settings.every(), begin: c.roundIsDue}
	c.after(turnWithin, func() { c.lose(ending.ResetExpired, CatchUpExpired) })
	set.byID[id] = c
	c.place = set.queue.PushBack(c)
	return c
}

// giveTurns begins catch-ups of the queue while there are turns.
func (set *catchUps) giveTurns() {
	for set.turns < set.most && set.queue.Len() > 0 {
		set.queue.Remove(set.queue.Front()).(*catchUp).begin()
	}
}

// queued returns the catch-ups that wait for a turn.
func (set *catchUps) queued() (all []*catchUp) {
	for e := set.queue.Front(); e != nil; e = e.Next() {
		all = append(all, e.Value.(*catchUp))
	}
	return all
}

// settled notes that a catch-up neither waits for its turn nor is read any more.
func (set *catchUps) settled(c *catchUp) {
	set.queue.Remove(c.place) // which changes nothing where c waits no longer
	set.running = without(set.running, c)
}

// keep keeps a catch-up that has met, for subscribers that join it later. Those that are kept so hold at most as many bytes as
// the log may hold, and are at most maxKept: many hold no bytes.
func (set *catchUps) keep(c *catchUp) {
	set.held = append(set.held, c)
	limit := c.stream.settings.Bounds.Bytes
	bytes, kept := int64(0), 0
	for _, one := range set.held {
		bytes += one.counted
		if !set.isForgotten(one) {
			kept++
		}
	}
	for _, one := range slices.Clone(set.held) {
		tooMuch := limit > 0 && bytes > limit || kept > maxKept
		if tooMuch && one != c && !set.isForgotten(one) {
			bytes, kept = bytes-one.counted, kept-1
			one.keptEnough()
		}
	}
}

// maxKept is how many catch-ups that have met are kept.
const maxKept = 1024

// awaitEpoch keeps a catch-up that has met before the log's first epoch.
func (set *catchUps) awaitEpoch(c *catchUp) {
	set.early = append(set.early, c)
	set.forget(c)
}

// forget makes sure that no further subscriber joins a catch-up.
func (set *catchUps) forget(c *catchUp) {
	if !set.isForgotten(c) {
		delete(set.byID, c.id)
	}
	if c.readers == 0 {
		c.free()
	}
}

func (set *catchUps) isForgotten(c *catchUp) bool { return set.byID[c.id] != c }

// giveRoom ends the catch-ups that hold bytes.
func (set *catchUps) giveRoom() {
	for _, c := range slices.Clone(set.running) {
		if c.counted > 0 {
			c.lose(ending.ResetExpired, NoRoom)
		}
	}
	for _, c := range slices.Clone(set.held) {
		if c.counted > 0 {
			set.forget(c)
			c.drop(ending.ResetExpired)
		}
	}
}

// close forgets everything. No subscriber is left.
func (set *catchUps) close() {
	if set == nil {
		return
	}
	for _, c := range set.byID {
		set.forget(c)
	}
}

// ringAll has the subscribers of all catch-ups called, because the stream has something to tell them.
func (set *catchUps) ringAll() {
	if set == nil {
		return
	}
	for _, c := range set.byID {
		c.changed()
	}
	for _, c := range slices.Concat(set.running, set.early) {
		c.changed()
	}
}

// streamEnded decides about the catch-ups when their stream has ended. closing says that the registry closes: then a subscriber
// comes back, even where the upstream has nothing more for it. Where the stream's upstream has accepted nothing, every catch-up
// ends with the stream.
func (set *catchUps) streamEnded(end *pump.End, closing bool) {
	if set == nil {
		return
	}
	for _, c := range slices.Concat(set.running, set.queued()) {
		switch {
		case c.finished != nil && !closing:
			c.conclude(c.finished)
		case closing, !c.stream.accepted, c.resting, c.state == waiting && end.Ending.Retry:
			c.conclude(end) // a subscriber that comes back has its id still
		}
	}
	set.ringAll()
}

// came notes that the log or a catch-up has brought an event with an id. Where a catch-up was opened with this id before, the
// upstream may not have had the id then, and may have taken it for a made-up one. So no further subscriber joins that catch-up.
func (set *catchUps) came(id string) {
	if c := set.byID[id]; c != nil && c.state != waiting {
		set.forget(c)
	}
}

// meetCatchUps looks for the new events of the log in the catch-ups. It costs one look-up for each event and each catch-up.
func (st *stream) meetCatchUps() {
	if st.catchesUp() && st.catchUps.busy.Load() {
		st.update(st.lookForNewEvents)
	}
}

func (st *stream) lookForNewEvents() {
	set := st.catchUps
	state := st.log.State()
	if state.Epoch != set.next.Epoch {
		set.next = state.Start()
		for _, c := range set.early {
			c.begins(state.Epoch)
		}
		set.early = nil
	}
	for set.next.Offset = max(set.next.Offset, state.First); set.next.Offset < state.Next; set.next.Offset++ {
		set.came(idAt(st.log, set.next))
		if len(set.running) == 0 {
			continue
		}
		pair, ok := pairAt(st.log, &st.sure, set.next)
		if !ok {
			continue
		}
		for _, c := range slices.Clone(set.running) {
			if n, ok := c.trail.find(pair); ok {
				c.meet(meeting{n: n, at: set.next}, CaughtUp)
			}
		}
	}
}

// update calls change with the stream's lock held, and then calls the subscribers of the catch-ups that have changed.
func (st *stream) update(change func()) {
	st.mu.Lock()
	change()
	ring := st.catchUps.takeRing()
	st.catchUps.noteBusy()
	st.mu.Unlock()
	for _, c := range ring {
		c.watchers.notify()
	}
}

// takeRing returns the catch-ups whose subscribers are to be called when the lock is given up, and forgets them.
func (set *catchUps) takeRing() []*catchUp {
	if set == nil {
		return nil
	}
	ring := set.ring
	set.ring = nil
	for _, c := range ring {
		c.rings = false
	}
	return ring
}

func (set *catchUps) noteBusy() {
	if set != nil {
		set.busy.Store(len(set.byID)+len(set.running)+len(set.early) > 0)
	}
}

// holds returns how many bytes all catch-ups hold.
func (set *catchUps) holds() int64 {
	if set == nil {
		return 0
	}
	return set.bytes
}

func without(all []*catchUp, c *catchUp) []*catchUp {
	if i := slices.Index(all, c); i >= 0 {
		return slices.Delete(all, i, i+1)
	}
	return all
}
