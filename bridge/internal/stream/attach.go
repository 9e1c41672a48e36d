package stream

import (
	"context"
	"errors"
	"time"

	"google.golang.org/grpc/metadata"

	"github.com/grpcsse/grpcsse/bridge/internal/bind"
	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/frame"
	"github.com/grpcsse/grpcsse/bridge/internal/pump"
	"github.com/grpcsse/grpcsse/bridge/internal/request"
	"github.com/grpcsse/grpcsse/bridge/internal/route"
	"github.com/grpcsse/grpcsse/bridge/internal/source"
)

// Subscription is one caller's access to a private or a shared stream. One goroutine at a time uses it.
type Subscription interface {
	// Cursor returns the cursor that reads the stream's events.
	Cursor() pump.Cursor
	// FirstWord reports whether the upstream has accepted the stream or ended it. end is not nil for a stream that has ended
	// without events. FirstWord may change the topic of the cursor, as Peek may.
	FirstWord() (spoken bool, end *ending.Ending)
	// Header returns the response metadata of the upstream that the route exposes, nil where there is none. It is not called after
	// Detach.
	Header() metadata.MD
	// Key returns what all subscriptions to one shared stream have in common, and no others. It is "" for a private stream. It may
	// hold credentials of the caller. Key may be called concurrently with all other methods.
	Key() string
	// Detach separates the subscription from the context of the request, which ends when the handler returns. The subscription of
	// a parked connection goes on after that.
	Detach()
	// Close ends the subscription, and waits until it has released everything. Close or Leave must be called, and once.
	Close()
	// Leave does the same without waiting. It has then called on another goroutine once everything was released.
	Leave(then func())
	// Resumed returns how the stream went on after the id that the caller came with. It may be called only after Close, or by the
	// function given to Leave.
	Resumed() ending.Resumed
}

// Attach binds in to the route's request message, and attaches the caller to a stream. form is the form of the events on the
// caller's connection. Attach returns an ending where the input cannot be bound or a limit is reached. It does not wait for the
// upstream.
func (s *Streams) Attach(rt *route.Route, req *request.Request, form frame.Form, in bind.Input) (Subscription, *ending.Ending) {
	if !source.Hold(rt.Plan.Source) { // a reload has removed the upstream since the route was found
		return nil, ending.Refuse(ending.Unavailable, ending.ByRoute, "the route was changed just now")
	}
	sub, end := s.attach(rt, req, form, in)
	if end != nil {
		source.Release(rt.Plan.Source)
		return nil, end
	}
	return sub, nil
}

// attach is Attach for a route whose source is held. Closing the subscription releases the source.
func (s *Streams) attach(rt *route.Route, req *request.Request, form frame.Form, in bind.Input) (Subscription, *ending.Ending) {
	if rt.Config.Share != nil {
		return s.join(rt, req, form, in)
	}
	first, err := rt.Bind(req.Head, in)
	lost := lostOn(rt, req.Cursor)
	if cursor := (*bind.CursorError)(nil); errors.As(err, &cursor) {
		lost, in.HasLastEventID = lostCursor{req.Cursor.ID, ending.ResetInvalid}, false
		first, err = rt.Bind(req.Head, in)
	}
	if err != nil {
		return nil, unbound(err)
	}
	return s.open(rt, req, form, in, first, lost), nil
}

// AwaitFirstWord waits until the upstream has accepted the stream or ended it, for the duration wait at most. It returns early
// when drain is closed, since an open stream can then end in good order. It reports false if ctx ends before that, because the
// client has left. end is not nil for a stream that has ended without events.
func (s *Streams) AwaitFirstWord(
	ctx context.Context, sub Subscription, wait time.Duration, drain <-chan struct{},
) (opened bool, end *ending.Ending) {
	w := s.wordWait()
	defer s.waits.Put(w)
	w.timer.Reset(wait)
	defer w.timer.Stop()
	follower := pump.NewFollower(sub.Cursor(), w.notify)
	defer follower.Stop()
	for {
		if spoken, end := sub.FirstWord(); spoken {
			return true, end
		}
		follower.Follow()
		select {
		case <-ctx.Done():
			return false, nil
		case <-w.timer.C:
			return ctx.Err() == nil, nil
		case <-drain:
			return ctx.Err() == nil, nil
		case <-w.ready: // a reset, which comes from the bridge, also sets ready
		}
	}
}

// wordWait is what a wait for a first word needs. Each stream that opens waits, so it is used again.
type wordWait struct {
	timer  *time.Timer
	ready  chan struct{} // may have a value from before the wait
	notify func()        // sets ready
}

func (s *Streams) wordWait() *wordWait {
	if w, ok := s.waits.Get().(*wordWait); ok {
		return w
	}
	w := &wordWait{timer: time.NewTimer(time.Hour), ready: make(chan struct{}, 1)}
	w.notify = func() {
		select {
		case w.ready <- struct{}{}:
		default:
		}
	}
	return w
}
