package metrics_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/metrics"
)

// family is a metric as the documentation and the code describe it.
type family struct {
	name, help string
	labels     []string
}

// docs/operations.md lists each metric with its labels and its help text, and no other.
func TestTheDocumentationListsEveryMetric(t *testing.T) {
	assert.ElementsMatch(t, described(t), documented(t))
}

// described returns the families that a Metrics describes.
func described(t *testing.T) (all []family) {
	t.Helper()
	descs := make(chan *prometheus.Desc)
	go func() {
		defer close(descs)
		metrics.New().Describe(descs)
	}()
	form := regexp.MustCompile(`^Desc\{fqName: "(.*?)", help: "(.*?)", unit: ".*?", constLabels: \{(.*?)\}, variableLabels: \{(.*?)\}\}$`)
	for d := range descs {
		m := form.FindStringSubmatch(d.String())
		require.NotNil(t, m, d.String())
		f := family{name: m[1], help: m[2]}
		for _, label := range strings.FieldsFunc(m[3]+","+m[4], func(r rune) bool { return r == ',' }) {
			label, _, _ = strings.Cut(label, "=")
			f.labels = append(f.labels, label)
		}
		slices.Sort(f.labels)
		all = append(all, f)
	}
	require.NotEmpty(t, all)
	return all
}

// documented returns the families in the tables of the documentation.
func documented(t *testing.T) (all []family) {
	t.Helper()
	page, err := os.ReadFile("../../docs/operations.md")
	require.NoError(t, err)
	code := regexp.MustCompile("`([^`]+)`")
	for line := range strings.Lines(string(page)) {
		if !strings.HasPrefix(line, "| `grpcsse_") {
			continue
		}
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		require.Len(t, cells, 4, line)
		f := family{name: code.FindStringSubmatch(cells[0])[1], help: strings.TrimSpace(cells[2])}
		for _, m := range code.FindAllStringSubmatch(cells[1], -1) {
			f.labels = append(f.labels, m[1])
		}
		slices.Sort(f.labels)
		all = append(all, f)
	}
	return all
}
