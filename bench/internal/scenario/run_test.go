package scenario_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bench/internal/event"
	"github.com/grpcsse/grpcsse/bench/internal/load"
	"github.com/grpcsse/grpcsse/bench/internal/peer"
	"github.com/grpcsse/grpcsse/bench/internal/role"
	"github.com/grpcsse/grpcsse/bench/internal/scenario"
)

func TestMain(m *testing.M) {
	role.Play()
	os.Exit(m.Run())
}

// build returns the path of the bridge's program.
func build(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "grpcsse")
	out, err := exec.CommandContext(t.Context(), "go", "-C", "../../..", "build", "-o", program, "./cmd/grpcsse").CombinedOutput()
	require.NoError(t, err, "%s", out)
	return program
}

// needsUring skips the test of the floor that the machine forbids. .ci/run says so.
func needsUring(t *testing.T, name string) {
	t.Helper()
	if err := peer.ProbeUring(); err != nil && name == role.RawUring {
		t.Skipf("this machine has no io_uring: %v", err)
	}
}

func small(kind scenario.Kind, flow event.Flow) scenario.Scenario {
	return scenario.Scenario{
		Name: "small", Kind: kind, Browsers: 20, Text: 64, Flow: flow,
		Warmup: 200 * time.Millisecond, Window: time.Second,
	}
}

func TestFlowing(t *testing.T) {
	r := scenario.Runner{Grpcsse: build(t)}
	for _, name := range []string{
		scenario.Grpcsse, role.Handwritten, role.Gateway, role.Ready, role.Raw, role.RawUring,
	} {
		t.Run(name, func(t *testing.T) {
			needsUring(t, name)
			s := small(scenario.Flowing, event.Flow{Rate: 50})
			m := r.Once(t.Context(), s, 3, scenario.Contender{Name: name})[0]
			require.Empty(t, m.Problem)
			assert.False(t, m.Faulty(), "%+v", m)
			assert.Equal(t, "small", m.Scenario)
			assert.Equal(t, 3, m.Round)
			assert.InDelta(t, s.Due(), float64(m.Tally.Events)/m.Seconds, s.Due()/5)
			assert.Positive(t, m.CPU.Candidate)
			assert.Positive(t, m.Tally.Latency.P50)
			assert.Positive(t, m.Memory)
			assert.GreaterOrEqual(t, m.Sockets, 20)
		})
	}
}

// A browser that is alone on a shared stream has an upstream stream of its own, as the others have.
func TestAlone(t *testing.T) {
	r := scenario.Runner{Grpcsse: build(t)}
	s := small(scenario.Flowing, event.Flow{Rate: 50})
	m := r.Once(t.Context(), s, 1, scenario.Contender{Name: scenario.Lonely, Candidate: scenario.Grpcsse, Lonely: true})[0]
	require.Empty(t, m.Problem)
	assert.False(t, m.Faulty(), "%+v", m)
	assert.Equal(t, 20, m.Streams)
	assert.InDelta(t, s.Due(), float64(m.Tally.Events)/m.Seconds, s.Due()/5)
}

// Of browsers that come, those in the window are counted, each with one event. Those of all contenders come in the same round.
func TestOpening(t *testing.T) {
	r := scenario.Runner{Grpcsse: build(t)}
	s := small(scenario.Opening, event.Flow{Count: 1})
	s.Contenders = []scenario.Contender{{Name: scenario.Grpcsse}, {Name: role.Handwritten}}
	s.Rounds = 1
	var names []string
	for m := range r.All(t.Context(), s) {
		require.Empty(t, m.Problem)
		assert.False(t, m.Faulty(), "%+v", m)
		assert.Equal(t, 20, m.Streams)
		assert.Equal(t, uint64(15), m.Tally.Events, "the first quarter came before")
		assert.Positive(t, m.CPU.Candidate)
		assert.Positive(t, m.CPU.Upstream)
		assert.Positive(t, m.Empty)
		assert.Greater(t, m.Memory, m.Empty)
		names = append(names, m.Contender)
	}
	assert.Equal(t, []string{scenario.Grpcsse, role.Handwritten}, names)
}

func TestWhatOneOfAGroupLacksIsAProblemOfAll(t *testing.T) {
	r := scenario.Runner{}
	s := small(scenario.Opening, event.Flow{Count: 1})
	for _, m := range r.Once(t.Context(), s, 1, scenario.Contender{Name: role.Handwritten}, scenario.Contender{Name: "nobody"}) {
		assert.Contains(t, m.Problem, `there is no role "nobody"`)
	}
}

func TestEachOfAGroupIsMeasured(t *testing.T) {
	r := scenario.Runner{}
	s := small(scenario.Idle, event.Flow{Count: 1})
	all := r.Once(t.Context(), s, 1, scenario.Contender{Name: role.Handwritten}, scenario.Contender{Name: role.Ready})
	require.Len(t, all, 2)
	for _, m := range all {
		require.Empty(t, m.Problem)
		assert.Equal(t, 20, m.Tally.Connected, m.Contender)
	}
}

func TestAsFastAsTaken(t *testing.T) {
	r := scenario.Runner{}
	s := small(scenario.Flowing, event.Flow{})
	m := r.Once(t.Context(), s, 1, scenario.Contender{Name: role.Handwritten})[0]
	require.Empty(t, m.Problem)
	assert.False(t, m.Faulty(), "%+v", m)
	assert.Greater(t, m.Tally.Events, uint64(1000))
}

func TestIdle(t *testing.T) {
	r := scenario.Runner{Grpcsse: build(t)}
	for _, name := range []string{scenario.Grpcsse, role.Handwritten, role.Ready, role.Raw, role.RawUring} {
		t.Run(name, func(t *testing.T) {
			needsUring(t, name)
			m := r.Once(t.Context(), small(scenario.Idle, event.Flow{Count: 1}), 1, scenario.Contender{Name: name})[0]
			require.Empty(t, m.Problem)
			assert.False(t, m.Faulty(), "%+v", m)
			assert.Equal(t, 20, m.Tally.Met)
			assert.Equal(t, 20, m.Tally.Connected)
			assert.Zero(t, m.Tally.Events, "in the window")
			assert.Positive(t, m.Empty)
		})
	}
}

// Browsers connect in each way, to the bridge and to floors. What the bridge keeps after a collection is measured too.
func TestLinks(t *testing.T) {
	r := scenario.Runner{Grpcsse: build(t)}
	for _, c := range []scenario.Contender{
		{Name: scenario.Plain, Candidate: scenario.Grpcsse, Link: &load.Link{}},
		{Name: scenario.TLS, Candidate: scenario.Grpcsse, Link: &load.Link{TLS: true}},
		{Name: scenario.HTTP2Ten, Candidate: scenario.Grpcsse, Link: &load.Link{TLS: true, Streams: 10}},
		{Name: scenario.HTTP2One, Candidate: scenario.Grpcsse, Link: &load.Link{TLS: true, Streams: 1}},
		{Name: role.Ready, Link: &load.Link{TLS: true, Streams: 10}},
		{Name: role.RawTLS, Link: &load.Link{TLS: true}},
	} {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel() // nothing is measured that others would disturb
			s := small(scenario.Idle, event.Flow{Count: 1})
			s.Shared = true
			if c.Name == scenario.TLS { // one at a time: the address is always the same
				s.Collect = 10 * time.Millisecond
			}
			m := r.Once(t.Context(), s, 1, c)[0]
			require.Empty(t, m.Problem)
			assert.False(t, m.Faulty(), "%+v", m)
			assert.Equal(t, 20, m.Tally.Connected)
			assert.Equal(t, 20, m.Tally.Met)
			assert.Equal(t, s.Collect > 0, m.Collected > 0)
			assert.InDelta(t, 20/max(1, c.Link.Streams), m.Sockets, 5, "and the listeners, and the connection to the upstream")
		})
	}
}

func TestARunThatOthersDisturbIsTriedAgain(t *testing.T) {
	assert.False(t, scenario.Measurement{}.Disturbed())
	assert.False(t, scenario.Measurement{CPU: scenario.CPU{Candidate: time.Minute, Others: time.Second}}.Disturbed())
	assert.True(t, scenario.Measurement{CPU: scenario.CPU{Others: 1010 * time.Millisecond}}.Disturbed())
	assert.True(t, scenario.Measurement{CPU: scenario.CPU{Others: 600 * time.Millisecond, Steal: 600 * time.Millisecond}}.Disturbed())
}

func TestLeaving(t *testing.T) {
	r := scenario.Runner{Grpcsse: build(t)}
	for _, name := range []string{scenario.Grpcsse, role.Handwritten, role.Gateway} {
		t.Run(name, func(t *testing.T) {
			m := r.Once(t.Context(), small(scenario.Leaving, event.Flow{Rate: 20}), 1, scenario.Contender{Name: name})[0]
			require.Empty(t, m.Problem)
			assert.False(t, m.Faulty(), "%+v", m)
			assert.Positive(t, m.Cancelled.P50)
			assert.Less(t, m.Cancelled.Max, 5*time.Second)
		})
	}
}

// A candidate whose streams outlive the browsers is found out.
func TestALeakIsSeen(t *testing.T) {
	r := scenario.Runner{}
	m := r.Once(t.Context(), small(scenario.Leaving, event.Flow{Rate: 20}), 1, scenario.Contender{Name: role.Leaky})[0]
	require.Empty(t, m.Problem)
	assert.Equal(t, 20, m.Left)
	assert.True(t, m.Faulty())
	assert.Equal(t, load.Latency{}, m.Cancelled)
}

func TestWhatDoesNotStartSaysWhy(t *testing.T) {
	r := scenario.Runner{Grpcsse: build(t)}
	s := small(scenario.Flowing, event.Flow{})
	s.Browsers = 0
	assert.Contains(t, r.Once(t.Context(), s, 1, scenario.Contender{Name: "nobody"})[0].Problem, `there is no role "nobody"`)
	r.Grpcsse = "false"
	assert.Contains(t, r.Once(t.Context(), s, 1, scenario.Contender{Name: scenario.Grpcsse})[0].Problem, "exit status 1")
}
