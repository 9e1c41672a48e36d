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
)

// Subscription is one caller's place on a stream: a private one, or a shared one.
type Subscription interface {
	// Cursor reads the stream's events.
	Cursor() pump.Cursor
	// FirstWord reports whether the upstream has spoken, by accepting the stream or by ending it. The ending is not nil where it is
	// all that the stream has.
	FirstWord() (spoken bool, end *ending.Ending)
	// Header is the response metadata, nil where none came yet.
	Header() metadata.MD
	// Detach lets the subscription go on when the request's context ends: a parked connection has no handler any more.
	Detach()
	// Close gives up the place, once, and waits until nothing of it is left.
	Close()
}

// Attach binds in to the route's request message, and finds the caller a place on a stream.
func (s *Streams) Attach(rt *route.Route, req *request.Request, form frame.Form, in bind.Input) (Subscription, *ending.Ending) {
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

// AwaitFirstWord waits for the stream's first word: an event, the upstream's acceptance, an end without events, or the end of
// wait. A drain ends the wait too: what is open is then ended in good order. It reports false where the client left
// first. The ending is not nil where it is all that the stream has.
func AwaitFirstWord(ctx context.Context, sub Subscription, wait time.Duration, drain <-chan struct{}) (opened bool, end *ending.Ending) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	ready := make(chan struct{}, 1)
	defer sub.Cursor().Topic().Watch(func() {
		select {
		case ready <- struct{}{}:
		default:
		}
	})()
	for {
		if spoken, end := sub.FirstWord(); spoken {
			return true, end
		}
		select {
		case <-ctx.Done():
			return false, nil
		case <-timer.C:
			return true, nil
		case <-drain:
			return true, nil
		case <-ready: // which a reset, the bridge's own word, makes ready too
		}
	}
}
