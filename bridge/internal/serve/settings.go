package serve

import (
	"sync"

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
	rt     *route.Route
	form   frame.Form
	format request.Format
	final  bool
}

// settingsFor returns how the pump serves a kind of callers. Those of a table that was replaced are forgotten.
func (h *Handler) settingsFor(k kind) *pump.Settings {
	now := h.routes.Generation()
	h.settings.mu.Lock()
	defer h.settings.mu.Unlock()
	if h.settings.kinds == nil || h.settings.generation != now {
		h.settings.generation, h.settings.kinds = now, map[kind]*pump.Settings{}
	}
	s := h.settings.kinds[k]
	if s == nil {
		s = h.newSettings(k)
		h.settings.kinds[k] = s
	}
	return s
}

func (h *Handler) newSettings(k kind) *pump.Settings {
	rt := k.rt
	s := &pump.Settings{
		Form:      k.form,
		Mute:      k.format == request.Lines,
		Comment:   []byte(sse.Heartbeat),
		Heartbeat: rt.Config.Heartbeat,

		WriteTimeout: rt.Config.WriteTimeout,
		SendBuffer:   int(rt.Config.SendBuffer),

		MaxAge:   rt.Config.MaxAge,
		AgeEnd:   rt.End(k.final, ending.Refuse(ending.Unavailable, ending.ByMaxAge, "the connection reached its maximum age")),
		Drain:    h.drain.begun,
		DrainBy:  h.drain.deadline,
		DrainEnd: rt.End(k.final, ending.ShuttingDown()),
	}
	if !k.final {
		s.Retry = rt.Config.Event.Retry
	}
	return s
}
