package scenario_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bench/internal/event"
	"github.com/grpcsse/grpcsse/bench/internal/scenario"
)

func TestCatalogue(t *testing.T) {
	seen := map[string]bool{}
	// The opening of connections and the starting of processes come on top.
	total := time.Duration(0)
	for _, s := range scenario.Catalogue() {
		assert.False(t, seen[s.Name], "%s is there twice", s.Name)
		seen[s.Name] = true
		assert.NotEmpty(t, s.Title, s.Name)
		assert.Positive(t, s.Rounds, s.Name)
		assert.Positive(t, s.Browsers, s.Name)
		assert.LessOrEqual(t, s.Browsers, 15000, "%s: a process may have 20,000 descriptors", s.Name)
		against := s.Only(s.Against)
		assert.Len(t, against.Contenders, 1, "%s is compared with one of its contenders", s.Name)
		total += time.Duration(s.Rounds*len(s.Contenders)) * (s.Warmup + s.Window)
	}
	assert.Less(t, total, 35*time.Minute)
}

func TestFind(t *testing.T) {
	for patterns, want := range map[string][]string{
		"one-64":           {"one-64"},
		"shared-*,one-*":   {"shared-1000", "shared-5000", "one-64", "one-1k"},
		"one-64,one-*":     {"one-64", "one-1k"},
		"leave-500,idle-?": nil,
		"[":                nil,
		"":                 nil,
	} {
		found, err := scenario.Find(patterns)
		if want == nil {
			require.Error(t, err, patterns)
			continue
		}
		require.NoError(t, err)
		var names []string
		for _, s := range found {
			names = append(names, s.Name)
		}
		assert.Equal(t, want, names)
	}
	all, err := scenario.Find("all")
	require.NoError(t, err)
	assert.Len(t, all, len(scenario.Catalogue()))
	_, err = scenario.Find("shared-500")
	require.ErrorContains(t, err, `"shared-500": expected one of one-64,`)
}

func TestDue(t *testing.T) {
	assert.InDelta(t, 100000.0, scenario.Scenario{Browsers: 5000, Flow: event.Flow{Rate: 20}}.Due(), 0)
	assert.Zero(t, scenario.Scenario{Browsers: 5000}.Due(), "as many as are taken")
	assert.Zero(t, scenario.Scenario{Browsers: 5000, Flow: event.Flow{Rate: 20, Count: 1}}.Due())
}
