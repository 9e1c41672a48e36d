package bridge

import (
	"cmp"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/fanout"
	"github.com/grpcsse/grpcsse/bridge/internal/pump"
	"github.com/grpcsse/grpcsse/bridge/internal/serve"
)

// observers calls the observers of a bridge, one after the other. A panic of an observer stops neither the other observers nor
// the bridge. It is safe for concurrent use.
type observers struct {
	all []Observer
	log *slog.Logger
	// panicked has the methods whose panic was logged.
	panicked sync.Map
}

// observerMethod is a method of one observer.
type observerMethod struct {
	observer int // the index
	name     string
}

// tell calls a method of each observer. method is its name.
func (o *observers) tell(method string, call func(Observer)) {
	for i := range o.all {
		o.guard(observerMethod{i, method}, call)
	}
}

// guard calls a method of one observer, and recovers from its panic. It logs the first panic of each method.
func (o *observers) guard(method observerMethod, call func(Observer)) {
	defer func() {
		p := recover()
		if p == nil {
			return
		}
		if _, known := o.panicked.LoadOrStore(method, true); !known {
			o.log.Error("an observer panicked: further panics of the method are not logged", "method", method.name, "panic", p,
				"stack", string(debug.Stack()))
		}
	}()
	call(o.all[method.observer])
}

func (o *observers) started(b *Bridge) { o.tell("Started", func(to Observer) { to.Started(b) }) }
func (o *observers) reloaded(err error) {
	o.tell("Reloaded", func(to Observer) { to.Reloaded(Reload{Err: err}) })
}

func (o *observers) closed(b *Bridge) { o.tell("Closed", func(to Observer) { to.Closed(b) }) }

// handlerObserver passes the calls of the handler on.
type handlerObserver struct{ *observers }

var _ serve.Observer = handlerObserver{}

// StreamOpened implements [serve.Observer].
func (h handlerObserver) StreamOpened(s serve.Opening) {
	h.tell("StreamOpened", func(to Observer) { to.StreamOpened(StreamOpening(s)) })
}

// StreamEnded implements [serve.Observer].
func (h handlerObserver) StreamEnded(s serve.Opening, code ending.Code, out pump.Outcome) {
	end := StreamEnd{
		Route: s.Route, Shared: s.Shared, Reason: Reason(out.Reason), Code: codes.Code(code),
		Events: out.Events, Bytes: out.Bytes, Duration: s.After,
	}
	if told := cmp.Or(out.End, out.Cut); told != nil {
		end.Limit = Limit(told.Ending.Limit)
	}
	h.tell("StreamEnded", func(to Observer) { to.StreamEnded(end) })
}

// ClientLeft implements [serve.Observer].
func (h handlerObserver) ClientLeft(s serve.Opening) {
	h.tell("ClientLeft", func(to Observer) { to.ClientLeft(StreamOpening(s)) })
}

// Delivered implements [serve.Observer].
func (h handlerObserver) Delivered(s serve.Opening, taken pump.Sample) {
	d := Delivery{
		Route: s.Route, Shared: s.Shared, First: taken.First, After: taken.After, Live: taken.Live, Delay: taken.Delay,
		Behind: taken.Behind,
	}
	h.tell("Delivered", func(to Observer) { to.Delivered(d) })
}

// Refused implements [serve.Observer].
func (h handlerObserver) Refused(route string, end *ending.Ending) {
	r := Refusal{Route: route, Reason: Reason(end.Reason), Limit: Limit(end.Limit), Code: codes.Code(end.Code)}
	h.tell("Refused", func(to Observer) { to.Refused(r) })
}

// streamObserver passes the calls of the streams on.
type streamObserver struct{ *observers }

// IDLeftOut implements [stream.Observer].
func (s streamObserver) IDLeftOut(route string) {
	s.tell("IDLeftOut", func(to Observer) { to.IDLeftOut(LeftOutID{Route: route}) })
}

// TypeUnknown implements [stream.Observer].
func (s streamObserver) TypeUnknown(route, name string) {
	s.tell("TypeUnknown", func(to Observer) { to.TypeUnknown(UnknownType{Route: route, Name: name}) })
}

// Reopened implements [stream.Observer].
func (s streamObserver) Reopened(route string, shared bool, code ending.Code) {
	r := Reopening{Route: route, Shared: shared, Code: codes.Code(code)}
	s.tell("Reopened", func(to Observer) { to.Reopened(r) })
}

// UpstreamEnded implements [stream.Observer].
func (s streamObserver) UpstreamEnded(route string, shared bool, code ending.Code) {
	end := UpstreamEnd{Route: route, Shared: shared, Code: codes.Code(code)}
	s.tell("UpstreamEnded", func(to Observer) { to.UpstreamEnded(end) })
}

// Resumed implements [stream.Observer].
func (s streamObserver) Resumed(route string, shared bool, how ending.Resumed) {
	r := Resume{Route: route, Shared: shared, Result: ResumeResult(how.From.String()), Reset: ResetReason(how.Reset.String())}
	s.tell("Resumed", func(to Observer) { to.Resumed(r) })
}

// Reset implements [stream.Observer].
func (s streamObserver) Reset(route string, shared bool, why ending.Reset) {
	r := Reset{Route: route, Shared: shared, Reason: ResetReason(why.String())}
	s.tell("Reset", func(to Observer) { to.Reset(r) })
}

// Skipped implements [stream.Observer].
func (s streamObserver) Skipped(route string) {
	s.tell("Skipped", func(to Observer) { to.Skipped(Skip{Route: route}) })
}

// Superseded implements [stream.Observer].
func (s streamObserver) Superseded(route string, n int) {
	s.tell("Superseded", func(to Observer) { to.Superseded(Supersession{Route: route, Events: n}) })
}

// CatchUpStarted implements [stream.Observer].
func (s streamObserver) CatchUpStarted(route string) {
	s.tell("CatchUpStarted", func(to Observer) { to.CatchUpStarted(CatchUpStart{Route: route}) })
}

// CatchUpEnded implements [stream.Observer].
func (s streamObserver) CatchUpEnded(route string, outcome fanout.Outcome, lasted time.Duration) {
	end := CatchUpEnd{Route: route, Outcome: CatchUpOutcome(outcome), Lasted: lasted}
	s.tell("CatchUpEnded", func(to Observer) { to.CatchUpEnded(end) })
}

// catalogObserver passes the calls of the catalog on.
type catalogObserver struct{ *observers }

// StreamWaits implements [catalog.Observer].
func (c catalogObserver) StreamWaits(upstream string, waiting int) {
	c.tell("StreamWaits", func(to Observer) { to.StreamWaits(SlotWait{Upstream: upstream, Waiting: waiting}) })
}

// StreamWaited implements [catalog.Observer].
func (c catalogObserver) StreamWaited(upstream string, waited time.Duration) {
	c.tell("StreamWaited", func(to Observer) { to.StreamWaited(SlotWaited{Upstream: upstream, Waited: waited}) })
}

// Connections implements [catalog.Observer].
func (c catalogObserver) Connections(upstream string, n int) {
	c.tell("ConnectionsChanged", func(to Observer) { to.ConnectionsChanged(ConnectionCount{Upstream: upstream, Count: n}) })
}
