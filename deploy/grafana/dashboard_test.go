// Package grafana_test holds the dashboard against the documentation of the metrics, and its queries against promtool.
package grafana_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/deploy/internal/local"
	"github.com/grpcsse/grpcsse/deploy/internal/promql"
)

// dashboard is the part of Grafana's format that the tests read.
type dashboard struct {
	Panels []struct {
		ID          int
		Type, Title string
		GridPos     struct{ X, Y, W, H int }
		Targets     []struct{ Expr, LegendFormat string }
	}
	Templating struct {
		List []struct{ Name, Type, Definition string }
	}
}

func load(t *testing.T) (d dashboard) {
	t.Helper()
	content, err := os.ReadFile("grpcsse.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(content, &d))
	require.Greater(t, len(d.Panels), 10)
	return d
}

// queries returns the queries of the panels, by the titles of the panels.
func queries(t *testing.T) map[string][]string {
	all := map[string][]string{}
	for _, panel := range load(t).Panels {
		for _, target := range panel.Targets {
			all[panel.Title] = append(all[panel.Title], target.Expr)
		}
	}
	return all
}

// Each query reads metrics and labels that the bridge has, and so does each variable.
func TestEachQueryReadsMetricsThatExist(t *testing.T) {
	known := promql.Documented(t)
	for title, list := range queries(t) {
		for _, query := range list {
			promql.Check(t, known, title, query)
		}
	}
	for _, variable := range load(t).Templating.List {
		if variable.Type == "query" {
			metric := strings.TrimSuffix(strings.TrimPrefix(variable.Definition, "label_values("), ", "+variable.Name+")")
			promql.Check(t, known, variable.Name, fmt.Sprintf("count by (%s) (%s)", variable.Name, metric))
		}
	}
}

// promtool reads each query. It stands for Prometheus.
func TestEachQueryIsPromQL(t *testing.T) {
	promtool := local.Find(t, "promtool", "prometheus")
	var rules strings.Builder
	rules.WriteString("groups:\n- name: dashboard\n  rules:\n")
	n := 0
	for _, list := range queries(t) {
		for _, query := range list {
			n++
			query = strings.ReplaceAll(query, "$__rate_interval", "5m")
			fmt.Fprintf(&rules, "  - {record: 'query:%d', expr: '%s'}\n", n, query)
		}
	}
	out, err := exec.Command(promtool, "check", "rules", local.File(t, "rules.yaml", rules.String())).CombinedOutput()
	require.NoError(t, err, "%s", out)
	assert.Contains(t, string(out), fmt.Sprintf("%d rules found", n))
}

// Each metric of the documentation that tells of clients or upstreams is on the dashboard.
func TestTheDashboardIsComplete(t *testing.T) {
	left := map[string]bool{ // what alerts and no panel read
		"grpcsse_route_failing_since_timestamp_seconds": true, "grpcsse_upstream_down_since_timestamp_seconds": true,
		"grpcsse_config_last_reload_success_timestamp_seconds": true, "grpcsse_upstream_connections": true,
		"grpcsse_slot_wait_seconds": true, "grpcsse_catch_up_seconds": true, "grpcsse_ids_left_out_total": true,
		"grpcsse_unknown_types_total": true, "go_goroutines": true,
		// how the program writes, and what pages chose not to get, are no matter of health
		"grpcsse_io_uring": true, "grpcsse_superseded_events_total": true,
	}
	all := fmt.Sprint(queries(t))
	for name := range promql.Documented(t) {
		assert.NotEqual(t, left[name], strings.Contains(all, name), "%s is on the dashboard, or is listed here as left out", name)
	}
}

// The panels do not overlap, and have ids of their own.
func TestThePanelsHaveTheirPlaces(t *testing.T) {
	taken, ids := map[[2]int]string{}, map[int]bool{}
	for _, panel := range load(t).Panels {
		assert.False(t, ids[panel.ID], "the id of %s is another panel's", panel.Title)
		ids[panel.ID] = true
		place := panel.GridPos
		assert.LessOrEqual(t, place.X+place.W, 24, panel.Title)
		for x := place.X; x < place.X+place.W; x++ {
			for y := place.Y; y < place.Y+place.H; y++ {
				assert.Empty(t, taken[[2]int{x, y}], panel.Title)
				taken[[2]int{x, y}] = panel.Title
			}
		}
	}
}
