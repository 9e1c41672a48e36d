package stream

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
	"github.com/grpcsse/grpcsse/bridge/internal/route"
	"github.com/grpcsse/grpcsse/bridge/internal/source"
)

// join attaches the caller to the shared stream for its request. It opens the stream for the first caller, and a catch-up for a
// caller whose id the log of the stream does not have.
func (s *Streams) join(rt *route.Route, req *request.Request, form frame.Form, in bind.Input) (Subscription, *ending.Ending) {
	fits := cursorFits(rt, req.Head, in)
	in.LastEventID, in.HasLastEventID = "", false
	first, err := rt.Bind(req.Head, in)
	if err != nil {
		return nil, unbound(err)
	}
	key := rt.ShareKey(first)
	n := newcomer(req, form, fits)
	_, n.Retired = rt.Edition.Retired()
	sub, err := s.shared.Join(key, n, func() (fanout.Settings, reading.Upstream) {
		return fanoutSettings(rt), s.sharedFeed(rt, req, in, first)
	})
	switch {
	case errors.Is(err, fanout.ErrLimit):
		return nil, ending.AtLimit(ending.SharedStreams)
	case err != nil:
		return nil, ending.ShuttingDown()
	}
	return shared{sub, rt.Plan.Source}, nil
}

// cursorFits reports whether the cursor in the input has the type of the field to which the route binds it. A cursor of another
// type cannot be the id of a message of the route. An input without a cursor fits.
func cursorFits(rt *route.Route, head request.Head, in bind.Input) bool {
	if !in.HasLastEventID {
		return true
	}
	_, err := rt.Bind(head, in)
	cursor := (*bind.CursorError)(nil)
	return !errors.As(err, &cursor)
}

// newcomer describes a client to a shared stream. fits is the result of cursorFits for the client's cursor.
func newcomer(req *request.Request, form frame.Form, fits bool) fanout.Newcomer {
	c := req.Cursor
	return fanout.Newcomer{
		Form: form, Lines: req.Format == request.Lines,
		LastEventID: c.ID, Malformed: c.ID != "" && (!c.Valid || !fits),
	}
}

// fanoutSettings returns how the streams of the route are shared.
func fanoutSettings(rt *route.Route) fanout.Settings {
	share := rt.Config.Share
	return fanout.Settings{
		Label: rt.Config.Name,
		Bounds: replay.Bounds{
			Events: share.Replay.Events, Bytes: int64(share.Replay.Bytes), Age: share.Replay.Age,
		},
		LateJoin:    fanout.LateJoin{Mode: lateJoins()[share.LateJoin.Mode], Keys: share.LateJoin.Keys},
		Pace:        fanout.Pace{Every: share.Pace.Every, Newest: share.Pace.NewestBy != ""},
		Skip:        share.SlowClient == config.SlowClientSkip,
		Linger:      share.Linger,
		ReopenAfter: share.ReopenAfter,
		Retry:       rt.Config.Event.Retry,
		Backoff:     rt.Backoff(),
		HasID:       rt.Plan.ID != nil,
		Resumes:     rt.Plan.Binder.UsesCursor(),
		CatchUps:    share.CatchUp,
		Cluster:     share.Cluster,
		Keep:        func() (release func()) { return keep(rt.Plan.Source) },
		Retired:     func() bool { _, retired := rt.Edition.Retired(); return retired },
		Slow: func() pump.End {
			return rt.Render(ending.Refuse(ending.ResourceExhausted, ending.BySlow, "the client is too slow"))
		},
	}
}

// keep holds a source that is held already, and returns what releases it.
func keep(s source.Source) (release func()) {
	source.Hold(s)
	return func() { source.Release(s) }
}

func lateJoins() map[config.LateJoinMode]fanout.LateJoinMode {
	return map[config.LateJoinMode]fanout.LateJoinMode{
		config.LateJoinLatest: fanout.Latest, config.LateJoinAll: fanout.All, config.LateJoinNone: fanout.None,
		config.LateJoinLatestBy: fanout.LatestBy, config.LateJoinSince: fanout.Since,
	}
}

// shared is a caller's subscription to a shared stream.
type shared struct {
	*fanout.Subscriber

	source source.Source // held until Close
}

var _ Subscription = shared{}

// Cursor implements [Subscription].
func (s shared) Cursor() pump.Cursor { return s.Subscriber }

// FirstWord implements [Subscription].
func (s shared) FirstWord() (spoken bool, end *ending.Ending) {
	spoken = s.Subscriber.Opened()
	// The end is asked for after that, because a stream that has ended counts as opened.
	if last, ok := s.Subscriber.End(); ok {
		return true, last.Ending
	}
	return spoken, nil
}

// Header implements [Subscription].
func (s shared) Header() metadata.MD { return metadata.MD(s.Subscriber.Header()) }

// Detach implements [Subscription]. A shared stream does not depend on the context of any request.
func (s shared) Detach() {}

// Close implements [Subscription].
func (s shared) Close() {
	s.Subscriber.Close()
	source.Release(s.source)
}

// Leave implements [Subscription].
func (s shared) Leave(then func()) {
	go func() {
		s.Close()
		then()
	}()
}

// sharedFeed returns the feed of a shared stream, or of a catch-up beside it. opener and in come from the request of the client
// that opened the stream or that catches up. That client may leave before the others.
func (s *Streams) sharedFeed(rt *route.Route, opener *request.Request, in bind.Input, first *route.Call) *feed {
	f := &feed{
		renderer: renderer{rt: rt}, streams: s, source: rt.Plan.Source, shared: true,
		reopens: func(end *ending.Ending) bool { return hides(rt, end) || end.Retry && end.Reason == ending.ByLimit },
		span:    opener.Span,
		first:   first, again: newRebinding(rt, opener.Head, in),
	}
	return f
}
