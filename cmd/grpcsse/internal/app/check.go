package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/grpcsse/grpcsse/bridge"
	"github.com/grpcsse/grpcsse/bridge/config"
)

// check is `grpcsse check`: every problem of a configuration file, on standard output.
type check struct {
	source

	File    string        `arg:"" optional:"" help:"The configuration file; the same as --config."`
	Offline bool          `help:"Open no socket: check the routes only against schemas that lie in files."`
	Timeout time.Duration `default:"10s" help:"How long to wait for the schemas of the gRPC servers."`
}

// Run implements the command.
func (k *check) Run(ctx context.Context, t *terminal) error {
	if (k.File == "") == (cmp.Or(k.Config, k.Upstream) == "") {
		return &usageError{err: errors.New("expected one configuration file"), hint: programName + " check grpcsse.yaml"}
	}
	k.Config = cmp.Or(k.File, k.Config)
	if k.Upstream == "" {
		if err := k.onlyWithUpstream(); err != nil {
			return err
		}
	}
	cfg, problems, err := k.read()
	if err != nil {
		return err
	}
	if cfg != nil {
		problems = merge(problems, k.compare(ctx, cfg))
	}
	problems.Render(t.stdout)
	if k.Offline {
		sayUnchecked(t, cfg)
	}
	what := cmp.Or(k.Config, k.Upstream)
	switch {
	case hasErrors(problems):
		t.say("error: %s: %s", what, tally(problems))
		return errUnfit
	case len(problems) > 0:
		t.say("%s is in order, with %s", what, plural(len(problems), "warning"))
	default:
		t.say("%s is in order", what)
	}
	return nil
}

// read returns the configuration for further checks, and the problems that were found.
func (k *check) read() (*config.Config, config.Problems, error) {
	if k.Upstream == "" {
		return config.Inspect(k.Config)
	}
	cfg, err := k.forUpstream()
	return cfg, nil, err
}

// compare returns the problems that the schemas show.
func (k *check) compare(ctx context.Context, cfg *config.Config) config.Problems {
	if k.Offline {
		return bridge.CheckOffline(ctx, cfg)
	}
	within, cancel := context.WithTimeoutCause(ctx, k.Timeout, fmt.Errorf("no answer within %v", k.Timeout))
	defer cancel()
	return bridge.Check(within, cfg)
}

// merge joins the problems that the schemas show and those of the file. Where the file has an error in a value, problems of the
// schemas with the same value are left out, because another value was checked there.
func merge(file, schema config.Problems) config.Problems {
	wrong, said := make(map[string]bool), make(map[string]bool)
	for _, p := range file {
		said[p.Error()] = true
		wrong[p.File+":"+p.Path] = wrong[p.File+":"+p.Path] || !p.Warning
	}
	out := slices.DeleteFunc(slices.Clone(schema), func(p *config.Problem) bool { return wrong[p.File+":"+p.Path] || said[p.Error()] })
	failed := make(map[string]bool)
	for _, p := range out {
		failed[p.File+":"+p.Path] = failed[p.File+":"+p.Path] || !p.Warning
	}
	for _, p := range file {
		if !p.Warning || !failed[p.File+":"+p.Path] {
			out = append(out, p)
		}
	}
	out.Sort()
	return out
}

// sayUnchecked names the upstreams whose routes were not checked.
func sayUnchecked(t *terminal, cfg *config.Config) {
	if cfg == nil {
		return
	}
	var names []string
	for _, u := range cfg.Upstreams {
		if u.Schema.Reflection {
			names = append(names, u.Name)
		}
	}
	if len(names) > 0 {
		t.say("not checked offline, for want of a schema in a file: the routes of %s", strings.Join(names, ", "))
	}
}

func hasErrors(problems config.Problems) bool {
	for _, p := range problems {
		if !p.Warning {
			return true
		}
	}
	return false
}
