package fanout

import (
	"github.com/grpcsse/grpcsse/bridge/internal/replay"
)

// A catch-up meets the log where two neighbours agree: an event has the same id in both, and so has the event before it. One
// event in common is not enough. Several messages may share an id, and then an id alone does not say which of them it is.

// trail is what a catch-up has brought.
type trail struct {
	from   string // the id that the catch-up was opened with
	events []*replay.Event
	// newer has the index of the next event with the same subject for each event, 0 for none; subjects has the newest index of each.
	newer    []int
	subjects map[replay.Subject]int
	pairs    map[neighbours]int // the index of the second neighbour; several where the pair stands in the trail more than once
}

// neighbours are the ids of two events that follow each other. The ids differ, and neither is "".
type neighbours struct{ before, id string }

// several is the index of a pair of neighbours that stands in a trail more than once. A catch-up does not meet the log there.
const several = -1

// add appends an event, and returns the pair that it makes with the event before it. ok is false where that is not a pair.
func (t *trail) add(e *replay.Event) (pair neighbours, ok bool) {
	pair = neighbours{t.newest(), e.ID}
	t.events = append(t.events, e)
	t.supersede(e)
	if !pair.valid() {
		return pair, false
	}
	if _, known := t.pairs[pair]; known {
		t.pairs[pair] = several
		return pair, false
	}
	if t.pairs == nil {
		t.pairs = map[neighbours]int{}
	}
	t.pairs[pair] = len(t.events) - 1
	return pair, true
}

// supersede notes that the newest event supersedes the one before with its subject.
func (t *trail) supersede(e *replay.Event) {
	if e.Subject == (replay.Subject{}) {
		return
	}
	n := len(t.events) - 1
	if t.subjects == nil {
		t.subjects = map[replay.Subject]int{}
	}
	for len(t.newer) <= n {
		t.newer = append(t.newer, 0)
	}
	if before, known := t.subjects[e.Subject]; known {
		t.newer[before] = n
	}
	t.subjects[e.Subject] = n
}

// read appends at most limit events from one index up to another, of each subject only the newest. It returns the index behind
// those that it has looked at.
func (t *trail) read(dst []replay.Entry, from, to, limit int) (events []replay.Entry, next int) {
	for next = from; next < to && limit > 0; next++ {
		if next < len(t.newer) && t.newer[next] != 0 && t.newer[next] < to {
			continue
		}
		dst = append(dst, t.events[next].Entry())
		limit--
	}
	return dst, next
}

// newest returns the id of the newest event, or the id that the catch-up was opened with. It is "" where the newest event has no
// id.
func (t *trail) newest() string {
	if n := len(t.events); n > 0 {
		return t.events[n-1].ID
	}
	return t.from
}

// find returns the index of the second of two neighbours.
func (t *trail) find(pair neighbours) (n int, ok bool) {
	if !pair.valid() {
		return 0, false
	}
	n, ok = t.pairs[pair]
	return n, ok && n != several
}

func (p neighbours) valid() bool { return p.before != "" && p.id != "" && p.before != p.id }

// findPlace is the type of place.
type findPlace func(log *replay.Ring, sure *sureness, pair neighbours) (at replay.Position, ok bool)

// place returns the position in the log of the second of two neighbours that a catch-up has brought. The first one must be the
// newest event with its id in the log, and must be sure.
func place(log *replay.Ring, sure *sureness, pair neighbours) (at replay.Position, ok bool) {
	at, ok = log.Find(pair.before)
	if !ok || !sure.covers(at) {
		return replay.Position{}, false
	}
	return at, idAt(log, at) == pair.id
}

// pairAt returns the pair of neighbours of which the second is at a position in the log. ok is false where there is none, where
// the first one is not sure, or where the log cannot tell which of several events with its id it is.
func pairAt(log *replay.Ring, sure *sureness, at replay.Position) (pair neighbours, ok bool) {
	if at.Offset == 0 || !sure.covers(at) {
		return neighbours{}, false
	}
	var two [2]replay.Entry
	events, err := log.Entries(two[:0], replay.Position{Epoch: at.Epoch, Offset: at.Offset - 1}, 2)
	if err != nil || len(events) < 2 {
		return neighbours{}, false
	}
	pair = neighbours{events[0].ID(), events[1].ID()}
	behind, ok := log.Find(pair.before)
	return pair, ok && behind == at
}

// newestID returns the id of the newest event in the log, or "". The log may have grown since the state was read.
func newestID(log *replay.Ring, state replay.State) string {
	if state.First == state.Next {
		return ""
	}
	return idAt(log, replay.Position{Epoch: state.Epoch, Offset: state.Next - 1})
}

// idUpTo returns the id of the newest event that has one, of those from one place up to another one, or "".
func idUpTo(log *replay.Ring, from, to replay.Position) string {
	for at := to; at.Offset > from.Offset; {
		at.Offset--
		if id := idAt(log, at); id != "" {
			return id
		}
	}
	return ""
}

// idAt returns the id of an event in the log, or "".
func idAt(log *replay.Ring, at replay.Position) string {
	var one [1]replay.Entry
	events, err := log.Entries(one[:0], at, 1)
	if err != nil || len(events) == 0 {
		return ""
	}
	return events[0].ID()
}
