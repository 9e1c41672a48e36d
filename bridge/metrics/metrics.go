// Package metrics counts for Prometheus what happens in a bridge.
//
//	m := metrics.New()
//	b, err := bridge.New(ctx, cfg, bridge.WithObserver(m))
//	…
//	http.Handle("/metrics", m.Handler())
//
// The labels are names of routes and upstreams, and words of the bridge such as codes and reasons. No label has a value from a
// client, so the configuration bounds the number of series. The series of a route or an upstream vanish after a reload has removed
// it. docs/operations.md lists every metric.
package metrics

import (
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/grpcsse/grpcsse/bridge"
)

// Metrics counts what happens in bridges. It is a [bridge.Observer] for [bridge.WithObserver], and a [prometheus.Collector] for a
// registry of the program's own. One Metrics may observe several bridges: it adds their numbers up. All methods may be called
// concurrently.
type Metrics struct {
	families

	handler http.Handler

	mu        sync.Mutex
	bridges   map[*bridge.Bridge]struct{}
	clusters  []Cluster
	routes    life
	upstreams life
}

var (
	_ bridge.Observer      = (*Metrics)(nil)
	_ prometheus.Collector = (*Metrics)(nil)
)

// New returns a Metrics that has counted nothing.
func New() *Metrics {
	m := &Metrics{families: newFamilies(), bridges: map[*bridge.Bridge]struct{}{}}
	own := prometheus.NewRegistry()
	own.MustRegister(m, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.handler = promhttp.HandlerFor(own, promhttp.HandlerOpts{
		EnableOpenMetrics: true, MaxRequestsInFlight: scrapesAtOnce, Timeout: scrapeTime,
	})
	return m
}

// Bounds of [Metrics.Handler].
const (
	scrapesAtOnce = 4
	scrapeTime    = 10 * time.Second
)

// Handler returns what Prometheus scrapes: the metrics of the bridges, and those of the process and of the Go runtime. They stand
// in a registry of their own. A program with a registry registers the Metrics there instead. The handler asks for no credentials:
// serve it where only operators can reach it.
func (m *Metrics) Handler() http.Handler { return m.handler }

// Describe implements [prometheus.Collector].
func (m *Metrics) Describe(to chan<- *prometheus.Desc) {
	for _, f := range m.counted() {
		f.Describe(to)
	}
	for _, d := range slices.Concat(m.now.all(), m.shared.all()) {
		to <- d
	}
}

// Collect implements [prometheus.Collector].
func (m *Metrics) Collect(to chan<- prometheus.Metric) {
	now := m.read()
	m.forget(now)
	m.begin(now)
	for _, f := range m.counted() {
		f.Collect(to)
	}
	m.now.collect(now, to)
	m.shared.collect(now.clusters, to)
}
