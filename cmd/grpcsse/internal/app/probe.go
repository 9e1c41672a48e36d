package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/grpcsse/grpcsse/cmd/grpcsse/internal/probe"
	"github.com/grpcsse/grpcsse/cmd/grpcsse/internal/sseclient"
)

// probeCommand is `grpcsse probe`: what is right and wrong with a stream, on standard output.
type probeCommand struct { //nolint:recvcheck // kong asks the value for its help
	endpoint

	JSON    bool          `name:"json" help:"Print one JSON object instead of text."`
	For     time.Duration `default:"45s" placeholder:"TIME" help:"How long all of it takes at most (45s). A busy stream takes 5 s."`
	Silence time.Duration `default:"30s" placeholder:"TIME" help:"How long a right stream is silent at most (30s)."`
	Origin  string        `placeholder:"ORIGIN" help:"Also check that a page of this origin may read the stream."`
}

// Help implements kong.HelpProvider.
func (probeCommand) Help() string {
	return `The stream can be that of any server. The command opens it, listens, comes back with the id of an event as a browser does
after a break, and says what that means for an EventSource: header, buffering on the way, heartbeat, retry, ids, resuming, the
end, compression, and CORS with --origin.

Exit codes: 0 where there is no fault, warnings or not. 1 where there is a fault, or no server. 2 for a mistake on the command
line.`
}

// Run implements the command.
func (c *probeCommand) Run(ctx context.Context, t *terminal) error {
	if c.For <= 0 || c.Silence <= 0 {
		err := errors.New("--for and --silence: expected a positive time")
		return &usageError{err: err, hint: "see " + programName + " probe --help"}
	}
	if c.Origin != "" {
		c.Header = append(c.Header, "Origin: "+c.Origin)
	}
	at, client, err := c.open("probe", sseclient.Options{})
	if err != nil {
		return err
	}
	defer client.Close()
	_, plain, err := c.open("probe", sseclient.Options{Identity: true})
	if err != nil {
		return err
	}
	defer plain.Close()
	t.say("listening for at most %v", c.For)
	report, err := probe.Run(ctx, probe.Options{
		URL: at, Client: client, Plain: plain, Origin: c.Origin, For: c.For, Silence: c.Silence,
	})
	if err != nil {
		return err
	}
	write := report.Text
	if c.JSON {
		write = report.JSON
	}
	if err := write(t.stdout); err != nil {
		return err
	}
	if report.Faults > 0 {
		return fmt.Errorf("the stream has %s", plural(report.Faults, "fault"))
	}
	return nil
}
