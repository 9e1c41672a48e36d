package bridge

import (
	"context"
	"errors"
	"runtime/debug"

	"google.golang.org/grpc/metadata"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/internal/bind"
	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/fanout"
	"github.com/grpcsse/grpcsse/bridge/internal/frame"
	"github.com/grpcsse/grpcsse/bridge/internal/pump"
	"github.com/grpcsse/grpcsse/bridge/internal/replay"
	"github.com/grpcsse/grpcsse/bridge/internal/request"
)

// join finds the caller a place on the shared stream for its request, and opens that stream where it is the first.
func (b *Bridge) join(rt *route, req *request.Request, form frame.Form, in bind.Input) (subscription, *ending.Ending) {
	fits := rt.fits(req.Head, in)
	in.LastEventID, in.HasLastEventID = "", false
	message, md, err := rt.bind(req.Head, in)
	if err != nil {
		return nil, unbound(err)
	}
	key := shareKey(rt.plan.digest, message, md)
	sub, err := b.shared.Join(key, newcomer(req, form, fits), func() (fanout.Settings, fanout.Upstream) {
		return rt.sharing(), newSharedUpstream(b, rt, req.Head, in)
	})
	switch {
	case errors.Is(err, fanout.ErrLimit):
		return nil, ending.Refuse(ending.ResourceExhausted, ending.ByLimit, "too many different streams are shared")
	case err != nil:
		return nil, ending.ShuttingDown()
	}
	return shared{sub}, nil
}

// fits reports whether the cursor in the input has the type of the field that the route binds it to. A cursor of another type
// cannot be the id of a message of the route. An input without a cursor fits.
func (rt *route) fits(head request.Head, in bind.Input) bool {
	if !in.HasLastEventID {
		return true
	}
	_, _, err := rt.bind(head, in)
	cursor := (*bind.CursorError)(nil)
	return !errors.As(err, &cursor)
}

// newcomer returns what a shared stream has to know of a client. fits is what [route.fits] says of the client's cursor.
func newcomer(req *request.Request, form frame.Form, fits bool) fanout.Newcomer {
	c := req.Cursor
	return fanout.Newcomer{
		Form: form, Lines: req.Format == request.Lines,
		LastEventID: c.ID, Malformed: c.ID != "" && !(c.Valid && fits),
	}
}

// sharing is how the route's streams are shared.
func (rt *route) sharing() fanout.Settings {
	share := rt.cfg.Share
	return fanout.Settings{
		Label: rt.cfg.Name,
		Bounds: replay.Bounds{
			Events: share.Replay.Events, Bytes: int64(share.Replay.Bytes), Age: share.Replay.Age,
		},
		LateJoin: fanout.LateJoin{Mode: lateJoins()[share.LateJoin.Mode], Keys: share.LateJoin.Keys},
		Skip:     share.SlowClient == config.SlowClientSkip,
		Linger:   share.Linger,
		MaxAge:   share.ReopenAfter,
		Retry:    rt.cfg.Event.Retry,
		Backoff:  rt.reopening(),
		HasID:    rt.plan.id != nil,
		Resumes:  rt.plan.binder.UsesCursor(),
		Slow:     rt.render(ending.Refuse(ending.ResourceExhausted, ending.BySlow, "the client is too slow")),
	}
}

func lateJoins() map[config.LateJoinMode]fanout.LateJoinMode {
	return map[config.LateJoinMode]fanout.LateJoinMode{
		config.LateJoinLatest: fanout.Latest, config.LateJoinAll: fanout.All, config.LateJoinNone: fanout.None,
		config.LateJoinLatestBy: fanout.LatestBy, config.LateJoinSince: fanout.Since,
	}
}

// shared is a caller's place on a shared stream.
type shared struct{ *fanout.Subscriber }

var _ subscription = shared{}

func (s shared) cursor() pump.Cursor { return s.Subscriber }

func (s shared) word() (spoken bool, end *ending.Ending) {
	if last, ok := s.End(); ok {
		return true, last.Ending
	}
	select {
	case <-s.Opened():
		return true, nil
	default:
		return false, nil
	}
}

func (s shared) header() metadata.MD {
	return metadata.MD(s.Header())
}

func (s shared) outlive() {} // the stream is the bridge's, and no request's
func (s shared) close()   { s.Close() }

// sharedUpstream reads the upstream for everybody on one shared stream. The request is the opener's, who may be gone long
// since.
type sharedUpstream struct {
	feed
	head  request.Head
	in    bind.Input
	sink  fanout.Sink
	began bool // whether the newest upstream stream did
}

func newSharedUpstream(b *Bridge, rt *route, opener request.Head, in bind.Input) *sharedUpstream {
	u := &sharedUpstream{
		feed: feed{renderer: renderer{rt: rt}, bridge: b, source: rt.plan.source},
		head: opener.Keep(headersRead(rt.cfg)),
		in:   in,
	}
	u.in.Reference = u.head.Reference
	u.out = u
	return u
}

// Run implements [fanout.Upstream].
func (u *sharedUpstream) Run(ctx context.Context, a fanout.Attempt, sink fanout.Sink) (out fanout.Result) {
	defer func() {
		if p := recover(); p != nil {
			out = fanout.Result{Fate: fanout.Over, End: u.rt.render(u.recovered(p, debug.Stack()))}
		}
	}()
	u.sink, u.began = sink, false
	in := u.in
	in.LastEventID, in.HasLastEventID = a.Cursor, a.HasCursor
	message, md, err := u.rt.bind(u.head, in)
	if err != nil {
		fate := fanout.Over
		if a.HasCursor {
			fate = fanout.Refused
		}
		return fanout.Result{Fate: fate, End: u.rt.render(unbound(err))}
	}
	if timeout := u.rt.cfg.Request.Timeout; timeout > 0 {
		var stop context.CancelFunc
		ctx, stop = context.WithTimeout(ctx, timeout)
		defer stop()
	}
	return u.judged(ctx, a, u.stream(ctx, message, md))
}

// judged says what the end of one upstream stream means for those who share it.
func (u *sharedUpstream) judged(ctx context.Context, a fanout.Attempt, end *ending.Ending) fanout.Result {
	u.report(end)
	if !u.began && ctx.Err() == nil {
		u.judge(end)
	}
	if !a.Reopening && !u.began && end.Code == ending.OK && u.rt.hides(end) { // an end in good order that is hidden is a first word too
		u.accepted(nil)
	}
	fate := fanout.Over
	switch {
	case end.Code == ending.Canceled && u.bridge.ctx.Err() != nil:
		end = ending.ShuttingDown()
	case a.HasCursor && u.events == 0 && refusesCursor(end):
		fate = fanout.Refused
	case u.rt.hides(end), end.Retry && end.Reason == ending.ByLimit:
		// a stream that nobody reads any more, or that is old enough, is closed and has not broken
		if fate = fanout.Broken; (a.Reopening || u.began) && !errors.Is(ctx.Err(), context.Canceled) {
			u.broke(end)
		}
	case a.Reopening && u.events == 0 && end.Reason == ending.ByUpstream && end.Code != ending.OK:
		end = end.ComeBack() // somebody else's stream was refused: each may open it with credentials of their own
	}
	return fanout.Result{Fate: fate, End: u.rt.render(end)}
}

// accepted is part of output.
func (u *sharedUpstream) accepted(header metadata.MD) {
	u.began = true
	u.sink.Accepted(fanout.Header(header))
}

// event is part of output.
func (u *sharedUpstream) event(ctx context.Context, b *block) error {
	return u.sink.Event(ctx, fanout.Event{Block: b.bytes, Data: b.data, ID: b.id, Key: b.key, Mark: b.mark})
}
