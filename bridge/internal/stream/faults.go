package stream

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/route"
)

// faults tells the operator what goes wrong upstream, and when it is over. Thousands of streams may break in the same
// moment: the first of a kind is a line at once, and those that follow are counted, and are one line every faultsEvery. Its
// methods may be called concurrently.
type faults struct {
	log *slog.Logger

	mu     sync.Mutex
	recent map[fault]*alike // of the last faultsEvery
	closed bool
}

// faultsEvery is how often the operator is told of more faults of one kind.
const faultsEvery = 10 * time.Second

// fault is a kind of fault. There are as many as routes, codes and events.
type fault struct {
	event      faultEvent
	route, rpc string
	code       ending.Code
}

// faultEvent is what happened.
type faultEvent uint8

const (
	upstreamBroke    faultEvent = iota // it is opened again behind the browsers' backs
	upstreamIsBack                     // the upstream takes the stream again
	upstreamFailed                     // those who listen are told
	endedByTheBridge                   // a message cannot be passed on, or there is no room
	readerPanicked                     // a fault of the bridge itself
)

func (e faultEvent) level() slog.Level {
	switch e {
	case upstreamIsBack:
		return slog.LevelInfo
	case readerPanicked:
		return slog.LevelError
	}
	return slog.LevelWarn
}

func (e faultEvent) String() string {
	return [...]string{
		"an upstream stream broke, and is opened again", "an upstream stream is back",
		"a stream ended with an error of the upstream", "a stream was ended by the bridge", "panic while reading a stream",
	}[e]
}

// episode is how far an outage has come: attempts to open the upstream again, and the time since it broke.
type episode struct {
	attempt int
	lasted  time.Duration
}

func (e *episode) add(other episode) {
	e.attempt, e.lasted = max(e.attempt, other.attempt), max(e.lasted, other.lasted)
}

// alike are faults of a kind that were not told yet.
type alike struct {
	timer *time.Timer
	count int
	most  episode
}

func newFaults(log *slog.Logger) *faults { return &faults{log: log, recent: map[fault]*alike{}} }

// tell tells of a fault, now or with the others of its kind. about goes with a line of its own only.
func (f *faults) tell(what fault, e episode, about ...any) {
	f.mu.Lock()
	if f.closed {
		f.mu.Unlock()
		return
	}
	if a := f.recent[what]; a != nil {
		a.count++
		a.most.add(e)
		f.mu.Unlock()
		return
	}
	f.recent[what] = &alike{timer: time.AfterFunc(faultsEvery, func() { f.sum(what) })}
	f.mu.Unlock()
	f.write(what, e, about...)
}

// sum tells of those that were counted. A kind of which there were none is forgotten.
func (f *faults) sum(what fault) {
	f.mu.Lock()
	a := f.recent[what]
	if f.closed || a == nil {
		f.mu.Unlock()
		return
	}
	count, most := a.count, a.most
	if a.count, a.most = 0, (episode{}); count == 0 {
		delete(f.recent, what)
	} else {
		a.timer.Reset(faultsEvery)
	}
	f.mu.Unlock()
	if count > 0 {
		f.write(what, most, "more", count)
	}
}

// close tells of those that were counted, and then of none.
func (f *faults) close() {
	f.mu.Lock()
	rest := f.recent
	f.recent, f.closed = nil, true
	f.mu.Unlock()
	for what, a := range rest {
		a.timer.Stop()
		if a.count > 0 {
			f.write(what, a.most, "more", a.count)
		}
	}
}

func (f *faults) write(what fault, e episode, about ...any) {
	line := []any{"route", what.route, "rpc", what.rpc, "code", what.code.String()}
	if e.attempt > 0 {
		line = append(line, "attempt", e.attempt, "lasted", e.lasted)
	}
	f.log.Log(context.Background(), what.event.level(), what.event.String(), append(line, about...)...)
}

// fault returns what happened to a stream of the route.
func faultOf(rt *route.Route, event faultEvent, code ending.Code) fault {
	what := fault{event: event, route: rt.Config.Name, code: code}
	if rt.Plan != nil {
		what.rpc = rt.Plan.Method
	}
	return what
}

// TellFailed tells the operator of an end that is the upstream's own fault, and that a caller was told. One that the request is
// the reason for is none.
func (s *Streams) TellFailed(rt *route.Route, by ending.Reason, code ending.Code) {
	if by == ending.ByUpstream && (code.ServerFault() || code.Retry()) {
		s.faults.tell(faultOf(rt, upstreamFailed, code), episode{})
	}
}

// outage follows one stream, of one caller or shared, from its break until the upstream takes it again. One goroutine uses it.
type outage struct {
	began   time.Time // zero while there is none
	code    ending.Code
	attempt int
}

// broke tells that the upstream is opened again. An upstream that ends in good order is no fault.
func (f *feed) broke(end *ending.Ending) {
	if end.Code == ending.OK {
		return
	}
	o := &f.outage
	if o.began.IsZero() {
		o.began = time.Now()
	}
	o.attempt++
	o.code = end.Code
	f.streams.faults.tell(faultOf(f.rt, upstreamBroke, end.Code), o.episode())
}

// back tells that an outage is over, if there was one.
func (f *feed) back() {
	o := f.outage
	if f.outage = (outage{}); !o.began.IsZero() {
		f.streams.faults.tell(faultOf(f.rt, upstreamIsBack, o.code), o.episode())
	}
}

func (o *outage) episode() episode {
	return episode{o.attempt, time.Since(o.began).Round(time.Millisecond)}
}
