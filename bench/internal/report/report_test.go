package report_test

import (
	"encoding/xml"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bench/internal/event"
	"github.com/grpcsse/grpcsse/bench/internal/load"
	"github.com/grpcsse/grpcsse/bench/internal/report"
	"github.com/grpcsse/grpcsse/bench/internal/scenario"
)

// one is a run of ten seconds in which so many events have cost so much CPU, and were that late.
func one(contender string, round int, events uint64, cpu, late time.Duration) scenario.Measurement {
	m := scenario.Measurement{Scenario: "shared-5000", Contender: contender, Round: round, Seconds: 10}
	m.Tally.Events, m.CPU.Candidate = events, cpu
	m.Tally.Latency = load.Latency{P50: late / 2, P99: late, Max: 2 * late}
	return m
}

func results() report.Results {
	return report.Results{
		Machine: "a machine", When: time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC),
		Scenarios: []scenario.Scenario{{
			Name: "shared-5000", Title: "many & more", Kind: scenario.Flowing, Browsers: 100, Flow: event.Flow{Rate: 10},
			Contenders: []scenario.Contender{{Name: "grpcsse"}, {Name: "raw"}, {Name: "gateway"}}, Against: "raw",
		}},
		Runs: []scenario.Measurement{
			// 11, 30 and 20 µs per event, against 10, 20 and 20: the median of the ratios is 1.1, and not 20/20.
			one("grpcsse", 1, 10000, 110*time.Millisecond, 4*time.Millisecond),
			one("raw", 1, 10000, 100*time.Millisecond, 4*time.Millisecond),
			one("grpcsse", 2, 10000, 300*time.Millisecond, 9*time.Millisecond),
			one("raw", 2, 10000, 200*time.Millisecond, 4*time.Millisecond),
			one("grpcsse", 3, 9000, 180*time.Millisecond, 12*time.Millisecond),
			one("raw", 3, 10000, 200*time.Millisecond, 4*time.Millisecond),
			{Scenario: "shared-5000", Contender: "gateway", Round: 1, Problem: "it broke\nin two"},
		},
	}
}

func TestTables(t *testing.T) {
	r := results()
	r.Runs[2].Tally.Faults.Lost = 7
	r.Runs[4].Tally.Ended = 2
	var out strings.Builder
	require.NoError(t, r.Tables(&out))
	var rows [][]string
	for _, line := range strings.Split(out.String(), "\n") {
		if strings.HasPrefix(line, "| ") {
			var cells []string
			for cell := range strings.SplitSeq(strings.Trim(line, "|"), "|") {
				cells = append(cells, strings.TrimSpace(cell))
			}
			rows = append(rows, cells)
		}
	}
	require.Len(t, rows, 4)
	assert.Equal(t, []string{
		"", "upstream streams", "events/s", "of those due", "CPU per event", "× raw", "p50", "p99", "× raw", "max",
	}, rows[0][:10])
	assert.Equal(t, []string{
		"grpcsse", "0", "1,000", "100 %", "20.0 µs", "1.10", "4.50 ms", "9.00 ms", "2.25", "18.0 ms",
	}, rows[1][:10])
	assert.Equal(t, "lost: 7, connections ended: 2", rows[1][11])
	assert.Equal(t, "1.00", rows[2][5])
	assert.Equal(t, "0", rows[2][11])
	assert.Equal(t, []string{"gateway", "–", "–"}, rows[3][:3])
	assert.Equal(t, "runs failed: 1", rows[3][11])
	assert.Contains(t, out.String(), "\ngateway, round 1, failed: it broke\nin two\n")
}

// A run that others have disturbed is not in the figures, and the report says how many there were.
func TestSpans(t *testing.T) {
	r := results()
	disturbed := one("raw", 2, 10000, time.Hour, time.Hour)
	disturbed.CPU.Others = 1100 * time.Millisecond
	r.Runs = append(r.Runs, disturbed)
	var out strings.Builder
	require.NoError(t, r.Tables(&out))
	assert.Contains(t, out.String(), "- grpcsse: n = 3; ")
	assert.Contains(t, out.String(), "; CPU per event 11.0 µs to 30.0 µs, × raw 1.00 to 1.50;")
	assert.Contains(t, out.String(), "- raw: n = 3, and 1 thrown away, because others had more than a second of the CPUs; ")
	assert.Contains(t, out.String(), "; CPU per event 10.0 µs to 20.0 µs; ")
	assert.Contains(t, out.String(), "- gateway: n = 0\n")
}

func TestTargets(t *testing.T) {
	r := results()
	verdicts := func() []string {
		var out strings.Builder
		require.NoError(t, r.Targets(&out))
		var all []string
		for _, line := range strings.Split(out.String(), "\n") {
			for _, verdict := range []string{"missed", "aim reached", "reached"} {
				if strings.HasPrefix(line, "| ") && strings.Contains(line, verdict) {
					all = append(all, verdict)
					break
				}
			}
		}
		return all
	}
	// The last two are of a contender that was not measured.
	assert.Equal(t, []string{"missed", "missed", "missed", "missed"}, verdicts(), "1.1 of 0.88, and 2.25 of 1.1")
	for i := range r.Runs {
		if r.Runs[i].Contender == scenario.Grpcsse {
			r.Runs[i].CPU.Candidate = r.Runs[i].CPU.Candidate * 3 / 4
		}
	}
	assert.Equal(t, []string{"reached", "missed", "missed", "missed"}, verdicts(), "0.825 of 0.88")
	for i := range r.Runs {
		r.Runs[i].CPU.Candidate, r.Runs[i].Tally.Latency.P99 = time.Second, time.Millisecond
		r.Runs[i].Tally.Events = 1000
	}
	assert.Equal(t, []string{"missed", "reached", "missed", "missed"}, verdicts(), "as much CPU time as the other, and as late")
	r.Runs = nil
	assert.Equal(t, []string{"missed", "missed", "missed", "missed"}, verdicts(), "what was not measured is not reached")
	r.Scenarios = nil
	assert.Empty(t, verdicts())
}

// What must never happen is not hidden by a median.
func TestOneLostEventMissesTheTarget(t *testing.T) {
	s := scenario.Scenario{
		Name: "stall-1000", Kind: scenario.Flowing, Against: scenario.NoneStalls,
		Contenders: []scenario.Contender{{Name: scenario.SomeStall}},
	}
	r := report.Results{Scenarios: []scenario.Scenario{s}}
	for round := 1; round <= 3; round++ {
		r.Runs = append(r.Runs, scenario.Measurement{Scenario: s.Name, Contender: scenario.SomeStall, Round: round})
	}
	for lost, verdict := range map[uint64]string{0: "aim reached", 1: "missed"} {
		r.Runs[1].Tally.Faults.Lost = lost
		var out strings.Builder
		require.NoError(t, r.Targets(&out))
		for line := range strings.Lines(out.String()) {
			if strings.Contains(line, "events lost") {
				assert.Contains(t, line, verdict)
			}
		}
	}
}

func TestResultsAreKept(t *testing.T) {
	directory := t.TempDir()
	first, second := filepath.Join(directory, "1.json"), filepath.Join(directory, "2.json")
	r := results()
	require.NoError(t, r.Write(first))
	kept, err := report.Read(first)
	require.NoError(t, err)
	assert.Equal(t, r, kept)

	again := results()
	again.Scenarios = append(again.Scenarios, scenario.Scenario{Name: "other"})
	again.Runs = again.Runs[:1]
	require.NoError(t, again.Write(second))
	both, err := report.Read(second, first)
	require.NoError(t, err)
	assert.Len(t, both.Runs, len(r.Runs), "a scenario is replaced with its runs")
	assert.Len(t, both.Scenarios, 2)
	_, err = report.Read(filepath.Join(directory, "3.json"))
	require.Error(t, err)
}

func TestPlot(t *testing.T) {
	var out strings.Builder
	require.NoError(t, results().Plot(&out))
	elements := map[string]int{}
	for d := xml.NewDecoder(strings.NewReader(out.String())); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		if begin, ok := token.(xml.StartElement); ok {
			elements[begin.Name.Local]++
		}
	}
	// Two panels, each with a title, and with a name, a bar and a figure for each contender.
	assert.Equal(t, map[string]int{"svg": 1, "title": 1, "style": 1, "rect": 2 * 3, "text": 2 + 2*3*2}, elements)
}
