package replay

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// Ring is a log in the memory of one process. What is appended can be read at once. Its methods ignore their contexts: none of
// them waits.
//
// The bytes that it bounds are those of the frames, in all forms, those made after the event was appended too, with
// [eventBytes] for each event and its id and key. As forms are made without the log's knowledge, they may exceed the bound until
// the log is next used.
type Ring struct {
	bounds   Bounds
	held     atomic.Int64 // bytes; frames add to it when a form is made
	watchers watchers

	mu     sync.RWMutex
	closed bool
	epoch  string
	after  string // the id that precedes offset 0
	window window
	ids    map[string]places // of the held events with an id
}

// places says which held events have one id.
type places struct {
	newest uint64 // the offset of the newest one
	apart  uint64 // one more than the offset of the newest one that others stand between and the newest; 0 where there was none
}

var _ Log = (*Ring)(nil)

// eventBytes is about what an event takes besides its frame's bytes, id and key: the event, the frame, its place in the ring and
// among the ids.
const eventBytes = 256

// NewRing returns an empty log. Its first epoch is yet to begin.
func NewRing(b Bounds) *Ring { return &Ring{bounds: b, ids: map[string]places{}} }

// Begin is [Log.Begin]. Of the former epochs it knows only the last.
func (r *Ring) Begin(_ context.Context, epoch, after string) error {
	if err := r.begin(epoch, after); err != nil {
		return err
	}
	r.watchers.notify()
	return nil
}

func (r *Ring) begin(epoch, after string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.closed:
		return ErrClosed
	case epoch == "":
		return errors.New("replay: expected the name of an epoch, found none")
	case epoch == r.epoch:
		return fmt.Errorf("replay: expected a new epoch, found %s, which the log is in", epoch)
	}
	r.drop()
	r.epoch, r.after = epoch, after
	return nil
}

// Append is [Log.Append]; it fails with a [*ConflictError] or [ErrClosed] only.
func (r *Ring) Append(_ context.Context, e *Event) error {
	if err := r.append(e); err != nil {
		return err
	}
	r.watchers.notify()
	return nil
}

func (r *Ring) append(e *Event) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return ErrClosed
	}
	if next := (Position{r.epoch, r.window.next}); e.Position != next || r.epoch == "" {
		return &ConflictError{At: e.Position, Next: next}
	}
	if e.At.IsZero() {
		e.At = time.Now()
	}
	r.window.push(e)
	r.held.Add(overhead(e))
	e.Frame.Hold(&r.held)
	r.note(e)
	r.evictDue()
	return nil
}

// note notes where the newest event has its id.
func (r *Ring) note(e *Event) {
	if e.ID == "" {
		return
	}
	at, known := r.ids[e.ID]
	if known && at.newest+1 != e.Offset {
		at.apart = at.newest + 1
	}
	at.newest = e.Offset
	r.ids[e.ID] = at
}

// Watch is [Log.Watch]. notify is called by whoever appends.
func (r *Ring) Watch(notify func()) (stop func()) { return r.watchers.add(notify) }

// Read is [Log.Read].
func (r *Ring) Read(dst []*Event, from Position, limit int) ([]*Event, error) {
	defer r.view(from.Offset).RUnlock()
	switch {
	case r.closed:
		return dst, ErrClosed
	case from.Epoch != r.epoch || from.Offset < r.window.first():
		return dst, ErrGone
	}
	for _, s := range r.window.from(from.Offset, limit) {
		dst = append(dst, s.event)
	}
	return dst, nil
}

// Find is [Log.Find].
func (r *Ring) Find(id string) (Position, bool) {
	defer r.view(0).RUnlock()
	if id == "" || r.epoch == "" || r.closed {
		return Position{}, false
	}
	if at, ok := r.ids[id]; ok {
		return Position{r.epoch, at.newest + 1}, true
	}
	return Position{r.epoch, 0}, id == r.after && r.window.first() == 0
}

// FindUnique is [Log.FindUnique].
func (r *Ring) FindUnique(id string) (Position, bool) {
	defer r.view(0).RUnlock()
	at, ok := r.ids[id]
	if !ok || at.apart > r.window.first() || r.closed {
		return Position{}, false
	}
	return Position{r.epoch, at.newest + 1}, true
}

// State is [Log.State].
func (r *Ring) State() State {
	defer r.view(0).RUnlock()
	return State{Epoch: r.epoch, First: r.window.first(), Next: r.window.next, Bytes: r.held.Load()}
}

// Lag is [Log.Lag].
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
		lag.Share = r.share(lag, w.at(from.Offset))
	}
	return lag
}

// share returns the greatest share of the bounds that a lag makes use of, whose oldest event is e.
func (r *Ring) share(lag Lag, e *Event) float64 {
	used := 0.0
	if r.bounds.Events > 0 {
		used = float64(lag.Events) / float64(r.bounds.Events)
	}
	if r.bounds.Bytes > 0 {
		part := float64(lag.Bytes) / float64(r.window.bytes(r.window.first()))
		used = max(used, part*float64(r.held.Load())/float64(r.bounds.Bytes))
	}
	if r.bounds.Age > 0 {
		used = max(used, time.Since(e.At).Seconds()/r.bounds.Age.Seconds())
	}
	return min(used, 1)
}

// Trim is [Log.Trim].
func (r *Ring) Trim(bytes int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.window.len() > 1 && r.held.Load() > bytes {
		r.evict()
	}
}

// Close is [Log.Close].
func (r *Ring) Close() {
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return
	}
	r.closed = true
	r.drop()
	r.epoch, r.after = "", ""
	r.mu.Unlock()
	r.watchers.notify()
}
