package scenario

import (
	"slices"
	"time"

	"github.com/grpcsse/grpcsse/bench/internal/event"
	"github.com/grpcsse/grpcsse/bench/internal/load"
)

// Kind is what is done in a scenario.
type Kind string

// The kinds.
const (
	// Flowing: events flow, and what they cost and how late they are is measured.
	Flowing Kind = "flowing"
	// Idle: after one event, nothing happens but heartbeats. Memory is measured.
	Idle Kind = "idle"
	// Opening: browsers come, and get one event each. What that costs is measured, until the end of the window.
	Opening Kind = "opening"
	// Leaving: all browsers leave at once. How soon the upstream knows is measured.
	Leaving Kind = "leaving"
)

// Scenario is one situation in which contenders are compared.
type Scenario struct {
	Name  string `json:"name"`
	Title string `json:"title"`
	Kind  Kind   `json:"kind"`

	Browsers int `json:"browsers"`
	// Shared is that all browsers look at the same: one upstream stream, where the candidate can share it.
	Shared bool `json:"shared"`
	// Text is the number of bytes of an event's text.
	Text int `json:"text"`
	// Kinds is how many kinds of events there are, in turn; 0 is one.
	Kinds int `json:"kinds,omitempty"`
	// Flow is when each upstream stream sends an event.
	Flow event.Flow `json:"flow"`

	// Warmup lies between the opening of the last connection and the window in which is measured.
	Warmup time.Duration `json:"warmup"`
	Window time.Duration `json:"window"`
	// Rounds is how often each contender runs, unless the command line says.
	Rounds int `json:"rounds"`

	// Collect is how long the bridge has, after the window and a collection of garbage that is asked for, to give memory back before
	// it is measured once more; 0 is that it is not asked.
	Collect time.Duration `json:"collect,omitempty"`

	Contenders []Contender `json:"contenders"`
	// Against is the name of the contender with which the others are compared.
	Against string `json:"against"`
}

// Contender is a candidate in a scenario.
type Contender struct {
	Name string `json:"name"`
	// Candidate is the program; empty is Name.
	Candidate string `json:"candidate,omitempty"`
	// Stalled is how many browsers there are that read nothing, besides the others.
	Stalled int `json:"stalled,omitempty"`
	// Link is how browsers connect; nil is over HTTP/1.1 without TLS, by a crowd that is one thread.
	Link *load.Link `json:"link,omitempty"`
	// Lonely has the bridge share its streams although each browser has a topic of its own.
	Lonely bool `json:"lonely,omitempty"`
	// WritesAlone has the bridge write to one connection after the other, as on a machine without io_uring.
	WritesAlone bool `json:"writes_alone,omitempty"`
	// Pace is the bridge's `share.pace`; empty is none.
	Pace string `json:"pace,omitempty"`
	// Newest is that the pace leaves out events, except the newest of each kind.
	Newest bool `json:"newest,omitempty"`
}

// Paced reports whether contenders have a pace. Then they deliver different numbers of events, and what counts are those due.
func (s Scenario) Paced() bool {
	return slices.ContainsFunc(s.Contenders, func(c Contender) bool { return c.Pace != "" })
}

// Program is the candidate that contends.
func (c Contender) Program() string {
	if c.Candidate != "" {
		return c.Candidate
	}
	return c.Name
}

// secure reports whether browsers connect over TLS.
func (c Contender) secure() bool { return c.Link != nil && c.Link.TLS }

// Only returns the scenario with those of its contenders that have one of the names.
func (s Scenario) Only(names ...string) Scenario {
	var kept []Contender
	for _, c := range s.Contenders {
		if slices.Contains(names, c.Name) {
			kept = append(kept, c)
		}
	}
	s.Contenders = kept
	return s
}

// Without returns the scenario without the contenders that are a program, and reports whether it had any.
func (s Scenario) Without(program string) (Scenario, bool) {
	all := len(s.Contenders)
	s.Contenders = slices.DeleteFunc(slices.Clone(s.Contenders), func(c Contender) bool { return c.Program() == program })
	return s, len(s.Contenders) < all
}

// Longest is how long a run may take, so that none is waited for in vain.
func (s Scenario) Longest() time.Duration {
	return s.Warmup + s.Window + s.Collect + patience + 90*time.Second
}

// Due is how many events a second are due to all browsers; 0 is as many as they take.
func (s Scenario) Due() float64 {
	if s.Flow.Count > 0 {
		return 0
	}
	return s.Flow.Rate * float64(s.Browsers)
}
