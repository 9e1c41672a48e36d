package cluster_test

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/fanout"
	"github.com/grpcsse/grpcsse/bridge/internal/pump"
	"github.com/grpcsse/grpcsse/bridge/internal/reading"
)

// kind is a kind of upstream.
type kind int

const (
	noIDs   kind = iota // ids are positions
	ids                 // events have ids, and the upstream takes no cursor
	cursors             // the upstream goes on behind an id
)

// ledger is an upstream for all replicas: its events are the numbers from 1 on. Without a cursor it begins with the newest one.
type ledger struct {
	kind kind

	mu   sync.Mutex
	sent int
	news chan struct{} // closed when there are more
	open int
}

func newLedger(k kind) *ledger { return &ledger{kind: k, news: make(chan struct{})} }

func (l *ledger) send(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sent += n
	close(l.news)
	l.news = make(chan struct{})
}

func (l *ledger) state() (sent int, news <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.sent, l.news
}

func (l *ledger) readers() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.open
}

func (l *ledger) count(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open += n
}

// reader is the ledger as one replica opens it. It passes the gate of its process before each event.
type reader struct {
	*ledger
	gate func()
}

// Run implements [reading.Upstream].
func (r *reader) Run(ctx context.Context, a reading.Attempt, sink reading.Sink) reading.Result {
	cancelled := reading.Result{
		Fate: reading.Broken, End: pump.End{Ending: &ending.Ending{Code: ending.Unavailable, Reason: "cancelled"}},
	}
	if ctx.Err() != nil {
		return cancelled
	}
	r.count(1)
	defer r.count(-1)
	sent, _ := r.state()
	next := max(1, sent)
	if a.HasCursor {
		cursor, err := strconv.Atoi(a.Cursor)
		if err != nil {
			return reading.Result{Fate: reading.Refused}
		}
		next = cursor + 1
	}
	sink.Opened()
	sink.Accepted(reading.Header{})
	for {
		sent, news := r.state()
		for ; next <= sent; next++ {
			r.gate()
			e := &reading.Event{Block: []byte("data: " + strconv.Itoa(next))}
			if r.kind != noIDs {
				e.ID = []byte(strconv.Itoa(next))
			}
			if err := sink.Event(ctx, e); err != nil {
				return cancelled
			}
		}
		select {
		case <-ctx.Done():
			return cancelled
		case <-news:
		}
	}
}

// browser reads the key at one replica after another, and notes what is wrong with what it gets.
type browser struct {
	*fanout.Subscriber
	at     *process
	lastID string
	newest int // the number that it had last; 0: none yet, or a reset was told since
	got    int // events
	log    []string
}

// read takes all that there is, and reports whether the stream has ended.
func (b *browser) read(m *model) (ended bool, err error) {
	for {
		pieces, end := b.Peek(nil, 1<<20)
		for _, p := range pieces {
			if err := b.take(m, string(p)); err != nil {
				return false, err
			}
		}
		b.Advance(len(pieces))
		if end != nil {
			return true, nil
		}
		if len(pieces) == 0 {
			return false, nil
		}
	}
}

// take checks one block.
func (b *browser) take(m *model, block string) error {
	var event, data, id string
	for line := range strings.Lines(block) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch name {
		case "event":
			event = value
		case "data":
			data = value
		case "id":
			id = value
		}
	}
	b.log = append(b.log, strings.TrimSpace(event+" "+data+"#"+id+"@"+b.at.name))
	if id != "" {
		b.lastID = id
	}
	if event != "" {
		if strings.HasSuffix(event, "reset") {
			b.newest = 0
		}
		return nil
	}
	n, err := strconv.Atoi(data)
	if err != nil {
		return nil //nolint:nilerr // a block without data
	}
	if b.newest != 0 && n != b.newest+1 {
		return fmt.Errorf("%d came behind %d, and nothing was told: %v", n, b.newest, b.log)
	}
	if known, ok := m.meaning[id]; ok && known != n {
		return fmt.Errorf("the id %s is that of %d and of %d: %v", id, known, n, b.log)
	}
	m.meaning[id] = n
	b.newest = n
	b.got++
	return nil
}
