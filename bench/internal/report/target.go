package report

import (
	"fmt"
	"io"

	"github.com/grpcsse/grpcsse/bench/internal/role"
	"github.com/grpcsse/grpcsse/bench/internal/scenario"
)

// target is what the bridge must reach: a figure of a contender, as it is or divided by another's, that is not over must,
// and better not over aim.
type target struct {
	what      string
	scenario  string
	contender string
	against   string // "" is the figure as it is
	figure    metric
	must, aim float64
}

// targets are all of them.
func targets() []target {
	const bridge = scenario.Grpcsse
	return []target{
		{"5,000 browsers of one topic: CPU per delivered event", "shared-5000", bridge, role.Raw, cpuPerEvent, 0.88, 0.8},
		{"the same: p99 of how late an event is", "shared-5000", bridge, role.Raw, p99, 1.1, 0.85},
		{"without io_uring: CPU per delivered event", "shared-5000", scenario.WritesAlone, role.Raw, cpuPerEvent, 1.1, 1.06},
		{"without io_uring: p99 of how late an event is", "shared-5000", scenario.WritesAlone, role.Raw, p99, 1.2, 1.1},
		{"15,000 idle browsers of one topic: KiB each", "idle-shared", bridge, "", memoryPerBrowser, 1.5, 1},
		{"one subscriber at full rate, 64 B: CPU per event", "one-64", bridge, role.Handwritten, cpuPerEvent, 0.17, 0.14},
		{"the same with 1 KB", "one-1k", bridge, role.Handwritten, cpuPerEvent, 0.17, 0.14},
		{"idle, each its own stream: RSS per browser", "idle-private", bridge, role.Handwritten, memoryPerBrowser, 0.7, 0.5},
		{"idle, each alone on a shared stream: RSS per browser", "lonely-idle", scenario.Lonely, scenario.Private, memoryPerBrowser, 1.15, 1},
		{"1,000 × 20 events/s, each its own stream: CPU per event", "trickle-1000", bridge, role.Handwritten, cpuPerEvent, 0.6, 0.5},
		{"the same, each alone on a shared stream", "lonely-1000", scenario.Lonely, scenario.Private, cpuPerEvent, 1.15, 1},
		{"a browser comes, its own stream: CPU", "open-2000", bridge, role.Handwritten, cpuPerOpening, 1, 0.8},
		{"2,000 idle over HTTP/1.1 with TLS: KiB each", "tls-idle", bridge, "", memoryPerBrowser, 17, 12},
		{"the same after a collection", "tls-idle", bridge, "", collectedPerBrowser, 12.5, 8},
		{"2,000 × 5 events/s over HTTP/1.1 with TLS: CPU per event", "link-shared", scenario.TLS, scenario.Plain, cpuPerEvent, 1.3, 1.15},
		{"3,000 idle on 300 connections of HTTP/2: KiB each", "h2-idle-10", bridge, "", memoryPerBrowser, 22, 20},
		{"2,000 idle, each on a connection of HTTP/2: KiB each", "h2-idle-1", bridge, "", memoryPerBrowser, 58, 55},
		{"2,000 × 200 events/s with a pace of 100 ms: CPU per event due", "pace", scenario.Paced, scenario.Unpaced, cpuPerDue, 0.45, 0.35},
		{"the same, of 5 kinds the newest", "pace", scenario.PacedNewest, scenario.Unpaced, cpuPerDue, 0.45, 0.35},
		{"while 100 others stall: events lost", "stall-1000", scenario.SomeStall, "", lost, 0, 0},
		{"the same: p99 of how late an event is", "stall-1000", scenario.SomeStall, scenario.NoneStalls, p99, 1.5, 1.5},
	}
}

// Targets writes what must be reached, and what is, of the scenarios that there are.
func (r Results) Targets(w io.Writer) error {
	t := table{{"", "compared with", "must", "aim", "measured", ""}}
	for _, g := range targets() {
		s, ok := r.Scenario(g.scenario)
		if !ok {
			continue
		}
		measured, ok := r.measured(g, s)
		against := g.against
		if against == "" {
			against = "–"
		}
		t = append(t, []string{
			g.what, against, "≤ " + number(g.must), "≤ " + number(g.aim), metric{}.cell(measured, ok), g.verdict(measured, ok),
		})
	}
	if len(t) == 1 {
		return nil
	}
	if _, err := fmt.Fprint(w, "\n### What must be reached\n\n"); err != nil {
		return err
	}
	return t.write(w)
}

// verdict says how far a figure has come.
func (g target) verdict(measured float64, ok bool) string {
	switch {
	case !ok || measured > g.must:
		return "missed"
	case measured > g.aim:
		return "reached"
	}
	return "aim reached"
}

// measured is the figure that is held against the target.
func (r Results) measured(g target, s scenario.Scenario) (float64, bool) {
	if g.against != "" {
		return r.ratio(g.figure, s, g.contender, g.against)
	}
	return r.value(g.figure, s, g.contender)
}
