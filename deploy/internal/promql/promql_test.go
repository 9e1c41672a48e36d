package promql

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestProblems(t *testing.T) {
	known := Metrics{"grpcsse_streams": {"route", "kind"}, "grpcsse_delay_seconds": {"route"}}
	for query, want := range map[string][]string{
		`sum by (route) (grpcsse_streams{kind="shared"})`:                               nil,
		`histogram_quantile(0.9, sum by (le) (rate(grpcsse_delay_seconds_bucket[5m])))`: nil,
		`grpcsse_streams{job=~"x",instance!="y"}`:                                       nil,
		`grpcsse_stream`:                              {"there is no metric grpcsse_stream"},
		`grpcsse_streams{code="OK"}`:                  {"grpcsse_streams has no label code"},
		`sum by (upstream) (grpcsse_streams)`:         {"no metric of the query has the label upstream"},
		`grpcsse_streams / on (pods) grpcsse_streams`: {"no metric of the query has the label pods"},
		`vector(1)`: {"the query names no metric"},
	} {
		assert.Equal(t, want, problems(known, query), query)
	}
}
