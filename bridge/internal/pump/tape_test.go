package pump

import (
	"bytes"
	"cmp"
	"slices"
	"sync"
	"time"
)

// tape is a topic that keeps everything that was put on it, and tells all its watchers.
type tape struct {
	mu       sync.Mutex
	pieces   [][]byte
	end      *End
	watchers map[int]func()
	watched  int      // how many calls of Watch there were
	given    []func() // all functions that Watch was given
	watching func()   // called by the next Watch, before it watches
}

func (t *tape) Watch(notify func()) (stop func()) {
	if before := t.watching; before != nil {
		t.watching = nil
		before()
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.given = append(t.given, notify)
	if t.watchers == nil {
		t.watchers = make(map[int]func())
	}
	t.watched++
	id := t.watched
	t.watchers[id] = notify
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		delete(t.watchers, id)
	}
}

func (t *tape) put(pieces ...string) {
	t.change(func() {
		for _, p := range pieces {
			t.pieces = append(t.pieces, []byte(p))
		}
	})
}

func (t *tape) finish(e End) { t.change(func() { t.end = &e }) }

func (t *tape) change(how func()) {
	t.mu.Lock()
	how()
	var told []func()
	for _, notify := range t.watchers {
		told = append(told, notify)
	}
	t.mu.Unlock()
	for _, notify := range told {
		notify()
	}
}

// ring tells all watchers, although nothing was put on the tape.
func (t *tape) ring() { t.change(func() {}) }

// ringLate makes the calls that may have begun before the watches ended.
func (t *tape) ringLate() {
	t.mu.Lock()
	given := slices.Clone(t.given)
	t.mu.Unlock()
	for _, notify := range given {
		notify()
	}
}

// watches returns how many watches there are now.
func (t *tape) watches() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.watchers)
}

// head is a place on a tape. At the next Peek the pieces of the last one are overwritten. So a test fails if the pump still
// needs one of them.
type head struct {
	*tape
	at          int
	slack       int // how many pieces the head may be behind; no limit where 0
	interjected int // how many calls of Interjected there were
	peeks       int // how many calls of Peek there were
	abandoned   int // how many calls of Abandon there were
	shown       [][]byte
	all         bool // the last Peek has shown all that there was
	drained     bool // the last Advance has passed all that there was
	blind       bool // Drained is always false, as for a cursor that does not know
	lag         Lag
	retry       time.Duration // the reconnection time that suits the head; the given one where 0

	topic     *tape   // the topic; the tape itself where nil
	topics    []*tape // the topics after each of the next calls of Peek; nil is the same one as before
	withholds bool    // a Peek that changes the topic gives nothing
}

func (h *head) Abandon() { h.abandoned++ }

func (h *head) Lag(time.Time) Lag { return h.lag }

func (h *head) Topic() Topic {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.current()
}

// current returns the topic. The lock is held.
func (h *head) current() *tape { return cmp.Or(h.topic, h.tape) }

// put puts pieces on the tape, and rings the present topic of the head and no other one.
func (h *head) put(pieces ...string) {
	h.tape.put(pieces...)
	h.ring()
}

func (h *head) finish(e End) {
	h.tape.finish(e)
	h.ring()
}

func (h *head) ring() { h.Topic().(*tape).ring() }

// turn changes the topic if it is time, and reports whether it has changed. The lock is held.
func (h *head) turn() (changed bool) {
	if len(h.topics) == 0 {
		return false
	}
	before := h.current()
	h.topic, h.topics = cmp.Or(h.topics[0], h.topic), h.topics[1:]
	return h.current() != before
}

func (h *head) Peek(dst [][]byte, limit int) ([][]byte, *End) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, b := range h.shown {
		copy(b, bytes.Repeat([]byte{'#'}, len(b)))
	}
	h.shown, h.all = h.shown[:0], false
	h.peeks++
	if h.turn() && h.withholds {
		return dst, nil
	}
	at, taken := h.at, 0
	for ; at < len(h.pieces) && (taken == 0 || taken+len(h.pieces[at]) <= limit); at++ {
		taken += len(h.pieces[at])
		b := bytes.Clone(h.pieces[at])
		h.shown = append(h.shown, b)
		dst = append(dst, b)
	}
	if h.all = at == len(h.pieces) && h.end == nil; at == len(h.pieces) {
		return dst, h.end
	}
	return dst, nil
}

func (h *head) Advance(n int) int {
	if n > len(h.shown) {
		panic("the cursor passes more than it has shown")
	}
	h.at += n
	h.drained = h.all && n > 0 && n == len(h.shown)
	return n
}

// Drained implements [Drained]. Until the next Advance it says what it said before, so that a test fails if a pump asks too early.
func (h *head) Drained() bool { return h.drained && !h.blind }

func (h *head) Interjected() { h.interjected++ }

func (h *head) Overdue(lacks int, stalled bool) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.slack > 0 && stalled && len(h.pieces)-h.at > h.slack
}

func (h *head) Retry(given time.Duration) time.Duration { return cmp.Or(h.retry, given) }
