// Figures measures what several replicas of grpcsse over NATS cost and how fast they are, and prints a table: what each figure must
// be, and what was measured. It starts nats-server and grpcsse as processes of their own. The rows of one figure are measured in
// interleaved rounds of one run, as CPU time of user and system where they are costs. Linux only.
//
//	go run ./figures                       # everything
//	go run ./figures -only takeover,open   # some of it
//
// The exit code is 1 where a figure is not reached.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/grpcsse/grpcsse/bridge/cluster/natstest/internal/rig"
)

// scenarios are what can be measured, in this order.
var scenarios = []struct {
	name string
	run  func(context.Context, *lab) error
}{
	{"events", measureEvents},
	{"program", measureProgram},
	{"lone", measureLone},
	{"open", measureOpen},
	{"keys", measureKeys},
	{"takeover", measureTakeover},
	{"nodes", measureNodes},
	{"streams", measureStreams},
}

// errMissed says that a figure is not reached.
var errMissed = errors.New("a figure is not reached")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "figures:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	l := &lab{}
	var names []string
	for _, s := range scenarios {
		names = append(names, s.name)
	}
	only := flag.String("only", strings.Join(names, ","), "what is measured")
	flag.IntVar(&l.rounds, "rounds", 5, "interleaved rounds of costs")
	flag.IntVar(&l.runs, "runs", 20, "how often an owner is killed, and how often one is paused")
	flag.StringVar(&l.grpcsse, "grpcsse", "", "the program grpcsse; built where it is not given")
	flag.StringVar(&l.nats, "nats", "", "the program nats-server; built where it is not given")
	flag.StringVar(&l.profile, "profile", "", "where to write the CPU profile of the owner and the follower of the scenario events")
	role := flag.String("role", "", "for the program itself: what the process does")
	flag.Parse()
	if *role != "" {
		return playKeys(ctx, *role, flag.Args())
	}
	if err := l.prepare(ctx); err != nil {
		return err
	}
	defer l.close()
	for _, s := range scenarios {
		if !strings.Contains(","+*only+",", ","+s.name+",") {
			continue
		}
		began, others := time.Now(), othersCPU()
		if err := s.run(ctx, l); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		lasted := time.Since(began)
		fmt.Fprintf(os.Stderr, "%s: %s, and other processes had %.2f of the %d CPUs\n", s.name, lasted.Round(time.Second),
			(othersCPU()-others).Seconds()/lasted.Seconds(), runtime.NumCPU())
	}
	if l.print(os.Stdout) {
		return nil
	}
	return errMissed
}

// lab is where the figures are measured.
type lab struct {
	rounds, runs  int
	grpcsse, nats string // the programs
	profile       string
	dir           string // for the files of the processes
	rows          []row
}

// prepare builds the programs that are not given.
func (l *lab) prepare(ctx context.Context) (err error) {
	if l.dir, err = os.MkdirTemp("", "figures"); err != nil {
		return err
	}
	if l.grpcsse == "" {
		root, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "github.com/grpcsse/grpcsse").Output()
		if err != nil {
			return fmt.Errorf("the directory of the bridge: %w", err)
		}
		if l.grpcsse, err = rig.Build(strings.TrimSpace(string(root)), l.dir); err != nil {
			return err
		}
	}
	if l.nats != "" {
		return nil
	}
	l.nats = filepath.Join(l.dir, "nats-server")
	text, err := exec.CommandContext(ctx, "go", "build", "-o", l.nats, "github.com/nats-io/nats-server/v2").CombinedOutput()
	if err != nil {
		return fmt.Errorf("nats-server: %w: %s", err, text)
	}
	return nil
}

func (l *lab) close() { _ = os.RemoveAll(l.dir) }
