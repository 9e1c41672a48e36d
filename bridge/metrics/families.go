package metrics

import (
	"runtime/debug"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// families are the metrics that are counted when something happens.
type families struct {
	streams   *prometheus.GaugeVec
	opens     *prometheus.CounterVec
	refusals  *prometheus.CounterVec
	ended     *prometheus.CounterVec
	duration  *prometheus.HistogramVec
	first     *prometheus.HistogramVec
	delay     *prometheus.HistogramVec
	behind    *prometheus.HistogramVec
	slow      *prometheus.CounterVec
	replaced  *prometheus.CounterVec
	resumes   *prometheus.CounterVec
	resets    *prometheus.CounterVec
	upEnded   *prometheus.CounterVec
	reopens   *prometheus.CounterVec
	catchUps  *prometheus.CounterVec
	catchUp   *prometheus.HistogramVec
	catching  *prometheus.GaugeVec
	idsLeft   *prometheus.CounterVec
	unknown   *prometheus.CounterVec
	slotWait  *prometheus.HistogramVec
	reloadOK  prometheus.Gauge
	reloadAt  prometheus.Gauge
	buildInfo prometheus.Gauge

	now    state
	shared clusterState
}

func newFamilies() families {
	return families{
		streams: gauge("streams", "Open streams of clients. kind is private or shared.", "route", "kind"),
		opens: counter("opens_total",
			"Requests for a stream. outcome is opened, refused, or left for a client that left before it had an answer.",
			"route", "outcome"),
		refusals: counter("refusals_total",
			"Requests that got no stream. limit is the limit that was reached, where reason is limit.",
			"route", "reason", "code", "limit"),
		ended: counter("streams_ended_total",
			"Streams of clients that have ended. code is the gRPC status. limit is the limit that ended the stream.",
			"route", "reason", "code", "limit"),
		duration: histogram("stream_duration_seconds", "How long streams of clients lasted that have ended.",
			[]float64{1, 10, 60, 300, 900, 3600, 4 * 3600, 12 * 3600, 24 * 3600, 72 * 3600, 168 * 3600}, "route"),
		first: histogram("first_event_seconds", "Time from the arrival of a request to the write of its first event.",
			[]float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}, "route", "kind"),
		delay: histogram("delivery_delay_seconds",
			"Time from the receipt of an event to its write to a client: a sample of at most 100 writes a second for each route.",
			[]float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}, "route", "kind"),
		behind: histogram("behind_events", "Events that waited for a client after a write, of the same sample.",
			[]float64{0, 1, 5, 10, 50, 100, 500, 1000, 5000}, "route", "kind"),
		slow: counter("slow_clients_total", "Clients that took too little. action is disconnected or skipped.", "route", "action"),
		replaced: counter("superseded_events_total",
			"Events that clients were not given, because newer ones replaced them: see share.pace.newest_by.", "route"),
		resumes: counter("resumes_total",
			"Clients that came with the id of their last event. result is upstream, log, catch_up or reset.", "route", "result"),
		resets: counter("resets_total", "Events grpc-reset. reason is expired, epoch, slow or invalid.", "route", "reason"),
		upEnded: counter("upstream_streams_ended_total",
			"Upstream streams that have ended or could not be opened. code is CANCELLED where the bridge closed them.",
			"route", "code"),
		reopens: counter("reopens_total",
			"Upstream streams that were opened again while clients stayed connected. code is how the stream before ended.",
			"route", "code"),
		catchUps: counter("catch_ups_total", "Catch-ups that have ended. outcome is that of bridge.CatchUpOutcome.",
			"route", "outcome"),
		catchUp: histogram("catch_up_seconds", "How long catch-ups lasted that have ended.",
			[]float64{.01, .05, .1, .25, .5, 1, 2.5, 5, 10}, "route"),
		catching: gauge("catch_ups", "Catch-ups that run now.", "route"),
		idsLeft:  counter("ids_left_out_total", "Events that were sent without their id, because it is too long.", "route"),
		unknown: counter("unknown_types_total",
			"Values of google.protobuf.Any of a type that no schema has. They were sent as bytes.", "route"),
		slotWait: histogram("slot_wait_seconds",
			"How long streams waited for a place on the connections of an upstream, whether they got one or not.",
			[]float64{.01, .05, .1, .25, .5, 1, 2.5, 5, 10}, "upstream"),
		reloadOK: prometheus.NewGauge(prometheus.GaugeOpts{
			Namespace: namespace, Name: "config_last_reload_successful",
			Help: "1 where the last reload of the configuration succeeded, 0 where it failed and changed nothing.",
		}),
		reloadAt: prometheus.NewGauge(prometheus.GaugeOpts{
			Namespace: namespace, Name: "config_last_reload_success_timestamp_seconds",
			Help: "When the present configuration was loaded.",
		}),
		buildInfo: newBuildInfo(),
		now:       newState(),
		shared:    newClusterState(),
	}
}

// counted returns all families.
func (f *families) counted() []prometheus.Collector {
	return []prometheus.Collector{
		f.streams, f.opens, f.refusals, f.ended, f.duration, f.first, f.delay, f.behind, f.slow, f.replaced, f.resumes, f.resets, f.upEnded,
		f.reopens, f.catchUps, f.catchUp, f.catching, f.idsLeft, f.unknown, f.slotWait, f.reloadOK, f.reloadAt,
		f.buildInfo,
	}
}

// deleter is a family whose series can be deleted.
type deleter interface {
	DeletePartialMatch(labels prometheus.Labels) int
}

// delete deletes all series in which a label has a value.
func (f *families) delete(label, value string) {
	for _, c := range f.counted() {
		if d, ok := c.(deleter); ok {
			d.DeletePartialMatch(prometheus.Labels{label: value})
		}
	}
}

const namespace = "grpcsse"

func gauge(name, help string, labels ...string) *prometheus.GaugeVec {
	return prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: namespace, Name: name, Help: help}, labels)
}

func counter(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, labels)
}

// histogram returns a histogram that is native, and has classic buckets for servers that do not scrape native ones.
func histogram(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Namespace: namespace, Name: name, Help: help, Buckets: buckets,
		NativeHistogramBucketFactor: 1.1, NativeHistogramMaxBucketNumber: 100, NativeHistogramMinResetDuration: time.Hour,
	}, labels)
}

// module is the module of the bridge.
const module = "github.com/grpcsse/grpcsse"

// newBuildInfo returns the metric with the version of the bridge.
func newBuildInfo() prometheus.Gauge {
	version, goVersion := "unknown", "unknown"
	if info, ok := debug.ReadBuildInfo(); ok {
		goVersion = info.GoVersion
		for _, m := range append([]*debug.Module{&info.Main}, info.Deps...) {
			if m.Path == module && m.Version != "" {
				version = m.Version
			}
		}
	}
	g := prometheus.NewGauge(prometheus.GaugeOpts{
		Namespace: namespace, Name: "build_info", Help: "1. The labels are the versions of the bridge and of Go.",
		ConstLabels: prometheus.Labels{"version": version, "goversion": goVersion},
	})
	g.Set(1)
	return g
}
