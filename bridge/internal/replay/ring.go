package replay

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// Ring is a log in the memory of one process: a sequence of events that grows at one end and is evicted at the other. An event
// can be read as soon as Append has returned. All methods may be called concurrently, and none of them waits: contexts are
// ignored. After Close methods return [ErrClosed] or zero values.
//
// The bound of bytes counts every form of each event's block, [eventBytes] for each event, and its id and key. A form that is
// made after the event was appended counts too. Since the log does not notice when a form is made, it may be over the bound
// until it is next used. An event of which only the plain form is needed takes less than it counts: so no reader has the log evict
// events that another reader needs, except by the forms that it asks for.
type Ring struct {
	bounds   Bounds
	warm     time.Duration // see KeepWarm
	held     atomic.Int64  // bytes; frames add to it when a form is made
	watchers watchers

	mu     sync.RWMutex
	closed bool
	epoch  string
	window window
	ids    map[string]places // by the id of the held events that have one and stand before noted
	noted  uint64            // the offset of the first event that is not noted in ids
	// subjects has the offset of the newest held event of each subject; nil while no event has had one.
	subjects map[Subject]uint64
}

// notedLate is how many held events may not be noted in the ids before one of them is looked for. In a log that is not longer, no
// event is noted unless a subscriber comes back. In a longer one, the first search does not take long.
const notedLate = 1024

// places says which held events have one id.
type places struct {
	newest uint64 // the offset of the newest event with the id
	// apart is 1 + the offset of the newest event with the id that other events separate from the newest one; 0 is none.
	apart uint64
}

// eventBytes is about what an event takes besides the bytes of its block, id and key, where an [Event] is made of it: that, its place
// in the log and its place among the ids.
const eventBytes = 256

// NewRing returns an empty log. Its first epoch has not begun.
func NewRing(b Bounds) *Ring {
	return &Ring{bounds: b, ids: map[string]places{}}
}

// KeepWarm has the log drop what it made for readers only of events that are older than the newest one by an age, and by a second at
// least. It is for readers that read later than that. It must be called before the log is used.
func (r *Ring) KeepWarm(age time.Duration) { r.warm = age }

// Begin begins an epoch. The log drops all events, and positions of earlier epochs can no longer be read. The name of the epoch
// must not be empty and must not have been used before; Begin compares it with the last epoch only. After an error the log is
// as it was.
func (r *Ring) Begin(_ context.Context, epoch string) error { return r.BeginAt(epoch, 0) }

// BeginAt has the log go on at an offset of an epoch, for a log that gets the events of another log. The log drops all events.
// Where the log is in another epoch, BeginAt begins this epoch as Begin does, but the first event gets the given offset. Where
// the log is in this epoch already, it is as if the events before the offset had been appended and evicted: the offset must be
// behind the end of the log. After an error the log is as it was.
func (r *Ring) BeginAt(epoch string, offset uint64) error {
	if err := r.beginAt(epoch, offset); err != nil {
		return err
	}
	r.watchers.notify()
	return nil
}

func (r *Ring) beginAt(epoch string, offset uint64) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.closed:
		return ErrClosed
	case epoch == "":
		return errors.New("replay: expected the name of an epoch, found none")
	case epoch == r.epoch && offset <= r.window.next:
		return fmt.Errorf("replay: expected a new epoch, or an offset behind %s, found %s", Position{r.epoch, r.window.next},
			Position{epoch, offset})
	}
	r.drop()
	r.epoch, r.window.next = epoch, offset
	return nil
}

// Append adds a copy of d behind the newest event. The error is a [*ConflictError] where d's position is not the next one, or
// [ErrClosed]. After an error the log is as it was.
func (r *Ring) Append(_ context.Context, d Draft) error {
	if err := r.append(&d); err != nil {
		return err
	}
	r.watchers.notify()
	return nil
}

func (r *Ring) append(d *Draft) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.refuse(d.Position, 0); err != nil {
		return err
	}
	r.cool(1)
	r.push(d)
	r.settle()
	return nil
}

// AppendAll is Append for several events that follow each other. Functions given to Watch are called once. After an error none
// of the events is appended.
func (r *Ring) AppendAll(events []*Event) error {
	if len(events) == 0 {
		return nil
	}
	if err := r.appendAll(events); err != nil {
		return err
	}
	r.watchers.notify()
	return nil
}

func (r *Ring) appendAll(events []*Event) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, e := range events {
		if err := r.refuse(e.Position, uint64(i)); err != nil {
			return err
		}
	}
	r.cool(len(events))
	for _, e := range events {
		d := e.Draft()
		r.push(&d)
	}
	r.settle()
	return nil
}

// refuse returns why an event cannot be appended at a position behind as many others, or nil.
func (r *Ring) refuse(at Position, behind uint64) error {
	if r.closed {
		return ErrClosed
	}
	if next := (Position{r.epoch, r.window.next + behind}); at != next || r.epoch == "" {
		return &ConflictError{At: at, Next: next}
	}
	return nil
}

// cool drops what was made of old events, before as many new ones are added: readers are told of these first.
func (r *Ring) cool(n int) { r.window.cool(max(warmAge, r.warm), n) }

// push adds an event that may be appended.
func (r *Ring) push(d *Draft) {
	if d.At.IsZero() {
		d.At = time.Now()
	}
	r.window.push(r, d)
	r.supersede(d)
}

// settle evicts what is over the bounds, and then notes the ids where many held events are not noted.
func (r *Ring) settle() {
	r.evictDue()
	if r.window.next-max(r.noted, r.window.first()) > notedLate {
		r.note()
	}
}

// note adds to the ids the events that are not among them.
func (r *Ring) note() {
	for offset := max(r.noted, r.window.first()); offset < r.window.next; offset++ {
		id := r.window.id(offset)
		if len(id) == 0 {
			continue
		}
		at, known := r.ids[string(id)]
		if known && at.newest+1 != offset {
			at.apart = at.newest + 1
		}
		at.newest = offset
		r.ids[string(id)] = at
	}
	r.noted = r.window.next
}

// Watch has w told of each change that State and Read show: an event, an epoch, the end of the log. stop ends the calls, but a call
// that has begun may end after stop has returned. stop may be called more than once.
func (r *Ring) Watch(w Watcher) (stop func()) { return r.watchers.add(w) }

// Read appends to dst the events from a position on, at most limit of them. It appends none where no event follows yet, and none
// for a position behind the end of the epoch. The error is [ErrGone] where the event at from has been evicted or from is in
// another epoch, and [ErrClosed] after Close. The events are made for their readers: who needs only a part of them uses
// [Ring.Entries].
func (r *Ring) Read(dst []*Event, from Position, limit int) ([]*Event, error) {
	defer r.view(from.Offset).RUnlock()
	if err := r.gone(from); err != nil {
		return dst, err
	}
	for offset, end := from.Offset, r.window.end(from.Offset, limit); offset < end; offset++ {
		dst = append(dst, r.window.event(offset))
	}
	return dst, nil
}

// Entries is Read for a reader that needs no more than the entries of events. It makes nothing.
func (r *Ring) Entries(dst []Entry, from Position, limit int) ([]Entry, error) {
	defer r.view(from.Offset).RUnlock()
	if err := r.gone(from); err != nil {
		return dst, err
	}
	for offset, end := from.Offset, r.window.end(from.Offset, limit); offset < end; offset++ {
		dst = append(dst, r.window.entry(offset))
	}
	return dst, nil
}

// gone returns why the events from a position on cannot be read, or nil. The lock is held.
func (r *Ring) gone(from Position) error {
	switch {
	case r.closed:
		return ErrClosed
	case from.Epoch != r.epoch || from.Offset < r.window.first():
		return ErrGone
	}
	return nil
}

// Find returns the position behind the newest event with an id: the first event that a subscriber lacks whose last event had the
// id. The id is as it stands on the wire. Find finds only ids of held events. An id is not found where another event stands
// between two held events that have it, because the log cannot tell which of the two the subscriber had.
func (r *Ring) Find(id string) (Position, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.evictDue()
	r.note()
	at, ok := r.ids[id]
	if !ok || at.apart > r.window.first() {
		return Position{}, false
	}
	return Position{r.epoch, at.newest + 1}, true
}

// State returns what the log holds.
func (r *Ring) State() State {
	defer r.view(0).RUnlock()
	return State{Epoch: r.epoch, First: r.window.first(), Next: r.window.next, Bytes: r.held.Load()}
}

// Bytes returns how many bytes the log holds, also of events that are due for eviction.
func (r *Ring) Bytes() int64 { return r.held.Load() }

// Age returns how long ago the event at a position was received, or 0 where the log does not hold it. Age costs as little as
// [Ring.Lag], however old the event is.
func (r *Ring) Age(at Position) time.Duration {
	defer r.view(at.Offset).RUnlock()
	if r.gone(at) != nil || at.Offset >= r.window.next {
		return 0
	}
	return time.Since(r.window.received(at.Offset))
}

// Lag returns how far behind a reader is whose next event is the one at from. Lag costs as little as a Read that finds nothing.
func (r *Ring) Lag(from Position) Lag {
	defer r.view(from.Offset).RUnlock()
	w := &r.window
	switch {
	case from.Epoch != r.epoch || r.closed:
		return Lag{Share: 1}
	case from.Offset < w.first():
		return Lag{Events: w.next - from.Offset, Bytes: w.bytes(w.first()), Share: 1}
	case from.Offset >= w.next:
		return Lag{}
	}
	lag := Lag{Events: w.next - from.Offset, Bytes: w.bytes(from.Offset)}
	if lag.Events > 1 {
		lag.Share = r.share(lag, w.received(from.Offset))
	}
	return lag
}

// share returns the greatest share of a bound that the events of a lag use. The oldest of them was received at a time.
func (r *Ring) share(lag Lag, received time.Time) float64 {
	used := 0.0
	if r.bounds.Events > 0 {
		used = float64(lag.Events) / float64(r.bounds.Events)
	}
	if r.bounds.Bytes > 0 {
		part := float64(lag.Bytes) / float64(r.window.bytes(r.window.first()))
		used = max(used, part*float64(r.held.Load())/float64(r.bounds.Bytes))
	}
	if r.bounds.Age > 0 {
		used = max(used, time.Since(received).Seconds()/r.bounds.Age.Seconds())
	}
	return min(used, 1)
}

// Trim evicts the oldest events until the log holds at most so many bytes, or the newest event alone.
func (r *Ring) Trim(bytes int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.window.len() > 1 && r.held.Load() > bytes {
		r.evict()
	}
}

// Close drops all events and closes the log. A second call does nothing.
func (r *Ring) Close() {
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return
	}
	r.closed = true
	r.drop()
	r.epoch = ""
	r.mu.Unlock()
	r.watchers.notify()
}
