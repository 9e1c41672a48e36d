package metrics

import (
	"maps"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/grpcsse/grpcsse/bridge"
)

// state are the metrics that are read from the bridges at each scrape.
type state struct {
	events, bytes    *prometheus.Desc
	upstreamStreams  *prometheus.Desc
	sharedStreams    *prometheus.Desc
	logBytes         *prometheus.Desc
	inOrder, failing *prometheus.Desc
	up, downSince    *prometheus.Desc
	connections      *prometheus.Desc
	waiting          *prometheus.Desc
	ioUring          *prometheus.Desc
}

func newState() state {
	return state{
		events: desc("events_total", "Events that were written to clients.", "route"),
		bytes: desc("bytes_total", "Bytes of bodies that were written to clients, after compression, with heartbeats.",
			"route"),
		upstreamStreams: desc("upstream_streams", "Open upstream streams, with those of catch-ups.", "route"),
		sharedStreams:   desc("shared_streams", "Shared streams that a new client can join, with those that linger.", "route"),
		logBytes: desc("shared_log_bytes", "Bytes that logs, last values and catch-ups of shared streams hold in memory.",
			"route"),
		inOrder: desc("route_in_order", "1 where the route is served, 0 where it is out of order.", "route"),
		failing: desc("route_failing_since_timestamp_seconds",
			"When upstream streams of the route began to fail to open. There is no series while they open.", "route"),
		up: desc("upstream_up", "1 where the server can be reached, or is not known to be down, 0 where it cannot be reached.",
			"upstream"),
		downSince: desc("upstream_down_since_timestamp_seconds",
			"Since when the server cannot be reached. There is no series while it can.", "upstream"),
		connections: desc("upstream_connections", "Connections to the upstream, with those whose server cannot be reached.",
			"upstream"),
		waiting: desc("upstream_waiting_streams", "Streams that wait for a place on the connections of the upstream.", "upstream"),
		ioUring: desc("io_uring", "1 where parked connections are written to by io_uring, 0 where each is written to by itself."),
	}
}

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(prometheus.BuildFQName(namespace, "", name), help, labels, nil)
}

func (s *state) all() []*prometheus.Desc {
	return []*prometheus.Desc{
		s.events, s.bytes, s.upstreamStreams, s.sharedStreams, s.logBytes, s.inOrder, s.failing, s.up,
		s.downSince, s.connections, s.waiting, s.ioUring,
	}
}

// reading is the state of all bridges at one moment.
type reading struct {
	bridges int
	rings   int // bridges that write by io_uring
	routes  map[string]*routeReading
	// upstreams are those of all bridges, by name.
	upstreams map[string]*upstreamReading
	clusters  []Cluster
}

// upstreamReading is the state of all upstreams with one name.
type upstreamReading struct {
	connections, waiting int
	downSince            time.Time // the zero time where none is down
}

// routeReading is the state of all routes with one name.
type routeReading struct {
	bridge.RouteInfo

	inOrder bool
	kinds   map[string]bool // of the streams of clients
}

// read reads the state of all bridges.
func (m *Metrics) read() *reading {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := &reading{bridges: len(m.bridges), routes: map[string]*routeReading{}, upstreams: map[string]*upstreamReading{}, clusters: m.clusters}
	for b := range m.bridges {
		now.add(b.Routes())
		now.addUpstreams(b.Upstreams())
		if b.IOUring() {
			now.rings++
		}
	}
	return now
}

// add adds the routes of one bridge. Routes with one name share their numbers.
func (r *reading) add(routes []bridge.RouteInfo) {
	seen := map[string]bool{}
	for _, info := range routes {
		of := r.routes[info.Name]
		if of == nil {
			of = &routeReading{inOrder: true, kinds: map[string]bool{}}
			r.routes[info.Name] = of
		}
		of.inOrder = of.inOrder && info.Problem == nil
		of.kinds[kind(info.Shared)] = true
		if seen[info.Name] {
			continue
		}
		seen[info.Name] = true
		of.Events += info.Events
		of.Bytes += info.Bytes
		of.UpstreamStreams += info.UpstreamStreams
		of.SharedStreams += info.SharedStreams
		of.LogBytes += info.LogBytes
		of.FailingSince = earlier(of.FailingSince, info.FailingSince)
	}
}

// addUpstreams adds the upstreams of one bridge.
func (r *reading) addUpstreams(upstreams []bridge.UpstreamInfo) {
	for _, info := range upstreams {
		of := r.upstreams[info.Name]
		if of == nil {
			of = &upstreamReading{}
			r.upstreams[info.Name] = of
		}
		of.connections += info.Connections
		of.waiting += info.Waiting
		if info.State == bridge.UpstreamDown {
			of.downSince = earlier(of.downSince, info.Since)
		}
	}
}

// earlier returns the earlier of two times. The zero time stands for none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// forget deletes the series of routes and upstreams that no bridge has any more.
func (m *Metrics) forget(now *reading) {
	if now.bridges == 0 { // between two bridges, as in a program that restarts its own
		return
	}
	present := map[string]bool{"": true} // requests that no route matched
	for name := range now.routes {
		present[name] = true
	}
	for _, name := range m.routes.gone(present) {
		m.delete("route", name)
	}
	clear(present)
	for name := range now.upstreams {
		present[name] = true
	}
	for _, name := range m.upstreams.gone(present) {
		m.delete("upstream", name)
	}
}

// begin gives the routes that are served the series which autoscalers and alerts read, with 0 where nothing was counted yet. A series
// that is missing counts as unknown, and a counter that appears with 1 has no increase.
func (m *Metrics) begin(now *reading) {
	for name, of := range now.routes {
		m.routes.see(name)
		for kind := range of.kinds {
			m.streams.WithLabelValues(name, kind)
		}
		for _, outcome := range []string{"opened", "refused", "left"} {
			m.opens.WithLabelValues(name, outcome)
		}
		m.idsLeft.WithLabelValues(name)
		m.unknown.WithLabelValues(name)
	}
}

// collect sends the state as metrics, in the order of the names.
func (s *state) collect(now *reading, to chan<- prometheus.Metric) {
	for _, name := range slices.Sorted(maps.Keys(now.routes)) {
		of := now.routes[name]
		send := func(d *prometheus.Desc, kind prometheus.ValueType, value float64) {
			to <- prometheus.MustNewConstMetric(d, kind, value, name)
		}
		send(s.events, prometheus.CounterValue, float64(of.Events))
		send(s.bytes, prometheus.CounterValue, float64(of.Bytes))
		send(s.upstreamStreams, prometheus.GaugeValue, float64(of.UpstreamStreams))
		send(s.sharedStreams, prometheus.GaugeValue, float64(of.SharedStreams))
		send(s.logBytes, prometheus.GaugeValue, float64(of.LogBytes))
		send(s.inOrder, prometheus.GaugeValue, oneIf(of.inOrder))
		if !of.FailingSince.IsZero() {
			send(s.failing, prometheus.GaugeValue, seconds(of.FailingSince))
		}
	}
	s.collectUpstreams(now, to)
	to <- prometheus.MustNewConstMetric(s.ioUring, prometheus.GaugeValue, oneIf(now.bridges > 0 && now.rings == now.bridges))
}

func (s *state) collectUpstreams(now *reading, to chan<- prometheus.Metric) {
	for _, name := range slices.Sorted(maps.Keys(now.upstreams)) {
		of := now.upstreams[name]
		send := func(d *prometheus.Desc, value float64) {
			to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, name)
		}
		send(s.up, oneIf(of.downSince.IsZero()))
		if !of.downSince.IsZero() {
			send(s.downSince, seconds(of.downSince))
		}
		send(s.connections, float64(of.connections))
		send(s.waiting, float64(of.waiting))
	}
}

func oneIf(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1e3 }
