package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bench/internal/report"
	"github.com/grpcsse/grpcsse/bench/internal/role"
	"github.com/grpcsse/grpcsse/bench/internal/scenario"
)

func TestMain(m *testing.M) {
	role.Play()
	os.Exit(m.Run())
}

func TestTheCommandLine(t *testing.T) {
	var out, progress strings.Builder
	assert.Equal(t, 2, run(t.Context(), []string{"shared-5000"}, &out, &progress))
	assert.Equal(t, 2, run(t.Context(), []string{"-fast"}, &out, &progress))
	assert.Equal(t, 1, run(t.Context(), []string{"-scenario", "x"}, &out, &progress))
	assert.Empty(t, out.String())
	assert.Equal(t, 0, run(t.Context(), []string{"-list"}, &out, &progress))
	assert.Contains(t, out.String(), "shared-5000")
}

func TestMeasuring(t *testing.T) {
	directory := t.TempDir()
	results, plot := filepath.Join(directory, "results.json"), filepath.Join(directory, "plot.svg")
	var out, progress strings.Builder
	arguments := []string{
		"-scenario", "leave-500-quiet", "-only", "handwritten", "-rounds", "1", "-results", results, "-plot", plot,
	}
	require.Equal(t, 0, run(t.Context(), arguments, &out, &progress), "%s", &progress)
	assert.Contains(t, progress.String(), "leave-500-quiet 1 handwritten: ")
	assert.Contains(t, out.String(), "| handwritten |")
	kept, err := report.Read(results)
	require.NoError(t, err)
	require.Len(t, kept.Runs, 1)
	assert.FileExists(t, plot)

	var again strings.Builder
	require.Equal(t, 0, run(t.Context(), []string{"-from", results}, &again, &progress))
	assert.Equal(t, out.String(), again.String())

	kept.Runs[0].Left = 1
	require.NoError(t, kept.Write(results))
	assert.Equal(t, 1, run(t.Context(), []string{"-from", results}, &again, &progress), "a stream was left")
}

// Where the kernel forbids io_uring, its floor is left out, and the others are measured.
func TestAFloorThatTheKernelForbidsIsLeftOut(t *testing.T) {
	scenarios, err := scenario.Find("one-64,shared-1000")
	require.NoError(t, err)
	all := len(scenarios[1].Contenders)
	var progress strings.Builder
	leaveOut(scenarios, nil, &progress)
	assert.Len(t, scenarios[1].Contenders, all)
	assert.Empty(t, progress.String())

	leaveOut(scenarios, errors.New("io_uring_setup: operation not permitted"), &progress)
	assert.Len(t, scenarios[1].Contenders, all-1)
	assert.Empty(t, scenarios[1].Only(role.RawUring).Contenders)
	assert.Equal(t,
		"shared-1000: raw-uring is left out, since this machine has no io_uring: io_uring_setup: operation not permitted\n", progress.String())
	again, err := scenario.Find("shared-1000")
	require.NoError(t, err)
	assert.Len(t, again[0].Contenders, all)
}

// The README says what each contender is that is a program of its own.
func TestTheReadmeHasEveryCandidate(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	for _, s := range scenario.Catalogue() {
		for _, c := range s.Contenders {
			assert.Contains(t, string(text), "\n| `"+c.Program()+"` |", s.Name)
		}
	}
}

// The README says what each scenario is.
func TestTheReadmeHasEveryScenario(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	for _, s := range scenario.Catalogue() {
		assert.Contains(t, string(text), "`"+s.Name+"`")
	}
}

func TestNamesOfContendersHaveCommas(t *testing.T) {
	assert.Equal(t, []string{"tls"}, names("tls"))
	assert.Equal(t, []string{"plain", "tls"}, names("plain,tls"))
	assert.Equal(t, []string{scenario.Lonely, "tls", scenario.Private}, names(scenario.Lonely+",tls,"+scenario.Private))
}
