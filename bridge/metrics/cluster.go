package metrics

import (
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/grpcsse/grpcsse/bridge/internal/cluster"
)

// Cluster is the part of a process in a cluster of bridges. The type of this name in package bridge/cluster implements it.
type Cluster interface{ Counts() cluster.Counts }

// ReadCluster has m show what c has counted. Metrics of clusters have no series before the first call. Numbers of several parts are
// added up. A part that is closed still counts.
func (m *Metrics) ReadCluster(c Cluster) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.clusters = append(slices.Clip(m.clusters), c) // Collect reads the old list
}

// clusterState are the metrics that are read from the parts in clusters at each scrape.
type clusterState struct {
	connected, role         *prometheus.Desc
	takeovers, gaps, filled *prometheus.Desc
	unread                  *prometheus.Desc
	alone, age, roundTrip   *prometheus.Desc
}

func newClusterState() clusterState {
	return clusterState{
		connected: desc("cluster_connected", "1 where there is a connection to NATS, 0 where there is none."),
		role: desc("cluster_role",
			"Shared streams by what the bridge is for them: owner, follower, alone, or joining for one that asks who owns the stream.", "role"),
		takeovers: desc("cluster_takeovers_total", "Streams whose owner the bridge became after another bridge."),
		gaps:      desc("cluster_gaps_total", "How often the bridge missed something that an owner had sent, and asked for it."),
		filled:    desc("cluster_filled_events_total", "Events that the bridge got from owners because it asked for them."),
		unread:    desc("cluster_unread_messages_total", "Messages that the bridge could not read. The log has the reasons."),
		alone: desc("cluster_alone_seconds_total",
			"How long the bridge read streams for itself, because NATS or the bucket could not be used. Times of several streams add up."),
		age: desc("cluster_record_age_seconds",
			"How old the newest event of each page of an owner was when the bridge took it. The way through NATS counts for 0 to 5 s."),
		roundTrip: desc("cluster_round_trip_seconds",
			"How long owners took to answer over NATS. An answer that does not come counts as 0.4 s."),
	}
}

func (s *clusterState) all() []*prometheus.Desc {
	return []*prometheus.Desc{s.connected, s.role, s.takeovers, s.gaps, s.filled, s.unread, s.alone, s.age, s.roundTrip}
}

// collect sends the counts of all parts as metrics.
func (s *clusterState) collect(parts []Cluster, to chan<- prometheus.Metric) {
	if len(parts) == 0 {
		return
	}
	sum := cluster.Counts{Connected: true}
	for _, part := range parts {
		c := part.Counts()
		sum.Connected = sum.Connected && c.Connected
		sum.Joining += c.Joining
		sum.Owned += c.Owned
		sum.Followed += c.Followed
		sum.Alone += c.Alone
		sum.Takeovers += c.Takeovers
		sum.Gaps += c.Gaps
		sum.Filled += c.Filled
		sum.Unread += c.Unread
		sum.AloneFor += c.AloneFor
		addHistogram(&sum.Ages, c.Ages)
		addHistogram(&sum.RoundTrips, c.RoundTrips)
	}
	send := func(d *prometheus.Desc, kind prometheus.ValueType, value float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, kind, value, labels...)
	}
	send(s.connected, prometheus.GaugeValue, oneIf(sum.Connected))
	send(s.role, prometheus.GaugeValue, float64(sum.Joining), "joining")
	send(s.role, prometheus.GaugeValue, float64(sum.Owned), "owner")
	send(s.role, prometheus.GaugeValue, float64(sum.Followed), "follower")
	send(s.role, prometheus.GaugeValue, float64(sum.Alone), "alone")
	send(s.takeovers, prometheus.CounterValue, float64(sum.Takeovers))
	send(s.gaps, prometheus.CounterValue, float64(sum.Gaps))
	send(s.filled, prometheus.CounterValue, float64(sum.Filled))
	send(s.unread, prometheus.CounterValue, float64(sum.Unread))
	send(s.alone, prometheus.CounterValue, sum.AloneFor.Seconds())
	sendHistogram(s.age, sum.Ages, to)
	sendHistogram(s.roundTrip, sum.RoundTrips, to)
}

// addHistogram adds a histogram to another one, which is empty or has the same bounds.
func addHistogram(to *cluster.Histogram, h cluster.Histogram) {
	to.Bounds, to.Sum = h.Bounds, to.Sum+h.Sum
	if to.Buckets == nil {
		to.Buckets = make([]uint64, len(h.Buckets))
	}
	for i, n := range h.Buckets {
		to.Buckets[i] += n
	}
}

func sendHistogram(d *prometheus.Desc, h cluster.Histogram, to chan<- prometheus.Metric) {
	upTo := make(map[float64]uint64, len(h.Bounds))
	var n uint64
	for i, bound := range h.Bounds {
		n += h.Buckets[i]
		upTo[float64(bound)/float64(time.Second)] = n
	}
	n += h.Buckets[len(h.Bounds)]
	to <- prometheus.MustNewConstHistogram(d, n, h.Sum.Seconds(), upTo)
}
