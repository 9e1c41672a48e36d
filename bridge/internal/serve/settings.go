package serve

import (
	"sync"
	"weak"

	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/frame"
	"github.com/grpcsse/grpcsse/bridge/internal/pump"
	"github.com/grpcsse/grpcsse/bridge/internal/request"
	"github.com/grpcsse/grpcsse/bridge/internal/route"
	"github.com/grpcsse/grpcsse/bridge/sse"
)

// settings are how the pump serves callers. There are few kinds of callers and many callers, so each kind's settings are made
// once and shared. It is safe for concurrent use.
type settings struct {
	mu         sync.Mutex
	generation uint64 // of the routes that the kinds are of
	kinds      map[kind]*pump.Settings
}

// kind is what about a caller the pump has to know.
type kind struct {
	rt     weak.Pointer[route.Route] // a caller may still come with a route of an earlier generation, which is not to be kept for that
	form   frame.Form
	format request.Format
	final  bool
}

// settingsFor returns how the pump serves the callers of a route that have a form and a format, and whose requests are final or
// not. Those of an earlier generation of routes are forgotten.
func (h *Handler) settingsFor(rt *route.Route, form frame.Form, format request.Format, final bool) *pump.Settings {
	k := kind{weak.Make(rt), form, format, final}
	h.settings.mu.Lock()
	defer h.settings.mu.Unlock()
	now := h.routes.Generation() // with the lock held, so that it never goes back
	if h.settings.kinds == nil || h.settings.generation != now {
		h.settings.generation, h.settings.kinds = now, map[kind]*pump.Settings{}
	}
	s := h.settings.kinds[k]
	if s == nil {
		s = h.newSettings(rt, form, format, final)
		h.settings.kinds[k] = s
	}
	return s
}

func (h *Handler) newSettings(rt *route.Route, form frame.Form, format request.Format, final bool) *pump.Settings {
	s := &pump.Settings{
		Form:      form,
		Mute:      format == request.Lines,
		Comment:   []byte(sse.Heartbeat),
		Heartbeat: rt.Config.Heartbeat,

		WriteTimeout: rt.Config.WriteTimeout,
		SendBuffer:   int(rt.Config.SendBuffer),

		MaxAge:   rt.Config.MaxAge,
		AgeEnd:   rt.End(final, ending.Refuse(ending.Unavailable, ending.ByMaxAge, "the connection reached its maximum age")),
		Drain:    h.drain.begun,
		DrainBy:  h.drain.deadline,
		DrainEnd: rt.End(final, ending.ShuttingDown()),
	}
	if !final {
		s.Retry = rt.Config.Event.Retry
	}
	return s
}
