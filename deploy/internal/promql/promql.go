// Package promql holds the metrics in PromQL queries against docs/operations.md, whose tables are held against the code by a test of
// bridge/metrics.
package promql

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/deploy/internal/local"
)

// Metrics are the names of metrics with their labels.
type Metrics map[string][]string

var (
	quoted     = regexp.MustCompile("`([^`]+)`")
	selector   = regexp.MustCompile(`\b((?:grpcsse|process|go)_[a-z0-9_]+)\b(?:\{([^}]*)\})?`)
	matcher    = regexp.MustCompile(`([a-z_]+)\s*(?:=~|!~|!=|=)\s*"[^"]*"`)
	grouping   = regexp.MustCompile(`\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)`)
	histograms = regexp.MustCompile(`_(?:bucket|sum|count)$`)
)

// scraped are labels that a scrape adds.
var scraped = []string{"job", "instance", "namespace", "pod"}

// Documented returns the metrics of the documentation, and those of the process that Prometheus clients have. Without tables of metrics
// the test is skipped, or fails if GRPCSSE_REQUIRE_DEPLOYMENT is 1.
func Documented(t *testing.T) Metrics {
	t.Helper()
	page, err := os.ReadFile(filepath.Join(local.Repository(), "docs/operations.md"))
	if os.Getenv("GRPCSSE_REQUIRE_DEPLOYMENT") != "1" && !strings.Contains(string(page), "| `grpcsse_") {
		t.Skip("skipped: docs/operations.md has no tables of metrics")
	}
	require.NoError(t, err)
	known := Metrics{}
	for _, name := range []string{
		"process_open_fds", "process_max_fds", "process_resident_memory_bytes", "process_cpu_seconds_total", "go_goroutines",
	} {
		known[name] = nil
	}
	for line := range strings.Lines(string(page)) {
		if !strings.HasPrefix(line, "| `grpcsse_") {
			continue
		}
		cells := strings.Split(line, "|")
		name := quoted.FindStringSubmatch(cells[1])[1]
		known[name] = nil
		for _, label := range quoted.FindAllStringSubmatch(cells[2], -1) {
			known[name] = append(known[name], label[1])
		}
	}
	require.Greater(t, len(known), 20, "metrics in the tables of docs/operations.md")
	return known
}

// Check holds a query against the metrics: each name must be one of them, each label in braces must be a label of its metric, and
// each label that is grouped by must be a label of one of the query's metrics.
func Check(t *testing.T, known Metrics, where, query string) {
	t.Helper()
	for _, problem := range problems(known, query) {
		assert.Fail(t, problem, "%s: %s", where, query)
	}
}

// problems returns what Check finds.
func problems(known Metrics, query string) (found []string) {
	labels := append([]string{"le"}, scraped...)
	selectors := selector.FindAllStringSubmatch(query, -1)
	if len(selectors) == 0 {
		found = append(found, "the query names no metric")
	}
	for _, match := range selectors {
		name := match[1]
		own, ok := known[name]
		if !ok {
			own, ok = known[histograms.ReplaceAllString(name, "")]
		}
		if !ok {
			found = append(found, "there is no metric "+name)
			continue
		}
		labels = append(labels, own...)
		for _, label := range matcher.FindAllStringSubmatch(match[2], -1) {
			if !slices.Contains(own, label[1]) && !slices.Contains(scraped, label[1]) {
				found = append(found, name+" has no label "+label[1])
			}
		}
	}
	for _, group := range grouping.FindAllStringSubmatch(query, -1) {
		for label := range strings.SplitSeq(group[1], ",") {
			if label = strings.TrimSpace(label); label != "" && !slices.Contains(labels, label) {
				found = append(found, "no metric of the query has the label "+label)
			}
		}
	}
	return found
}
