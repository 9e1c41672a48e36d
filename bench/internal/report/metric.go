package report

import (
	"math"
	"slices"
	"time"

	"github.com/grpcsse/grpcsse/bench/internal/scenario"
)

// metric is one figure of a run.
type metric struct {
	name string
	unit string
	of   func(scenario.Scenario, scenario.Measurement) float64
	// whole is that it is a count of something that there is, and not rounded.
	whole bool
	// total is that the rounds are added up: of what must never happen there is no median.
	total bool
}

// The figures.
var (
	eventsPerSecond = metric{name: "events/s", unit: "", of: func(_ scenario.Scenario, m scenario.Measurement) float64 {
		return float64(m.Tally.Events) / m.Seconds
	}}
	ofDue = metric{name: "of those due", unit: "%", of: func(s scenario.Scenario, m scenario.Measurement) float64 {
		return 100 * float64(m.Tally.Events) / m.Seconds / s.Due()
	}}
	cpuPerEvent = metric{name: "CPU per event", unit: "µs", of: func(_ scenario.Scenario, m scenario.Measurement) float64 {
		return float64(m.CPU.Candidate) / float64(time.Microsecond) / float64(m.Tally.Events)
	}}
	cpuPerDue = metric{name: "CPU per event due", unit: "µs", of: func(s scenario.Scenario, m scenario.Measurement) float64 {
		return float64(m.CPU.Candidate) / float64(time.Microsecond) / m.Seconds / s.Due()
	}}
	cpuPerOpening = metric{name: "CPU per browser", unit: "µs", of: func(_ scenario.Scenario, m scenario.Measurement) float64 {
		return float64(m.CPU.Candidate) / float64(time.Microsecond) / float64(m.Tally.Events) // one event for each
	}}
	p50 = metric{name: "p50", unit: "ms", of: func(_ scenario.Scenario, m scenario.Measurement) float64 {
		return milliseconds(m.Tally.Latency.P50)
	}}
	p99 = metric{name: "p99", unit: "ms", of: func(_ scenario.Scenario, m scenario.Measurement) float64 {
		return milliseconds(m.Tally.Latency.P99)
	}}
	slowest = metric{name: "max", unit: "ms", of: func(_ scenario.Scenario, m scenario.Measurement) float64 {
		return milliseconds(m.Tally.Latency.Max)
	}}
	memoryPerBrowser = metric{name: "RSS per browser", unit: "KiB", of: func(s scenario.Scenario, m scenario.Measurement) float64 {
		return float64(m.Memory-m.Empty) / 1024 / float64(s.Browsers)
	}}
	collectedPerBrowser = metric{name: "after a collection", unit: "KiB", of: func(s scenario.Scenario, m scenario.Measurement) float64 {
		return float64(m.Collected-m.Empty) / 1024 / float64(s.Browsers)
	}}
	streams = metric{name: "upstream streams", unit: "", of: func(_ scenario.Scenario, m scenario.Measurement) float64 {
		return float64(m.Streams)
	}, whole: true}
	sockets = metric{name: "sockets", unit: "", of: func(_ scenario.Scenario, m scenario.Measurement) float64 {
		return float64(m.Sockets)
	}, whole: true}
	cpuIdle = metric{name: "CPU of a core", unit: "%", of: func(_ scenario.Scenario, m scenario.Measurement) float64 {
		return 100 * m.CPU.Candidate.Seconds() / m.Seconds
	}}
	heartbeats = metric{name: "heartbeats/s", unit: "", of: func(_ scenario.Scenario, m scenario.Measurement) float64 {
		return float64(m.Tally.Comments) / m.Seconds
	}}
	cancelled50 = metric{name: "p50", unit: "ms", of: func(_ scenario.Scenario, m scenario.Measurement) float64 {
		return milliseconds(m.Cancelled.P50)
	}}
	cancelled99 = metric{name: "p99", unit: "ms", of: func(_ scenario.Scenario, m scenario.Measurement) float64 {
		return milliseconds(m.Cancelled.P99)
	}}
	cancelledLast = metric{name: "max", unit: "ms", of: func(_ scenario.Scenario, m scenario.Measurement) float64 {
		return milliseconds(m.Cancelled.Max)
	}}
	lost = metric{name: "lost", unit: "", of: func(_ scenario.Scenario, m scenario.Measurement) float64 {
		return float64(m.Tally.Faults.Lost) + float64(m.Tally.Ended) + float64(m.Tally.Resets)
	}, total: true}
)

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// value returns the median of a figure over a contender's rounds, and false where there is none.
func (r Results) value(f metric, s scenario.Scenario, contender string) (float64, bool) {
	var all []float64
	for _, m := range r.runs(s.Name, contender) {
		all = append(all, f.of(s, m))
	}
	if f.total && len(all) > 0 {
		sum := 0.0
		for _, v := range all {
			sum += v
		}
		return sum, true
	}
	return median(all)
}

// span returns the least and the greatest of a figure over a contender's rounds, and false where there is none.
func (r Results) span(f metric, s scenario.Scenario, contender string) (least, most float64, ok bool) {
	for _, m := range r.runs(s.Name, contender) {
		v := f.of(s, m)
		if math.IsNaN(v) || math.IsInf(v, 0) {
			continue
		}
		if !ok {
			least, most, ok = v, v, true
		}
		least, most = min(least, v), max(most, v)
	}
	return least, most, ok
}

// ratio returns the median, over the rounds, of a contender's figure divided by another's in the same round.
func (r Results) ratio(f metric, s scenario.Scenario, contender, against string) (float64, bool) {
	return median(r.ratios(f, s, contender, against))
}

func (r Results) ratios(f metric, s scenario.Scenario, contender, against string) (all []float64) {
	for _, m := range r.runs(s.Name, contender) {
		for _, other := range r.runs(s.Name, against) {
			if other.Round == m.Round {
				all = append(all, f.of(s, m)/f.of(s, other))
			}
		}
	}
	return all
}

// median returns the middle of the numbers, and false where there is no number.
func median(all []float64) (float64, bool) {
	all = slices.DeleteFunc(slices.Clone(all), func(f float64) bool { return math.IsNaN(f) || math.IsInf(f, 0) })
	if len(all) == 0 {
		return 0, false
	}
	slices.Sort(all)
	return (all[(len(all)-1)/2] + all[len(all)/2]) / 2, true
}
