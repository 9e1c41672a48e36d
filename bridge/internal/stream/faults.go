package stream

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/route"
)

// faults logs what goes wrong at the upstreams, and when an outage is over. Thousands of streams may break in the same moment,
// so the first fault of a kind is logged at once, and the faults that follow are counted and logged as one line every
// faultsEvery. Its methods may be called concurrently.
type faults struct {
	log *slog.Logger

	mu     sync.Mutex
	recent map[fault]*repeats // the kinds that were logged in the last faultsEvery
	closed bool
}

// faultsEvery is how often faults of one kind are logged.
const faultsEvery = 10 * time.Second

// fault is a kind of fault. Their number is bounded by the routes, the codes and the events.
type fault struct {
	event      faultEvent
	route, rpc string
	code       ending.Code
}

// faultEvent is what happened.
type faultEvent uint8

const (
	upstreamBroke    faultEvent = iota // an upstream stream broke and is opened again, and its clients do not notice
	upstreamIsBack                     // the upstream has accepted the stream again
	upstreamFailed                     // an upstream stream broke, and its clients receive the end
	endedByTheBridge                   // a message cannot be passed on, or the upstream has no room for the stream
	readerPanicked                     // the bridge itself has a fault
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

// episode is the state of an outage: the number of attempts to open the upstream again, and the time since it broke.
type episode struct {
	attempt int
	lasted  time.Duration
}

func (e *episode) add(other episode) {
	e.attempt, e.lasted = max(e.attempt, other.attempt), max(e.lasted, other.lasted)
}

// repeats counts the faults of one kind that are not logged yet.
type repeats struct {
	timer *time.Timer
	count int
	worst episode
}

func newFaults(log *slog.Logger) *faults { return &faults{log: log, recent: map[fault]*repeats{}} }

// report logs a fault now, or counts it for the next line about its kind. about is logged only with a line for this fault
// alone.
func (f *faults) report(what fault, e episode, about ...any) {
	f.mu.Lock()
	if f.closed {
		f.mu.Unlock()
		return
	}
	if r := f.recent[what]; r != nil {
		r.count++
		r.worst.add(e)
		f.mu.Unlock()
		return
	}
	f.recent[what] = &repeats{timer: time.AfterFunc(faultsEvery, func() { f.sum(what) })}
	f.mu.Unlock()
	if what.event == upstreamIsBack {
		f.sumBreaks(what.route, what.rpc)
	}
	f.write(what, e, about...)
}

// sumBreaks logs at once how many breaks of a route were counted: after the line that says that the upstream is back, theirs would
// say the contrary.
func (f *faults) sumBreaks(route, rpc string) {
	f.mu.Lock()
	counted := map[fault]repeats{}
	for what, r := range f.recent {
		if what.event == upstreamBroke && what.route == route && what.rpc == rpc && r.count > 0 {
			counted[what] = *r
			r.count, r.worst = 0, episode{}
		}
	}
	f.mu.Unlock()
	for what, r := range counted {
		f.write(what, r.worst, "more", r.count)
	}
}

// sum logs how many faults of a kind were counted. Where there were none, the kind is no longer recent.
func (f *faults) sum(what fault) {
	f.mu.Lock()
	r := f.recent[what]
	if f.closed || r == nil {
		f.mu.Unlock()
		return
	}
	count, worst := r.count, r.worst
	if r.count, r.worst = 0, (episode{}); count == 0 {
		delete(f.recent, what)
	} else {
		r.timer.Reset(faultsEvery)
	}
	f.mu.Unlock()
	if count > 0 {
		f.write(what, worst, "more", count)
	}
}

// close logs the faults that were counted. Faults that are reported afterwards are ignored.
func (f *faults) close() {
	f.mu.Lock()
	rest := f.recent
	f.recent, f.closed = nil, true
	f.mu.Unlock()
	for what, r := range rest {
		r.timer.Stop()
		if r.count > 0 {
			f.write(what, r.worst, "more", r.count)
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

// faultOf returns the kind of a fault of one of the route's streams.
func faultOf(rt *route.Route, event faultEvent, code ending.Code) fault {
	what := fault{event: event, route: rt.Config.Name, code: code}
	if rt.Plan != nil {
		what.rpc = rt.Plan.Method
	}
	return what
}

// ReportFailure logs an end that a caller has received, if the upstream is at fault. An error that the request causes, such as
// INVALID_ARGUMENT, is not logged.
func (s *Streams) ReportFailure(rt *route.Route, by ending.Reason, code ending.Code) {
	if by == ending.ByUpstream && (code.ServerFault() || code.Retry()) {
		s.faults.report(faultOf(rt, upstreamFailed, code), episode{})
	}
}

// outage is the time from the break of a stream until the upstream accepts the stream again. One goroutine uses it.
type outage struct {
	began   time.Time   // zero while there is no outage
	code    ending.Code // the code of the newest break
	attempt int
}

// reportBroken reports that an upstream stream broke and is opened again. An end in good order is no fault.
func (f *feed) reportBroken(end *ending.Ending) {
	if end.Code == ending.OK {
		return
	}
	o := &f.outage
	if o.began.IsZero() {
		o.began = time.Now()
	}
	o.attempt++
	o.code = end.Code
	f.streams.faults.report(faultOf(f.rt, upstreamBroke, end.Code), o.episode())
}

// reportBack reports that an outage is over, if there was one.
func (f *feed) reportBack() {
	o := f.outage
	if f.outage = (outage{}); !o.began.IsZero() {
		f.streams.faults.report(faultOf(f.rt, upstreamIsBack, o.code), o.episode())
	}
}

func (o *outage) episode() episode {
	return episode{o.attempt, time.Since(o.began).Round(time.Millisecond)}
}
