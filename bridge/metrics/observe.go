package metrics

import (
	"errors"

	"github.com/grpcsse/grpcsse/bridge"
	"github.com/grpcsse/grpcsse/bridge/internal/ending"
)

// Started implements [bridge.Observer].
func (m *Metrics) Started(b *bridge.Bridge) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.bridges[b] = struct{}{}
	m.loaded()
}

// loaded notes that a configuration was loaded.
func (m *Metrics) loaded() {
	m.reloadOK.Set(1)
	m.reloadAt.SetToCurrentTime()
}

// Closed implements [bridge.Observer].
func (m *Metrics) Closed(b *bridge.Bridge) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.bridges, b)
}

// Reloaded implements [bridge.Observer]. A reload that the end of the bridge has ended says nothing about the configuration.
func (m *Metrics) Reloaded(r bridge.Reload) {
	switch {
	case r.Err == nil:
		m.loaded()
	case !errors.Is(r.Err, bridge.ErrShutdown):
		m.reloadOK.Set(0)
	}
}

// StreamOpened implements [bridge.Observer].
func (m *Metrics) StreamOpened(s bridge.StreamOpening) {
	m.routes.enter(s.Route)
	m.streams.WithLabelValues(s.Route, kind(s.Shared)).Inc()
	m.opens.WithLabelValues(s.Route, "opened").Inc()
}

// StreamEnded implements [bridge.Observer].
func (m *Metrics) StreamEnded(s bridge.StreamEnd) {
	m.streams.WithLabelValues(s.Route, kind(s.Shared)).Dec()
	m.ended.WithLabelValues(s.Route, string(s.Reason), name(s.Code), string(s.Limit)).Inc()
	m.duration.WithLabelValues(s.Route).Observe(s.Duration.Seconds())
	if s.Reason == bridge.ReasonSlow {
		m.slow.WithLabelValues(s.Route, "disconnected").Inc()
	}
	m.routes.leave(s.Route)
}

// ClientLeft implements [bridge.Observer].
func (m *Metrics) ClientLeft(s bridge.StreamOpening) {
	m.routes.see(s.Route)
	m.opens.WithLabelValues(s.Route, "left").Inc()
}

// Refused implements [bridge.Observer].
func (m *Metrics) Refused(r bridge.Refusal) {
	m.routes.see(r.Route)
	m.opens.WithLabelValues(r.Route, "refused").Inc()
	m.refusals.WithLabelValues(r.Route, string(r.Reason), name(r.Code), string(r.Limit)).Inc()
}

// Delivered implements [bridge.Observer].
func (m *Metrics) Delivered(d bridge.Delivery) {
	m.routes.see(d.Route)
	if d.First {
		m.first.WithLabelValues(d.Route, kind(d.Shared)).Observe(d.After.Seconds())
	}
	if d.Live {
		m.delay.WithLabelValues(d.Route, kind(d.Shared)).Observe(d.Delay.Seconds())
		m.behind.WithLabelValues(d.Route, kind(d.Shared)).Observe(float64(d.Behind))
	}
}

// Resumed implements [bridge.Observer].
func (m *Metrics) Resumed(r bridge.Resume) {
	m.routes.see(r.Route)
	m.resumes.WithLabelValues(r.Route, string(r.Result)).Inc()
}

// Reset implements [bridge.Observer].
func (m *Metrics) Reset(r bridge.Reset) {
	m.routes.see(r.Route)
	m.resets.WithLabelValues(r.Route, string(r.Reason)).Inc()
}

// Superseded implements [bridge.Observer].
func (m *Metrics) Superseded(s bridge.Supersession) {
	m.routes.see(s.Route)
	m.replaced.WithLabelValues(s.Route).Add(float64(s.Events))
}

// Skipped implements [bridge.Observer].
func (m *Metrics) Skipped(s bridge.Skip) {
	m.routes.see(s.Route)
	m.slow.WithLabelValues(s.Route, "skipped").Inc()
}

// IDLeftOut implements [bridge.Observer].
func (m *Metrics) IDLeftOut(e bridge.LeftOutID) {
	m.routes.see(e.Route)
	m.idsLeft.WithLabelValues(e.Route).Inc()
}

// TypeUnknown implements [bridge.Observer]. The name of the type comes from the upstream, and is no label.
func (m *Metrics) TypeUnknown(u bridge.UnknownType) {
	m.routes.see(u.Route)
	m.unknown.WithLabelValues(u.Route).Inc()
}

// UpstreamEnded implements [bridge.Observer].
func (m *Metrics) UpstreamEnded(u bridge.UpstreamEnd) {
	m.routes.see(u.Route)
	m.upEnded.WithLabelValues(u.Route, name(u.Code)).Inc()
}

// Reopened implements [bridge.Observer].
func (m *Metrics) Reopened(r bridge.Reopening) {
	m.routes.see(r.Route)
	m.reopens.WithLabelValues(r.Route, name(r.Code)).Inc()
}

// CatchUpStarted implements [bridge.Observer].
func (m *Metrics) CatchUpStarted(c bridge.CatchUpStart) {
	m.routes.enter(c.Route)
	m.catching.WithLabelValues(c.Route).Inc()
}

// CatchUpEnded implements [bridge.Observer].
func (m *Metrics) CatchUpEnded(c bridge.CatchUpEnd) {
	m.catching.WithLabelValues(c.Route).Dec()
	m.catchUps.WithLabelValues(c.Route, string(c.Outcome)).Inc()
	m.catchUp.WithLabelValues(c.Route).Observe(c.Lasted.Seconds())
	m.routes.leave(c.Route)
}

// StreamWaits implements [bridge.Observer]. The number of streams that wait is read at each scrape.
func (m *Metrics) StreamWaits(bridge.SlotWait) {}

// StreamWaited implements [bridge.Observer].
func (m *Metrics) StreamWaited(w bridge.SlotWaited) {
	m.upstreams.see(w.Upstream)
	m.slotWait.WithLabelValues(w.Upstream).Observe(w.Waited.Seconds())
}

// ConnectionsChanged implements [bridge.Observer]. The number of connections is read at each scrape.
func (m *Metrics) ConnectionsChanged(bridge.ConnectionCount) {}

func kind(shared bool) string {
	if shared {
		return "shared"
	}
	return "private"
}

// name returns the canonical name of a code, as clients are told it: CANCELLED.
func name[C ~uint32](code C) string { return ending.CodeOf(uint32(code)).String() }
