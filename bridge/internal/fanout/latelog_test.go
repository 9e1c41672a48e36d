package fanout_test

import (
	"context"
	"slices"

	"github.com/grpcsse/grpcsse/bridge/internal/replay"
)

// lateLog is a log that may show what it took some time later, as one that lives elsewhere would. It remembers all that it has
// shown. Only one goroutine at a time uses it, but for reading.
type lateLog struct {
	*replay.Ring

	bounds replay.Bounds
	late   bool // whether what it takes waits for show
	next   replay.Position
	after  string            // what the epoch goes on after that it has taken
	cursor string            // the id of the newest event that it has taken, or what its epoch goes on after
	taken  []func()          // what it has not shown
	epochs []epoch           // what it has, evicted events included
	past   map[string]string // why no subscriber resumes from an id: an earlier epoch had it, or the upstream refused it
}

// epoch is what one epoch of a log has shown.
type epoch struct {
	name, after string
	events      []*replay.Event
}

func newLateLog(b replay.Bounds, late bool) *lateLog {
	return &lateLog{Ring: replay.NewRing(b), bounds: b, late: late, past: map[string]string{}}
}

func (l *lateLog) Begin(ctx context.Context, name, after string) error {
	if e, number := l.newest(); number >= 0 {
		for _, event := range e.events[l.first():] {
			if l.past[event.ID] == "" {
				l.past[event.ID] = "epoch"
			}
		}
	}
	l.next, l.after, l.cursor = replay.Position{Epoch: name}, after, after
	l.take(func() {
		l.epochs = append(l.epochs, epoch{name: name, after: after})
		_ = l.Ring.Begin(ctx, name, after)
	})
	return nil
}

func (l *lateLog) Append(ctx context.Context, e *replay.Event) error {
	if e.Position != l.next {
		return &replay.ConflictError{At: e.Position, Next: l.next}
	}
	l.next.Offset++
	l.cursor = e.ID
	l.take(func() {
		newest := &l.epochs[len(l.epochs)-1]
		newest.events = append(newest.events, e)
		_ = l.Ring.Append(ctx, e)
	})
	return nil
}

func (l *lateLog) take(do func()) {
	if l.taken = append(l.taken, do); !l.late {
		l.show(1)
	}
}

// show shows the next n things that it has taken.
func (l *lateLog) show(n int) {
	for ; n > 0 && len(l.taken) > 0; n-- {
		do := l.taken[0]
		l.taken = l.taken[1:]
		do()
	}
}

// newest returns what is shown of the newest epoch, and its number, which is negative where there is none.
func (l *lateLog) newest() (e epoch, number int) {
	if len(l.epochs) == 0 {
		return epoch{}, -1
	}
	return l.epochs[len(l.epochs)-1], len(l.epochs) - 1
}

// first is the offset of the oldest event of the newest epoch that is held.
func (l *lateLog) first() int {
	e, _ := l.newest()
	return max(0, len(e.events)-l.bounds.Events)
}

// find returns the index behind the one event with an id, as far as the newest epoch still has what follows.
func (l *lateLog) find(id string, ownIDs bool) (index int, ok bool) {
	e, _ := l.newest()
	if ownIDs {
		name, behind, isOwn := positionOf(id)
		return behind, isOwn && name == e.name && behind >= l.first() && behind <= len(e.events)
	}
	for i, event := range slices.Backward(e.events[l.first():]) {
		switch same := event.ID == id && id != ""; {
		case same && ok && e.events[l.first()+i+1].ID != id:
			return 0, false
		case same && !ok:
			index, ok = l.first()+i+1, true
		}
	}
	return index, ok
}
