package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/grpcsse/grpcsse/bridge"
	"github.com/grpcsse/grpcsse/bridge/config"
)

// check is `grpcsse check`: every problem of a configuration file, on standard output.
type check struct {
	File    string        `arg:"" optional:"" help:"The configuration file."`
	Config  string        `short:"c" placeholder:"FILE" help:"The same, as the other commands take it."`
	Offline bool          `help:"Open no socket: check only what the file itself shows."`
	Timeout time.Duration `default:"10s" help:"How long to wait for the schemas of the gRPC servers."`
}

// Run implements the command.
func (k *check) Run(ctx context.Context, t *terminal) error {
	if (k.File == "") == (k.Config == "") {
		return &usageError{err: errors.New("expected one configuration file"), hint: programName + " check grpcsse.yaml"}
	}
	k.File = cmp.Or(k.File, k.Config)
	problems, err := k.problems(ctx)
	if err != nil {
		return err
	}
	problems.Render(t.stdout)
	switch {
	case hasErrors(problems):
		t.say("error: %s: %s", k.File, tally(problems))
		return errUnfit
	case len(problems) > 0:
		t.say("%s is in order, with %s", k.File, plural(len(problems), "warning"))
	default:
		t.say("%s is in order", k.File)
	}
	return nil
}

// problems returns errors and warnings; its error is of the operating system.
func (k *check) problems(ctx context.Context) (config.Problems, error) {
	cfg, err := config.Load(k.File)
	var problems config.Problems
	switch {
	case errors.As(err, &problems):
		return problems, nil
	case err != nil:
		return nil, err
	case k.Offline:
		return cfg.Warnings, nil
	}
	within, cancel := context.WithTimeoutCause(ctx, k.Timeout, fmt.Errorf("no answer within %v", k.Timeout))
	defer cancel()
	return bridge.Check(within, cfg), nil
}

func hasErrors(problems config.Problems) bool {
	for _, p := range problems {
		if !p.Warning {
			return true
		}
	}
	return false
}
