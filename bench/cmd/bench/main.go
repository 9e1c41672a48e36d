// Command bench compares grpcsse with its peers: see the README beside its module.
//
// Exit codes: 0 all was measured, 1 something was not, or a connection was lost or an event came wrong, 2 the command line is
// wrong. What must be reached and is not is said, and is no failure: machines differ.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/grpcsse/grpcsse/bench/internal/measure"
	"github.com/grpcsse/grpcsse/bench/internal/peer"
	"github.com/grpcsse/grpcsse/bench/internal/report"
	"github.com/grpcsse/grpcsse/bench/internal/role"
	"github.com/grpcsse/grpcsse/bench/internal/scenario"
)

// settings are the command line.
type settings struct {
	grpcsse  string
	patterns string
	only     string
	rounds   int
	warmup   time.Duration
	results  string
	plot     string
	from     string
	list     bool
}

func main() {
	role.Play()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

func run(ctx context.Context, arguments []string, out, progress io.Writer) int {
	var s settings
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(progress)
	flags.StringVar(&s.grpcsse, "grpcsse", "bin/grpcsse", "the bridge's `program`")
	flags.StringVar(&s.patterns, "scenario", "all", "what to measure: `names` or patterns, separated by commas")
	flags.StringVar(&s.only, "only", "", "`contenders` to run, separated by commas; empty is all of a scenario")
	flags.IntVar(&s.rounds, "rounds", 0, "how often each contender runs; 0 is as often as the scenario says")
	flags.DurationVar(&s.warmup, "warmup", 0, "the `time` before the measurement begins; 0 is what the scenario says")
	flags.StringVar(&s.results, "results", "", "`file` to write the results to, as JSON")
	flags.StringVar(&s.plot, "plot", "", "`file` to write the plot to, as SVG")
	flags.StringVar(&s.from, "from", "", "measure nothing: take results from `files`, separated by commas, later ones first")
	flags.BoolVar(&s.list, "list", false, "list the scenarios")
	if err := flags.Parse(arguments); err != nil || flags.NArg() > 0 {
		return 2
	}
	if s.list {
		list(out)
		return 0
	}
	results, err := s.obtain(ctx, progress)
	if len(results.Runs) > 0 { // also where it was interrupted
		err = errors.Join(err, s.show(results, out))
	}
	if err != nil {
		fmt.Fprintln(progress, err)
		return 1
	}
	for _, m := range results.Runs {
		if m.Faulty() {
			return 1
		}
	}
	return 0
}

// list names the scenarios.
func list(out io.Writer) {
	for _, s := range scenario.Catalogue() {
		fmt.Fprintf(out, "%-16s %s\n", s.Name, s.Title)
	}
}

// names returns the names in a list. A space follows a comma that is a part of a name, as in "grpcsse, shared".
func names(list string) []string {
	all := strings.Split(list, ",")
	kept := all[:1]
	for _, part := range all[1:] {
		if strings.HasPrefix(part, " ") {
			kept[len(kept)-1] += "," + part
			continue
		}
		kept = append(kept, part)
	}
	return kept
}

// obtain reads or measures the results.
func (s settings) obtain(ctx context.Context, progress io.Writer) (report.Results, error) {
	if s.from != "" {
		return report.Read(strings.Split(s.from, ",")...)
	}
	scenarios, err := scenario.Find(s.patterns)
	if err != nil {
		return report.Results{}, err
	}
	if s.only != "" {
		for i := range scenarios {
			scenarios[i] = scenarios[i].Only(names(s.only)...)
		}
	}
	leaveOut(scenarios, peer.ProbeUring(), progress)
	results := report.Results{When: time.Now().UTC().Truncate(time.Second), Scenarios: scenarios}
	if results.Machine, err = measure.Describe(); err != nil {
		return results, err
	}
	runner := scenario.Runner{Grpcsse: s.grpcsse}
	for _, one := range scenarios {
		if s.rounds > 0 {
			one.Rounds = s.rounds
		}
		if s.warmup > 0 {
			one.Warmup = s.warmup
		}
		for m := range runner.All(ctx, one) {
			fmt.Fprintln(progress, report.Line(one, m))
			results.Runs = append(results.Runs, m)
		}
	}
	return results, ctx.Err()
}

// leaveOut takes the floor that writes by io_uring out of the scenarios where this machine has none, for the reason given, and says
// so. A nil reason is that the machine has it.
func leaveOut(scenarios []scenario.Scenario, reason error, progress io.Writer) {
	if reason == nil {
		return
	}
	for i, s := range scenarios {
		var had bool
		if scenarios[i], had = s.Without(role.RawUring); had {
			fmt.Fprintf(progress, "%s: %s is left out, since this machine has no io_uring: %v\n", s.Name, role.RawUring, reason)
		}
	}
}

// show writes what was found.
func (s settings) show(results report.Results, out io.Writer) error {
	fmt.Fprintf(out, "%s, %s\n", results.Machine, results.When.Format(time.DateOnly))
	if err := results.Tables(out); err != nil {
		return err
	}
	if err := results.Targets(out); err != nil {
		return err
	}
	if s.results != "" {
		if err := results.Write(s.results); err != nil {
			return err
		}
	}
	if s.plot == "" {
		return nil
	}
	file, err := os.Create(s.plot)
	if err != nil {
		return err
	}
	if err := results.Plot(file); err != nil {
		_ = file.Close()
		return err
	}
	return file.Close()
}
