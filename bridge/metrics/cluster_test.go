package metrics_test

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/assert"

	"github.com/grpcsse/grpcsse/bridge/internal/cluster"
	"github.com/grpcsse/grpcsse/bridge/metrics"
)

// part is a part in a cluster with the counts of a test.
type part cluster.Counts

func (p *part) Counts() cluster.Counts { return cluster.Counts(*p) }

func histogramOf(sum time.Duration, buckets ...uint64) cluster.Histogram {
	return cluster.Histogram{Bounds: []time.Duration{time.Millisecond, 500 * time.Millisecond}, Buckets: buckets, Sum: sum}
}

// The series of a cluster are those of all parts together, as they are at the scrape.
func TestTheSeriesOfAClusterAreItsCounts(t *testing.T) {
	names := []string{
		"grpcsse_cluster_connected", "grpcsse_cluster_role", "grpcsse_cluster_takeovers_total", "grpcsse_cluster_gaps_total",
		"grpcsse_cluster_filled_events_total", "grpcsse_cluster_alone_seconds_total", "grpcsse_cluster_record_age_seconds",
		"grpcsse_cluster_round_trip_seconds", "grpcsse_cluster_unread_messages_total",
	}
	m := metrics.New()
	assert.Zero(t, testutil.CollectAndCount(m, names...), "a bridge that is alone has no series of a cluster")
	one := &part{
		Connected: true, Joining: 1, Owned: 20, Followed: 300, Alone: 4000, Takeovers: 5, Gaps: 6, Filled: 7, Unread: 8, AloneFor: 1500 * time.Millisecond,
		Ages: histogramOf(2*time.Second, 3, 2, 1), RoundTrips: histogramOf(time.Second, 0, 4, 0),
	}
	m.ReadCluster(one)
	m.ReadCluster(&part{
		Connected: true, Joining: 2, Owned: 10, Alone: 1, Takeovers: 1, Filled: 1, AloneFor: time.Second,
		Ages: histogramOf(time.Second, 1, 0, 1), RoundTrips: histogramOf(0, 0, 0, 0),
	})
	want := `# HELP grpcsse_cluster_alone_seconds_total How long the bridge read streams for itself, because NATS or the bucket could not be used. Times of several streams add up.
# TYPE grpcsse_cluster_alone_seconds_total counter
grpcsse_cluster_alone_seconds_total 2.5
# HELP grpcsse_cluster_connected 1 where there is a connection to NATS, 0 where there is none.
# TYPE grpcsse_cluster_connected gauge
grpcsse_cluster_connected 1
# HELP grpcsse_cluster_filled_events_total Events that the bridge got from owners because it asked for them.
# TYPE grpcsse_cluster_filled_events_total counter
grpcsse_cluster_filled_events_total 8
# HELP grpcsse_cluster_gaps_total How often the bridge missed something that an owner had sent, and asked for it.
# TYPE grpcsse_cluster_gaps_total counter
grpcsse_cluster_gaps_total 6
# HELP grpcsse_cluster_record_age_seconds How old the newest event of each page of an owner was when the bridge took it. The way through NATS counts for 0 to 5 s.
# TYPE grpcsse_cluster_record_age_seconds histogram
grpcsse_cluster_record_age_seconds_bucket{le="0.001"} 4
grpcsse_cluster_record_age_seconds_bucket{le="0.5"} 6
grpcsse_cluster_record_age_seconds_bucket{le="+Inf"} 8
grpcsse_cluster_record_age_seconds_sum 3
grpcsse_cluster_record_age_seconds_count 8
# HELP grpcsse_cluster_role Shared streams by what the bridge is for them: owner, follower, alone, or joining for one that asks who owns the stream.
# TYPE grpcsse_cluster_role gauge
grpcsse_cluster_role{role="alone"} 4001
grpcsse_cluster_role{role="follower"} 300
grpcsse_cluster_role{role="joining"} 3
grpcsse_cluster_role{role="owner"} 30
# HELP grpcsse_cluster_round_trip_seconds How long owners took to answer over NATS. An answer that does not come counts as 0.4 s.
# TYPE grpcsse_cluster_round_trip_seconds histogram
grpcsse_cluster_round_trip_seconds_bucket{le="0.001"} 0
grpcsse_cluster_round_trip_seconds_bucket{le="0.5"} 4
grpcsse_cluster_round_trip_seconds_bucket{le="+Inf"} 4
grpcsse_cluster_round_trip_seconds_sum 1
grpcsse_cluster_round_trip_seconds_count 4
# HELP grpcsse_cluster_takeovers_total Streams whose owner the bridge became after another bridge.
# TYPE grpcsse_cluster_takeovers_total counter
grpcsse_cluster_takeovers_total 6
# HELP grpcsse_cluster_unread_messages_total Messages that the bridge could not read. The log has the reasons.
# TYPE grpcsse_cluster_unread_messages_total counter
grpcsse_cluster_unread_messages_total 8
`
	assert.NoError(t, testutil.CollectAndCompare(m, strings.NewReader(want), names...))
	one.Connected, one.Gaps = false, 9
	assert.NoError(t, testutil.CollectAndCompare(m, strings.NewReader(`# HELP grpcsse_cluster_connected 1 where there is a connection to NATS, 0 where there is none.
# TYPE grpcsse_cluster_connected gauge
grpcsse_cluster_connected 0
# HELP grpcsse_cluster_gaps_total How often the bridge missed something that an owner had sent, and asked for it.
# TYPE grpcsse_cluster_gaps_total counter
grpcsse_cluster_gaps_total 9
`), "grpcsse_cluster_connected", "grpcsse_cluster_gaps_total"), "one of two connections is lost")
}
