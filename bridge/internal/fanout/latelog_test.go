package fanout_test

import (
	"context"
	"slices"
	"time"

	"github.com/grpcsse/grpcsse/bridge/internal/replay"
)

// lateLog is an appender that may show an event some time after it has taken it, as a log outside the process would. It
// remembers everything that it has shown. Only one goroutine at a time uses it.
type lateLog struct {
	shown  *replay.Ring // what subscribers read
	bounds replay.Bounds
	late   bool // whether an event waits for show
	next   replay.Position
	cursor string            // the id of the newest event that was taken
	taken  []func()          // each shows an event or an epoch that was taken
	epochs []epoch           // what was shown, evicted events included
	past   map[string]string // why no subscriber resumes from an id: an earlier epoch had it, or the upstream refused it
}

// epoch is what one epoch of a log has shown.
type epoch struct {
	name   string
	events []*replay.Event
}

func newLateLog(shown *replay.Ring, b replay.Bounds, late bool) *lateLog {
	return &lateLog{shown: shown, bounds: b, late: late, past: map[string]string{}}
}

func (l *lateLog) Begin(ctx context.Context, name string) error {
	if e, number := l.newest(); number >= 0 {
		for _, event := range e.events[l.first():] {
			if l.past[event.ID] == "" {
				l.past[event.ID] = "epoch"
			}
		}
	}
	l.next, l.cursor = replay.Position{Epoch: name}, ""
	l.take(func() {
		l.epochs = append(l.epochs, epoch{name: name})
		_ = l.shown.Begin(ctx, name)
	})
	return nil
}

func (l *lateLog) Append(ctx context.Context, d replay.Draft) error {
	e := d.Event() // the block is the caller's
	if e.Position != l.next {
		return &replay.ConflictError{At: e.Position, Next: l.next}
	}
	l.next.Offset++
	l.cursor = e.ID
	l.take(func() {
		if e.At.IsZero() {
			e.At = time.Now()
		}
		newest := &l.epochs[len(l.epochs)-1]
		newest.events = append(newest.events, e)
		_ = l.shown.Append(ctx, e.Draft())
	})
	return nil
}

func (l *lateLog) take(do func()) {
	if l.taken = append(l.taken, do); !l.late {
		l.show(1)
	}
}

// show shows the next n things that were taken.
func (l *lateLog) show(n int) {
	for ; n > 0 && len(l.taken) > 0; n-- {
		do := l.taken[0]
		l.taken = l.taken[1:]
		do()
	}
}

// newest returns what is shown of the newest epoch, and the number of that epoch. The number is negative where there is none.
func (l *lateLog) newest() (e epoch, number int) {
	if len(l.epochs) == 0 {
		return epoch{}, -1
	}
	return l.epochs[len(l.epochs)-1], len(l.epochs) - 1
}

// first returns the offset of the oldest held event of the newest epoch.
func (l *lateLog) first() int {
	e, _ := l.newest()
	return max(0, len(e.events)-l.bounds.Events)
}

// find returns the index behind the one event with an id, where the newest epoch still holds what follows.
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
