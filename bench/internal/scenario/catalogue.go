package scenario

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/grpcsse/grpcsse/bench/internal/event"
	"github.com/grpcsse/grpcsse/bench/internal/load"
	"github.com/grpcsse/grpcsse/bench/internal/role"
)

// Grpcsse is the candidate that all is about: `grpcsse serve`, a program of its own.
const Grpcsse = "grpcsse"

// Catalogue returns all scenarios, in the order in which they are measured.
func Catalogue() []Scenario {
	return []Scenario{
		fullRate("one-64", "one subscriber at full rate, 64 B of text", 1, 64),
		fullRate("one-1k", "one subscriber at full rate, 1 KB of text", 1, 1024),
		fullRate("each-16", "16 subscribers at full rate, each its own stream", 16, 64),
		fullRate("each-128", "128 subscribers at full rate, each its own stream", 128, 64),
		shared("shared-1000", "1,000 browsers of one topic, 20 events/s", 1000),
		shared("shared-5000", "5,000 browsers of one topic, 20 events/s", 5000),
		idle("idle-shared", "15,000 idle browsers of one topic", 15000, true, role.Raw, role.Ready),
		idle("idle-private", "5,000 idle browsers, each its own stream", 5000, false, role.Handwritten),
		lonely("lonely-idle", "5,000 idle browsers, each alone on a shared stream, or with its own", idle("", "", 5000, false, Private)),
		trickle("trickle-1000", "1,000 browsers, each its own stream, 20 events/s", 1000),
		lonely("lonely-1000", "1,000 browsers, each alone on a shared stream, or with its own, 20 events/s", trickle("", "", 1000)),
		opening("open-2000", "2,000 browsers come, each its own stream", 2000),
		links("link-shared", "2,000 browsers of one topic, 5 events/s, by the kind of their connection", 2000, true,
			Contender{Name: role.RawTLS, Link: &load.Link{TLS: true}}),
		links("link-private", "1,000 browsers, each its own stream, 5 events/s, by the kind of their connection", 1000, false),
		linked("tls-idle", "2,000 idle browsers of one topic over HTTP/1.1 with TLS", 2000, 20*time.Second,
			Contender{Name: Grpcsse, Link: &load.Link{TLS: true}}),
		linked("h2-idle-10", "3,000 idle browsers of one topic on 300 connections of HTTP/2", 3000, 0,
			Contender{Name: Grpcsse, Link: &load.Link{TLS: true, Streams: 10}},
			Contender{Name: role.Ready, Link: &load.Link{TLS: true, Streams: 10}}),
		linked("h2-idle-1", "2,000 idle browsers of one topic, each on a connection of HTTP/2", 2000, 0,
			Contender{Name: Grpcsse, Link: &load.Link{TLS: true, Streams: 1}},
			Contender{Name: role.Ready, Link: &load.Link{TLS: true, Streams: 1}}),
		leaving("leave-500", "500 browsers leave at once, 20 events/s each", 20),
		leaving("leave-500-quiet", "500 browsers leave at once, of silent streams", 0),
		stalling(),
		pacing(),
	}
}

// Find returns the scenarios whose names match one of the patterns, which are separated by commas: "shared-*,one-64"; "all"
// are all.
func Find(patterns string) ([]Scenario, error) {
	all := Catalogue()
	if patterns == "all" {
		return all, nil
	}
	var found []Scenario
	for pattern := range strings.SplitSeq(patterns, ",") {
		before := len(found)
		for _, s := range all {
			if ok, err := path.Match(pattern, s.Name); err != nil {
				return nil, fmt.Errorf("scenario %q: %w", pattern, err)
			} else if ok && !slices.ContainsFunc(found, func(f Scenario) bool { return f.Name == s.Name }) {
				found = append(found, s)
			}
		}
		if len(found) == before {
			return nil, fmt.Errorf("scenario %q: expected one of %s, or all", pattern, strings.Join(names(all), ", "))
		}
	}
	return found, nil
}

func names(all []Scenario) []string {
	var out []string
	for _, s := range all {
		out = append(out, s.Name)
	}
	return out
}

func contenders(names ...string) []Contender {
	var out []Contender
	for _, name := range names {
		out = append(out, Contender{Name: name})
	}
	return out
}

func fullRate(name, title string, browsers, text int) Scenario {
	return Scenario{
		Name: name, Title: title, Kind: Flowing, Browsers: browsers, Text: text,
		Warmup: 1500 * time.Millisecond, Window: 4 * time.Second, Rounds: 3,
		Contenders: contenders(Grpcsse, role.Handwritten, role.Gateway), Against: role.Handwritten,
	}
}

// WritesAlone is the bridge where the kernel forbids io_uring.
const WritesAlone = "grpcsse without io_uring"

func shared(name, title string, browsers int) Scenario {
	all := contenders(Grpcsse, role.Raw, role.RawUring, role.Ready, role.Handwritten, role.Gateway)
	all = slices.Insert(all, 1, Contender{Name: WritesAlone, Candidate: Grpcsse, WritesAlone: true})
	return Scenario{
		Name: name, Title: title, Kind: Flowing, Browsers: browsers, Shared: true, Text: 64, Flow: event.Flow{Rate: 20},
		Warmup: 2 * time.Second, Window: 6 * time.Second, Rounds: 3,
		Contenders: all, Against: role.Raw,
	}
}

func idle(name, title string, browsers int, shared bool, others ...string) Scenario {
	return Scenario{
		Name: name, Title: title, Kind: Idle, Browsers: browsers, Shared: shared, Text: 64, Flow: event.Flow{Count: 1},
		// A heartbeat comes every 15 s: a window of that length has one for each browser.
		Warmup: 15 * time.Second, Window: 15 * time.Second, Rounds: 2,
		Contenders: contenders(append([]string{Grpcsse}, others...)...), Against: others[0],
	}
}

// trickle has a stream for each browser, on which an event comes now and then.
func trickle(name, title string, browsers int) Scenario {
	return Scenario{
		Name: name, Title: title, Kind: Flowing, Browsers: browsers, Text: 64, Flow: event.Flow{Rate: 20},
		Warmup: 2 * time.Second, Window: 6 * time.Second, Rounds: 5,
		Contenders: contenders(Grpcsse, role.Handwritten), Against: role.Handwritten,
	}
}

// The contenders of a scenario in which each browser is the only one of its stream: the bridge twice.
const (
	Private = "grpcsse, private"
	Lonely  = "grpcsse, shared"
)

// lonely is another scenario, in which the bridge contends with itself: each browser is alone on a stream that could be shared,
// or has a stream of its own.
func lonely(name, title string, s Scenario) Scenario {
	s.Name, s.Title, s.Against = name, title, Private
	s.Contenders = []Contender{{Name: Private, Candidate: Grpcsse}, {Name: Lonely, Candidate: Grpcsse, Lonely: true}}
	return s
}

// opening has browsers come, each of which gets one event.
func opening(name, title string, browsers int) Scenario {
	return Scenario{
		Name: name, Title: title, Kind: Opening, Browsers: browsers, Text: 64, Flow: event.Flow{Count: 1},
		Warmup: time.Second, Window: 3 * time.Second, Rounds: 5,
		Contenders: contenders(Grpcsse, role.Handwritten), Against: role.Handwritten,
	}
}

// The contenders of the scenarios of kinds of connections: HTTP/1.1 without TLS and with it, and HTTP/2 with ten streams on a
// connection and with one.
const (
	Plain    = "plain"
	TLS      = "tls"
	HTTP2Ten = "h2-10"
	HTTP2One = "h2-1"
)

// links has the bridge contend with itself, over each kind of connection, and with others.
func links(name, title string, browsers int, shared bool, others ...Contender) Scenario {
	return Scenario{
		Name: name, Title: title, Kind: Flowing, Browsers: browsers, Shared: shared, Text: 64, Flow: event.Flow{Rate: 5},
		Warmup: 3 * time.Second, Window: 5 * time.Second, Rounds: 5,
		Contenders: append([]Contender{
			{Name: Plain, Candidate: Grpcsse, Link: &load.Link{}},
			{Name: TLS, Candidate: Grpcsse, Link: &load.Link{TLS: true}},
			{Name: HTTP2Ten, Candidate: Grpcsse, Link: &load.Link{TLS: true, Streams: 10}},
			{Name: HTTP2One, Candidate: Grpcsse, Link: &load.Link{TLS: true, Streams: 1}},
		}, others...),
		Against: Plain,
	}
}

// linked has idle browsers of one topic on connections of one kind.
func linked(name, title string, browsers int, collect time.Duration, contenders ...Contender) Scenario {
	return Scenario{
		Name: name, Title: title, Kind: Idle, Browsers: browsers, Shared: true, Text: 64, Flow: event.Flow{Count: 1},
		Warmup: 3 * time.Second, Window: 5 * time.Second, Collect: collect, Rounds: 5,
		Contenders: contenders, Against: contenders[len(contenders)-1].Name,
	}
}

// leaving is at once, and each browser has a stream of its own: a shared one is not cancelled when a browser leaves.
func leaving(name, title string, rate float64) Scenario {
	flow := event.Flow{Rate: rate}
	if rate == 0 {
		flow.Count = 1
	}
	return Scenario{
		Name: name, Title: title, Kind: Leaving, Browsers: 500, Text: 64, Flow: flow,
		Warmup: 2 * time.Second, Rounds: 3,
		Contenders: contenders(Grpcsse, role.Handwritten, role.Gateway), Against: role.Handwritten,
	}
}

// The contenders of the scenario of a pace: the bridge three times.
const (
	Unpaced     = "grpcsse, no pace"
	Paced       = "grpcsse, every 100ms"
	PacedNewest = "grpcsse, newest_by"
)

// pacing has more events than a page can show. What is due to a browser is the same for all: each event of the upstream.
func pacing() Scenario {
	return Scenario{
		Name: "pace", Title: "2,000 browsers of one topic at 200 events/s of 5 kinds, without a pace and with one",
		Kind: Flowing, Browsers: 2000, Shared: true, Text: 64, Kinds: 5, Flow: event.Flow{Rate: 200},
		Warmup: 2 * time.Second, Window: 6 * time.Second, Rounds: 5,
		Contenders: []Contender{
			{Name: Unpaced, Candidate: Grpcsse},
			{Name: Paced, Candidate: Grpcsse, Pace: "{every: 100ms}"},
			{Name: PacedNewest, Candidate: Grpcsse, Pace: "{every: 100ms, newest_by: kind}", Newest: true},
		},
		Against: Unpaced,
	}
}

// The contenders of the scenario in which some stall: the bridge twice.
const (
	NoneStalls = "grpcsse, none stalls"
	SomeStall  = "grpcsse, 100 stall"
)

// stalling has events of 1 KB, and lasts long enough for the bridge to notice, by send_buffer and then write_timeout, that some
// read nothing.
func stalling() Scenario {
	return Scenario{
		Name: "stall-1000", Title: "1,000 browsers of one topic at 20 events/s, while 100 others stall",
		Kind: Flowing, Browsers: 1000, Shared: true, Text: 1024, Flow: event.Flow{Rate: 20},
		Warmup: 2 * time.Second, Window: 25 * time.Second, Rounds: 3,
		Contenders: []Contender{{Name: NoneStalls, Candidate: Grpcsse}, {Name: SomeStall, Candidate: Grpcsse, Stalled: 100}},
		Against:    NoneStalls,
	}
}
