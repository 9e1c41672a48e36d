package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/grpcsse/grpcsse/bridge"
)

// routes is `grpcsse routes`: a table of what is served, on standard output.
type routes struct {
	source

	Timeout time.Duration `default:"10s" help:"How long to wait for the schemas of the gRPC servers."`
}

// Run implements the command.
func (r *routes) Run(ctx context.Context, t *terminal) (err error) {
	cfg, err := r.load(t)
	if err != nil {
		return err
	}
	b, err := bridge.New(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	late := waitReady(ctx, b, r.Timeout) // the known routes are listed all the same
	infos := b.Routes()
	if len(infos) > 0 {
		if err := table(t.stdout, infos); err != nil {
			return err
		}
	}
	problems := b.Problems()
	problems.Render(t.stderr)
	if late == nil && len(infos) == 0 && len(problems) > 0 {
		return errors.New("nothing is served")
	}
	return late
}

// table writes one line for each route.
func table(w io.Writer, infos []bridge.RouteInfo) error {
	// Flush returns the errors of these writes.
	lines := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(lines, "METHOD\tPATH\tRPC\tUPSTREAM\tSOURCE\tSTATE")
	for _, info := range infos {
		state := "served"
		if info.Problem != nil {
			state = "out of order"
		}
		upstream := info.Upstream
		if upstream == "" {
			upstream = "?"
		}
		_, _ = fmt.Fprintf(lines, "%s\t%s\t%s\t%s\t%s\t%s\n",
			strings.Join(info.Methods, ","), info.Path, info.RPC, upstream, info.Source, state)
	}
	return lines.Flush()
}
