package chaos

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync"
)

// message is the data of an event.
type message struct {
	Sequence int64  `json:"sequence,string"`
	Kind     string `json:"kind"` // the upstream stream, on routes of the kind positions
	Text     string `json:"text"`
}

// received is an event as an EventSource has it.
type received struct{ id, name, data string }

// ledger is what a client holds each event against. The client's events must be a reading of the upstream's sequence: each event
// once, in order, and no hole that is not told by a reset.
type ledger struct {
	topic topic
	book  *book // of all clients

	id   string // the last one
	last int64  // the number of the last event, or of the one that the last id stands behind; 0: any event may come
}

// visit is the beginning of a connection. The client goes on behind its last id.
func (l *ledger) visit() {
	if l.id == "" {
		l.last = 0
		return
	}
	l.last = l.at(l.id)
}

// at returns the number of the event that an id stands behind; 0 where that is not known.
func (l *ledger) at(id string) int64 {
	if l.topic.kind == positions {
		return l.book.sequence(id)
	}
	n, _ := strconv.ParseInt(id, 10, 64) // a foreign id is found where it comes
	return n
}

// take enters an event, and returns what is wrong with it; "" is nothing.
func (l *ledger) take(e received) (wrong string) {
	before := l.id
	if e.id != "" {
		l.id = e.id
	}
	switch e.name {
	case "":
		return l.event(e, before)
	case "grpc-cursor":
		return l.cursor(e, before)
	case "grpc-reset":
		l.last = 0
		if l.topic.kind == cursors {
			return "a reset on a route that resumes"
		}
	case "grpc-status":
		if !strings.Contains(e.data, `"retry":true`) {
			return "an end for ever"
		}
	case "grpc-stale", "grpc-live":
	default:
		return "an event of an unknown name"
	}
	return ""
}

func (l *ledger) event(e received, before string) string {
	var m message
	if err := json.Unmarshal([]byte(e.data), &m); err != nil {
		return err.Error()
	}
	expected := l.last + 1
	resumes := l.last != 0
	l.last = m.Sequence
	switch {
	case m.Text != l.topic.text(m.Sequence):
		return "the text belongs to another event"
	case resumes && m.Sequence != expected:
		return fmt.Sprintf("expected event %d, found %d", expected, m.Sequence)
	case l.topic.kind == positions:
		return l.book.enter(e.id, m, before, resumes)
	case e.id != strconv.FormatInt(m.Sequence, 10):
		return fmt.Sprintf("event %d has the id %s", m.Sequence, e.id)
	}
	return ""
}

// cursor enters a place that a client is told which has had no event.
func (l *ledger) cursor(e received, before string) string {
	at := l.at(e.id)
	switch {
	case at == 0 && l.topic.kind != positions:
		return "a cursor that is no number"
	case l.last != 0 && before != e.id:
		return fmt.Sprintf("a cursor at %s for a client behind %s", e.id, before)
	}
	l.last = at
	return ""
}

// book has the events with ids of the bridges' own. It may be used concurrently.
type book struct {
	mu     sync.Mutex
	events map[string]message // guarded by mu; by id
	epochs map[string]string  // guarded by mu; the upstream stream of an epoch
}

func newBook() *book { return &book{events: map[string]message{}, epochs: map[string]string{}} }

// sequence returns the number of the event with an id, 0 where no client has had it.
func (b *book) sequence(id string) int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.events[id].Sequence
}

// enter notes an event with an id of a bridge's own. In the whole cluster, an id means one event, an epoch one upstream stream,
// and the ids of an epoch are numbered without a hole.
func (b *book) enter(id string, m message, before string, resumes bool) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	epoch, offset, ok := parse(id)
	if !ok {
		return "the id is none of a bridge"
	}
	if known, ok := b.events[id]; ok && known != m {
		return fmt.Sprintf("the id %s stood for %+v", id, known)
	}
	b.events[id] = m
	if known, ok := b.epochs[epoch]; ok && known != m.Kind {
		return fmt.Sprintf("the epoch %s was one of upstream stream %s", epoch, known)
	}
	b.epochs[epoch] = m.Kind
	if e, o, _ := parse(before); resumes && (e != epoch || o+1 != offset) {
		return fmt.Sprintf("the id %s came behind %s", id, before)
	}
	return ""
}

// parse reads an id of a bridge: the name of an epoch and a number.
func parse(id string) (epoch string, offset int64, ok bool) {
	epoch, number, _ := strings.Cut(id, "-")
	offset, err := strconv.ParseInt(number, 10, 64)
	return epoch, offset, err == nil && epoch != ""
}
