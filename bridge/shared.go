package bridge

import (
	"errors"

	"google.golang.org/grpc/metadata"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/internal/bind"
	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/fanout"
	"github.com/grpcsse/grpcsse/bridge/internal/frame"
	"github.com/grpcsse/grpcsse/bridge/internal/pump"
	"github.com/grpcsse/grpcsse/bridge/internal/reading"
	"github.com/grpcsse/grpcsse/bridge/internal/replay"
	"github.com/grpcsse/grpcsse/bridge/internal/request"
)

// join finds the caller a place on the shared stream for its request, and opens that stream where it is the first.
func (b *Bridge) join(rt *route, req *request.Request, form frame.Form, in bind.Input) (subscription, *ending.Ending) {
	fits := rt.fits(req.Head, in)
	in.LastEventID, in.HasLastEventID = "", false
	first, err := rt.bind(req.Head, in)
	if err != nil {
		return nil, unbound(err)
	}
	key := shareKey(rt.plan.digest, first)
	sub, err := b.shared.Join(key, newcomer(req, form, fits), func() (fanout.Settings, reading.Upstream) {
		return rt.sharing(), b.sharedFeed(rt, req.Head, in, first)
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
	_, err := rt.bind(head, in)
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

// sharedFeed returns what reads the upstream for all clients of a shared stream. Its opener may have left long since.
func (b *Bridge) sharedFeed(rt *route, opener request.Head, in bind.Input, first *call) *feed {
	f := &feed{
		renderer: renderer{rt: rt}, bridge: b, source: rt.plan.source, shared: true,
		reopens: func(end *ending.Ending) bool { return rt.hides(end) || end.Retry && end.Reason == ending.ByLimit },
		first:   first, head: opener.Keep(headersRead(rt.cfg)), in: in,
	}
	f.in.Reference = f.head.Reference
	return f
}
