package scenario

import (
	"time"

	"github.com/grpcsse/grpcsse/bench/internal/load"
)

// Measurement is what one run of one contender has shown.
type Measurement struct {
	Scenario  string `json:"scenario"`
	Contender string `json:"contender"`
	Round     int    `json:"round"`
	// Problem is why there is nothing else.
	Problem string `json:"problem,omitempty"`

	// In the window:

	Seconds float64    `json:"seconds"`
	CPU     CPU        `json:"cpu"`
	Tally   load.Tally `json:"tally"` // at its end

	// Empty is the candidate's memory before the first browser came, and Memory at the end of the window, in bytes (RSS).
	Empty  int64 `json:"empty"`
	Memory int64 `json:"memory"`
	// Collected is the bridge's memory after a collection, where the scenario asks for one.
	Collected int64 `json:"collected,omitempty"`
	// Streams is how many streams the upstream had at the end; a floor has none.
	Streams int `json:"streams"`
	// Sockets is how many the candidate had then.
	Sockets int `json:"sockets"`

	// Where browsers left:

	// Cancelled is how long it took from the closing of a connection until the context of its stream at the upstream was done.
	Cancelled load.Latency `json:"cancelled"`
	// Left is how many streams the upstream still had when it had been waited for in vain.
	Left int `json:"left"`
}

// CPU is who has had the CPUs in a window.
type CPU struct {
	Candidate time.Duration `json:"candidate"`
	Upstream  time.Duration `json:"upstream"`
	Crowd     time.Duration `json:"crowd"`
	// Others is everybody who has nothing to do with the run, and Steal what other virtual machines have taken.
	Others time.Duration `json:"others"`
	Steal  time.Duration `json:"steal"`
}

// plus returns the sum of two windows.
func (c CPU) plus(other CPU) CPU {
	return CPU{
		Candidate: c.Candidate + other.Candidate, Upstream: c.Upstream + other.Upstream, Crowd: c.Crowd + other.Crowd,
		Others: c.Others + other.Others, Steal: c.Steal + other.Steal,
	}
}

// mostOthers is how much CPU time others may have in a window.
const mostOthers = time.Second

// Disturbed reports that others had so much of the CPUs that the run says little. Such a run is thrown away.
func (m Measurement) Disturbed() bool { return m.CPU.Others+m.CPU.Steal > mostOthers }

// Faulty reports that something went wrong that must not: events lost, connections ended, streams left.
func (m Measurement) Faulty() bool {
	return m.Problem != "" || m.Tally.Faults.Any() || m.Tally.Resets > 0 || m.Tally.Strange > 0 || m.Tally.Ended > 0 || m.Left > 0
}
