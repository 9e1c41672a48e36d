// Package prometheus_test tests the alert rules with promtool, and holds their names against the documentation of the metrics.
package prometheus_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v4"

	"github.com/grpcsse/grpcsse/deploy/internal/local"
	"github.com/grpcsse/grpcsse/deploy/internal/promql"
)

// rules is a file of alert rules.
type rules struct {
	Groups []struct {
		Name  string
		Rules []rule
	}
}

// rule is one alert.
type rule struct {
	Alert, Expr, For    string
	Labels, Annotations map[string]string
}

// alerts returns all alerts.
func alerts(t *testing.T) (all []rule) {
	t.Helper()
	var file rules
	content, err := os.ReadFile("rules.yaml")
	require.NoError(t, err)
	require.NoError(t, yaml.Unmarshal(content, &file))
	for _, group := range file.Groups {
		all = append(all, group.Rules...)
	}
	require.NotEmpty(t, all)
	return all
}

func TestPromtoolFindsNoFault(t *testing.T) {
	promtool := local.Find(t, "promtool", "prometheus")
	for _, args := range [][]string{{"check", "rules", "rules.yaml"}, {"test", "rules", "rules_test.yaml"}} {
		out, err := exec.Command(promtool, args...).CombinedOutput()
		assert.NoError(t, err, "promtool %v:\n%s", args, out)
	}
}

// Each alert has a test in which it fires and one in which it does not, and says what happened and what to do.
func TestEachAlertIsTested(t *testing.T) {
	var tests struct {
		Tests []struct{ Name string }
	}
	content, err := os.ReadFile("rules_test.yaml")
	require.NoError(t, err)
	require.NoError(t, yaml.Unmarshal(content, &tests))
	var names []string
	for _, test := range tests.Tests {
		names = append(names, test.Name)
	}
	var wanted []string
	for _, alert := range alerts(t) {
		wanted = append(wanted, alert.Alert+", firing", alert.Alert+", quiet")
		assert.Contains(t, []string{"critical", "warning", "info"}, alert.Labels["severity"], alert.Alert)
		assert.NotEmpty(t, alert.Annotations["summary"], alert.Alert)
		assert.NotEmpty(t, alert.Annotations["description"], alert.Alert)
	}
	assert.ElementsMatch(t, wanted, names)
}

// Each metric and label in a rule is one that the bridge has.
func TestEachAlertReadsMetricsThatExist(t *testing.T) {
	known := promql.Documented(t)
	for _, alert := range alerts(t) {
		promql.Check(t, known, alert.Alert, alert.Expr)
	}
}

// docs/operations.md describes each alert, with its severity and with what to do, and no other.
func TestEachAlertIsDescribed(t *testing.T) {
	page, err := os.ReadFile("../../docs/operations.md")
	require.NoError(t, err)
	described := map[string]string{}
	for line := range strings.Lines(string(page)) {
		cells := strings.Split(line, "|")
		if !strings.HasPrefix(line, "| `Grpcsse") {
			continue
		}
		require.Len(t, cells, 6, line)
		name := strings.Trim(cells[1], " `")
		assert.NotContains(t, described, name)
		described[name] = strings.TrimSpace(cells[2])
		assert.Greater(t, len(strings.TrimSpace(cells[3])), 20, "when %s fires", name)
		assert.Greater(t, len(strings.TrimSpace(cells[4])), 20, "what to do about %s", name)
	}
	wanted := map[string]string{}
	for _, alert := range alerts(t) {
		wanted[alert.Alert] = alert.Labels["severity"]
	}
	assert.Equal(t, wanted, described)
}
