package serve

import (
	"sync"
	"weak"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/frame"
	"github.com/grpcsse/grpcsse/bridge/internal/pump"
	"github.com/grpcsse/grpcsse/bridge/internal/request"
	"github.com/grpcsse/grpcsse/bridge/internal/route"
	"github.com/grpcsse/grpcsse/bridge/sse"
)

// settings holds the pump settings for each kind of caller. There are many callers of few kinds, so the settings of a kind are
// made once and shared. It is safe for concurrent use.
type settings struct {
	mu         sync.Mutex
	generation uint64 // the generation of the routes in kinds
	kinds      map[kind]*pump.Settings
}

// kind holds the properties of a caller on which the pump settings depend.
type kind struct {
	// rt is a weak pointer: a caller may have a route of an earlier generation, and settings must not keep that route in memory.
	rt     weak.Pointer[route.Route]
	form   frame.Form
	format request.Format
	once   bool // see [request.Request.Once]
}

// settingsFor returns the pump settings for the callers of a route. once is [request.Request.Once]. settingsFor drops the
// settings of an earlier generation of routes.
func (h *Handler) settingsFor(rt *route.Route, form frame.Form, format request.Format, once bool) *pump.Settings {
	k := kind{weak.Make(rt), form, format, once}
	h.settings.mu.Lock()
	defer h.settings.mu.Unlock()
	now := h.routes.Generation() // asked while mu is held: otherwise an older generation could replace a newer one
	if h.settings.kinds == nil || h.settings.generation != now {
		h.settings.generation, h.settings.kinds = now, map[kind]*pump.Settings{}
	}
	s := h.settings.kinds[k]
	if s == nil {
		s = h.newSettings(rt, form, format, once)
		h.settings.kinds[k] = s
	}
	return s
}

func (h *Handler) newSettings(rt *route.Route, form frame.Form, format request.Format, once bool) *pump.Settings {
	s := &pump.Settings{
		Form:      form,
		Mute:      format == request.Lines,
		Comment:   []byte(sse.Heartbeat),
		Heartbeat: rt.Config.Heartbeat,

		WriteTimeout: rt.Config.WriteTimeout,

		MaxAge:   rt.Config.MaxAge,
		AgeEnd:   rt.End(once, ending.Refuse(ending.Unavailable, ending.ByMaxAge, "the connection reached its maximum age")),
		Drain:    h.drain.begun,
		DrainBy:  h.drain.deadline,
		DrainEnd: rt.End(once, ending.ShuttingDown()),
	}
	s.Meter = &rt.Health.Meter
	about := Opening{Route: rt.Config.Name, Shared: rt.Config.Share != nil}
	s.Sampled = func(taken pump.Sample) { h.observer.Delivered(about, taken) }
	if !once {
		s.Retry = rt.Config.Event.Retry
	}
	return s
}

// serverSettings are the settings under `server` as requests need them. They do not change: [Handler.Apply] replaces them whole.
type serverSettings struct {
	hosts        request.Hosts
	proxies      request.Proxies
	streams      int   // how many streams may be open, 0 for no limit
	requestBytes int64 // the largest body of a request
	limits       limits
}

// newServerSettings returns the settings that follow on others. before is nil for the first settings.
func newServerSettings(server config.Server, before *serverSettings) *serverSettings {
	var limited limits
	if before != nil {
		limited = before.limits
	}
	return &serverSettings{
		hosts:        request.NewHosts(server.Hosts),
		proxies:      request.NewProxies(server.TrustedProxies),
		streams:      streamLimit(server.Streams),
		requestBytes: int64(server.RequestBytes),
		limits:       newLimits(server, limited),
	}
}

// Apply replaces the settings under `server`. They apply to requests that arrive afterwards. Streams that are open stay open,
// also where a limit is now lower than their number, and count for each limit that there is now. Apply is not called
// concurrently with itself.
func (h *Handler) Apply(server config.Server) {
	before := h.server.Load()
	now := newServerSettings(server, before)
	h.server.Store(now)
	if before != nil && now.limits.countCallers() {
		h.open.each(func(v *visit) { h.gate.count(v, now.limits) })
	}
	h.access.Set(accessSettings(server.AccessLog))
}
