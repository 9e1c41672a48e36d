// Package report makes something readable of what has been measured: tables, a verdict on what must be reached, a plot.
package report

import (
	"encoding/json"
	"os"
	"slices"
	"time"

	"github.com/grpcsse/grpcsse/bench/internal/scenario"
)

// Results is everything that was measured, as it is kept in a file.
type Results struct {
	Machine   string                 `json:"machine"`
	When      time.Time              `json:"when"`
	Scenarios []scenario.Scenario    `json:"scenarios"`
	Runs      []scenario.Measurement `json:"runs"`
}

// Read reads results from files, of which a later one replaces the scenarios of the earlier ones.
func Read(paths ...string) (Results, error) {
	var all Results
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return all, err
		}
		var more Results
		if err := json.Unmarshal(text, &more); err != nil {
			return all, err
		}
		all = all.with(more)
	}
	return all, nil
}

// with returns the results with others in the place of those of the same scenarios.
func (r Results) with(more Results) Results {
	out := Results{Machine: more.Machine, When: more.When}
	for _, s := range r.Scenarios {
		if _, replaced := more.Scenario(s.Name); !replaced {
			out.Scenarios = append(out.Scenarios, s)
		}
	}
	for _, m := range r.Runs {
		if _, replaced := more.Scenario(m.Scenario); !replaced {
			out.Runs = append(out.Runs, m)
		}
	}
	out.Scenarios, out.Runs = append(out.Scenarios, more.Scenarios...), append(out.Runs, more.Runs...)
	return out
}

// Write writes the results to a file.
func (r Results) Write(path string) error {
	text, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644) //nolint:gosec // nothing in it is secret
}

// Scenario finds a scenario by its name.
func (r Results) Scenario(name string) (scenario.Scenario, bool) {
	i := slices.IndexFunc(r.Scenarios, func(s scenario.Scenario) bool { return s.Name == name })
	if i < 0 {
		return scenario.Scenario{}, false
	}
	return r.Scenarios[i], true
}

// runs returns the runs of a contender that went well and were not disturbed.
func (r Results) runs(name, contender string) []scenario.Measurement {
	var out []scenario.Measurement
	for _, m := range r.Runs {
		if m.Scenario == name && m.Contender == contender && m.Problem == "" && !m.Disturbed() {
			out = append(out, m)
		}
	}
	return out
}
