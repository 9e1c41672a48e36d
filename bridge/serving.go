package bridge

import (
	"sync"

	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/frame"
	"github.com/grpcsse/grpcsse/bridge/internal/pump"
	"github.com/grpcsse/grpcsse/bridge/internal/request"
	"github.com/grpcsse/grpcsse/bridge/sse"
)

// serving is how the pump serves the callers of one route. There are few kinds of callers and many callers, so each kind's
// settings are made once and shared. It is safe for concurrent use.
type serving struct {
	mu    sync.Mutex
	kinds map[kind]*pump.Settings
}

// kind is what about a caller the pump has to know.
type kind struct {
	form   frame.Form
	format request.Format
	final  bool
}

// settings returns how the pump serves a caller of rt.
func (rt *route) settings(b *Bridge, k kind) *pump.Settings {
	rt.serving.mu.Lock()
	defer rt.serving.mu.Unlock()
	s := rt.serving.kinds[k]
	if s == nil {
		if rt.serving.kinds == nil {
			rt.serving.kinds = map[kind]*pump.Settings{}
		}
		s = rt.newSettings(b, k)
		rt.serving.kinds[k] = s
	}
	return s
}

func (rt *route) newSettings(b *Bridge, k kind) *pump.Settings {
	s := &pump.Settings{
		Form:      k.form,
		Mute:      k.format == request.Lines,
		Comment:   []byte(sse.Heartbeat),
		Heartbeat: rt.cfg.Heartbeat,

		WriteTimeout: rt.cfg.WriteTimeout,
		SendBuffer:   int(rt.cfg.SendBuffer),

		MaxAge:   rt.cfg.MaxAge,
		AgeEnd:   rt.last(k.final, ending.Refuse(ending.Unavailable, ending.ByMaxAge, "the connection reached its maximum age")),
		Drain:    b.drain.begun,
		DrainBy:  b.drain.deadline,
		DrainEnd: rt.last(k.final, ending.ShuttingDown()),
	}
	if !k.final {
		s.Retry = rt.cfg.Event.Retry
	}
	return s
}
