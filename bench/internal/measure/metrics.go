package measure

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// Metrics are the samples of a process: for each name the sum over all of its series.
type Metrics map[string]float64

// Scrape reads the metrics of a process at a URL, in the text format of Prometheus.
func Scrape(ctx context.Context, url string) (Metrics, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answered %s", url, response.Status)
	}
	return readMetrics(response.Body)
}

// readMetrics reads the text format. A time stamp behind a value is not expected.
func readMetrics(text io.Reader) (Metrics, error) {
	m := Metrics{}
	lines := bufio.NewScanner(text)
	for lines.Scan() {
		line := lines.Text()
		if line == "" || line[0] == '#' {
			continue
		}
		at := strings.LastIndexByte(line, ' ')
		if at < 0 {
			return nil, fmt.Errorf("expected a name and a value, found %q", line)
		}
		value, err := strconv.ParseFloat(line[at+1:], 64)
		if err != nil {
			return nil, fmt.Errorf("in %q: %w", line, err)
		}
		name, _, _ := strings.Cut(line[:at], "{")
		m[name] += value
	}
	return m, lines.Err()
}
