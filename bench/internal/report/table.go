package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/grpcsse/grpcsse/bench/internal/scenario"
)

// table is rows of cells, the first of which has the headings.
type table [][]string

// write writes the table as Markdown that is also readable as it is: the first column to the left, the others to the right.
func (t table) write(w io.Writer) error {
	widths := make([]int, len(t[0]))
	for _, row := range t {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	var out strings.Builder
	for n, row := range t {
		for i, cell := range row {
			space := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if i == 0 {
				cell, space = cell+space, ""
			}
			fmt.Fprintf(&out, "| %s%s ", space, cell)
		}
		out.WriteString("|\n")
		if n == 0 {
			for i, width := range widths {
				rule := strings.Repeat("-", width+1)
				if i == 0 {
					out.WriteString("|" + rule + "-")
					continue
				}
				out.WriteString("|" + rule + ":")
			}
			out.WriteString("|\n")
		}
	}
	_, err := io.WriteString(w, out.String())
	return err
}

// Tables writes a table for each scenario.
func (r Results) Tables(w io.Writer) error {
	for _, s := range r.Scenarios {
		if _, err := fmt.Fprintf(w, "\n### %s: %s\n\n", s.Name, s.Title); err != nil {
			return err
		}
		t := table{headings(s)}
		for _, c := range s.Contenders {
			t = append(t, r.row(s, c))
		}
		if err := t.write(w); err != nil {
			return err
		}
		if err := r.spans(w, s); err != nil {
			return err
		}
		if err := r.failures(w, s); err != nil {
			return err
		}
	}
	return nil
}

// spans says how many runs each contender had, and how far their figures lie apart.
func (r Results) spans(w io.Writer, s scenario.Scenario) error {
	for i, c := range s.Contenders {
		n, away := len(r.runs(s.Name, c.Name)), 0
		for _, m := range r.Runs {
			if m.Scenario == s.Name && m.Contender == c.Name && m.Problem == "" && m.Disturbed() {
				away++
			}
		}
		line := fmt.Sprintf("- %s: n = %d", c.Name, n)
		if i == 0 {
			line = "\n" + line
		}
		if away > 0 {
			line += fmt.Sprintf(", and %d thrown away, because others had more than a second of the CPUs", away)
		}
		for _, col := range columns(s) {
			if least, most, ok := r.span(col.metric, s, c.Name); ok && !col.whole && n > 1 {
				line += fmt.Sprintf("; %s %s to %s", col.name, col.cell(least, true), col.cell(most, true))
			}
			if ratios := r.ratios(col.metric, s, c.Name, s.Against); col.compared && len(ratios) > 1 && c.Name != s.Against {
				line += fmt.Sprintf(", × %s %s to %s", s.Against, number(slices.Min(ratios)), number(slices.Max(ratios)))
			}
		}
		if _, err := fmt.Fprintln(w, line); err != nil {
			return err
		}
	}
	return nil
}

// failures says why runs have shown nothing.
func (r Results) failures(w io.Writer, s scenario.Scenario) error {
	for _, m := range r.Runs {
		if m.Scenario == s.Name && m.Problem != "" {
			if _, err := fmt.Fprintf(w, "\n%s, round %d, failed: %s\n", m.Contender, m.Round, m.Problem); err != nil {
				return err
			}
		}
	}
	return nil
}

// Line says in a line what a run has shown, while others are still to come.
func Line(s scenario.Scenario, m scenario.Measurement) string {
	out := fmt.Sprintf("%s %d %s:", m.Scenario, m.Round, m.Contender)
	if m.Problem != "" {
		return out + " failed: " + m.Problem
	}
	for _, col := range columns(s) {
		out += fmt.Sprintf(" %s %s,", col.name, col.cell(col.of(s, m), true))
	}
	one := Results{Runs: []scenario.Measurement{m}}
	c := scenario.Contender{Name: m.Contender}
	return out + fmt.Sprintf(" cores %s, faults %s", one.cores(s, c), one.faults(s, c))
}

// column is a figure in a table, and whether it is also compared.
type column struct {
	metric
	compared bool
}

// columns returns the figures that say something in a scenario.
func columns(s scenario.Scenario) []column {
	switch {
	case s.Collect > 0:
		return []column{{streams, false}, {memoryPerBrowser, false}, {collectedPerBrowser, false}, {cpuIdle, false}}
	case s.Kind == scenario.Idle:
		return []column{{streams, false}, {memoryPerBrowser, true}, {cpuIdle, false}, {heartbeats, false}}
	case s.Kind == scenario.Opening:
		return []column{{streams, false}, {cpuPerOpening, true}, {memoryPerBrowser, true}}
	case s.Kind == scenario.Leaving:
		return []column{{cancelled50, false}, {cancelled99, true}, {cancelledLast, false}}
	case s.Due() == 0: // as fast as events are taken: how late they are says how long queues are
		return []column{{eventsPerSecond, false}, {cpuPerEvent, true}}
	}
	if s.Paced() { // delivered events differ; those due are the same for all
		return []column{{streams, false}, {eventsPerSecond, false}, {ofDue, false}, {cpuPerDue, true}, {p50, false}, {p99, false}}
	}
	all := []column{
		{streams, false}, {eventsPerSecond, false}, {ofDue, false}, {cpuPerEvent, true}, {p50, false}, {p99, true}, {slowest, false},
	}
	if slices.ContainsFunc(s.Contenders, func(c scenario.Contender) bool { return c.Link != nil }) {
		all = append(all, column{memoryPerBrowser, true})
	}
	if slices.ContainsFunc(s.Contenders, func(c scenario.Contender) bool { return c.Stalled > 0 }) {
		all = append(all, column{sockets, false}) // whether those that stall are still there
	}
	return all
}

func headings(s scenario.Scenario) []string {
	out := []string{""}
	for _, c := range columns(s) {
		out = append(out, c.name)
		if c.compared {
			out = append(out, "× "+s.Against)
		}
	}
	if s.Kind != scenario.Leaving {
		out = append(out, "cores: candidate, upstream, crowd, others")
	}
	return append(out, "faults")
}

func (r Results) row(s scenario.Scenario, c scenario.Contender) []string {
	out := []string{c.Name}
	for _, col := range columns(s) {
		v, ok := r.value(col.metric, s, c.Name)
		out = append(out, col.cell(v, ok))
		if col.compared {
			v, ok := r.ratio(col.metric, s, c.Name, s.Against)
			out = append(out, metric{}.cell(v, ok))
		}
	}
	if s.Kind != scenario.Leaving {
		out = append(out, r.cores(s, c))
	}
	return append(out, r.faults(s, c))
}

// cell writes a figure, or that there is none.
func (f metric) cell(v float64, ok bool) string {
	switch {
	case !ok:
		return "–"
	case f.whole:
		return commas(fmt.Sprintf("%.0f", v))
	case f.unit != "":
		return number(v) + " " + f.unit
	}
	return number(v)
}

// cores says who had the CPUs: the candidate, the upstream, the crowd, and everybody else.
func (r Results) cores(s scenario.Scenario, c scenario.Contender) string {
	var out []string
	for _, of := range []func(scenario.CPU) float64{
		func(c scenario.CPU) float64 { return c.Candidate.Seconds() },
		func(c scenario.CPU) float64 { return c.Upstream.Seconds() },
		func(c scenario.CPU) float64 { return c.Crowd.Seconds() },
		func(c scenario.CPU) float64 { return (c.Others + c.Steal).Seconds() },
	} {
		used := metric{of: func(_ scenario.Scenario, m scenario.Measurement) float64 { return of(m.CPU) / m.Seconds }}
		share, ok := r.value(used, s, c.Name)
		if !ok {
			return "–"
		}
		out = append(out, fmt.Sprintf("%.2f", share))
	}
	return strings.Join(out, " ")
}

// faults says what went wrong in any round.
func (r Results) faults(s scenario.Scenario, c scenario.Contender) string {
	var failed uint64
	var sum scenario.Measurement
	for _, m := range r.Runs {
		if m.Scenario != s.Name || m.Contender != c.Name {
			continue
		}
		if m.Problem != "" {
			failed++
		}
		sum.Tally.Faults.Lost += m.Tally.Faults.Lost
		sum.Tally.Faults.Repeated += m.Tally.Faults.Repeated
		sum.Tally.Faults.Reordered += m.Tally.Faults.Reordered
		sum.Tally.Resets += m.Tally.Resets
		sum.Tally.Strange += m.Tally.Strange
		sum.Tally.Ended += m.Tally.Ended
		sum.Left += m.Left
	}
	var out []string
	for _, one := range []struct {
		name  string
		count uint64
	}{
		{"runs failed", failed},
		{"lost", sum.Tally.Faults.Lost},
		{"repeated", sum.Tally.Faults.Repeated},
		{"reordered", sum.Tally.Faults.Reordered},
		{"resets", sum.Tally.Resets},
		{"strange", sum.Tally.Strange},
		{"connections ended", uint64(sum.Tally.Ended)},
		{"streams left", uint64(sum.Left)},
	} {
		if one.count > 0 {
			out = append(out, fmt.Sprintf("%s: %d", one.name, one.count))
		}
	}
	if len(out) == 0 {
		return "0"
	}
	return strings.Join(out, ", ")
}
