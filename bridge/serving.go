package bridge

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
func (b *Bridge) settingsFor(k kind) *pump.Settings {
	now := b.catalog.Generation()
	b.settings.mu.Lock()
	defer b.settings.mu.Unlock()
	if b.settings.kinds == nil || b.settings.generation != now {
		b.settings.generation, b.settings.kinds = now, map[kind]*pump.Settings{}
	}
	s := b.settings.kinds[k]
	if s == nil {
		s = b.newSettings(k)
		b.settings.kinds[k] = s
	}
	return s
}

func (b *Bridge) newSettings(k kind) *pump.Settings {
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
		Drain:    b.drain.begun,
		DrainBy:  b.drain.deadline,
		DrainEnd: rt.End(k.final, ending.ShuttingDown()),
	}
	if !k.final {
		s.Retry = rt.Config.Event.Retry
	}
	return s
}
