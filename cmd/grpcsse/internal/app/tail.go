package app

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/grpcsse/grpcsse/cmd/grpcsse/internal/sseclient"
	"github.com/grpcsse/grpcsse/cmd/grpcsse/internal/tail"
)

// endpoint is a stream of events by its URL, and how to ask for it.
type endpoint struct {
	URL      string   `arg:"" name:"url" help:"The stream, for example http://127.0.0.1:8080/quotes. http:// may be left out."`
	Header   []string `short:"H" sep:"none" placeholder:"\"NAME: VALUE\"" help:"Send a header. Can be repeated. A redirect to another host loses it."`
	CACert   string   `name:"cacert" placeholder:"FILE" help:"Trust the authorities in a PEM file instead of those of the system."`
	Insecure bool     `short:"k" help:"Trust any certificate."`
}

// open returns the endpoint's URL and what asks for it.
func (e *endpoint) open(command string, o sseclient.Options) (*url.URL, *sseclient.Client, error) {
	at, err := sseclient.ParseURL(e.URL)
	if err != nil {
		return nil, nil, &usageError{err: err, hint: "see " + programName + " " + command + " --help"}
	}
	if o.Header, err = sseclient.ParseHeaders(e.Header); err != nil {
		return nil, nil, &usageError{err: fmt.Errorf("--header: %w", err), hint: `for example -H "Authorization: Bearer abc"`}
	}
	o.CACert, o.Insecure = e.CACert, e.Insecure
	client, err := sseclient.New(o)
	if err != nil {
		return nil, nil, fmt.Errorf("--cacert: %w", err)
	}
	return at, client, nil
}

// tailCommand is `grpcsse tail`: the events of a stream, on standard output.
type tailCommand struct { //nolint:recvcheck // kong asks the value for its help
	endpoint

	JSON        bool          `name:"json" help:"Print one JSON object a line, with time, event, id and data."`
	Count       int           `placeholder:"N" help:"End after N events. The bridge's own events, such as grpc-status, do not count."`
	For         time.Duration `placeholder:"TIME" help:"End after this time, for example 10s."`
	Once        bool          `help:"Do not reconnect: end with the first connection."`
	LastEventID string        `name:"last-event-id" placeholder:"ID" help:"Begin after the event with this id, as a browser that comes back."`
}

// Help implements kong.HelpProvider.
func (tailCommand) Help() string {
	return `Events go to standard output, all else to standard error. After an end, the command reconnects with the newest id and after
the time in "retry:", as an EventSource does, and more and more slowly while that gives no event. It ends where an EventSource
stops: after status 204 and every other status but 200, after another Content-Type, and after a grpc-status that says so.

Exit codes: 0 where the stream ended well, or after --count, --for or Ctrl-C. 64 + N where the stream ended for good with the
gRPC status N, for example 69 for NOT_FOUND (5) and 78 for UNAVAILABLE (14). 2 for a mistake on the command line. 1 for all
else: no server, no stream, fewer events than --count before the end of --for.`
}

// Run implements the command.
func (c *tailCommand) Run(ctx context.Context, t *terminal) error {
	if c.Count < 0 || c.For < 0 {
		err := errors.New("--count and --for: expected a positive number")
		return &usageError{err: err, hint: "see " + programName + " tail --help"}
	}
	at, client, err := c.open("tail", sseclient.Options{})
	if err != nil {
		return err
	}
	defer client.Close()
	return tail.Run(ctx, tail.Options{
		Client: client, URL: at, Cursor: c.LastEventID, Count: c.Count, For: c.For, Once: c.Once,
		Screen: tail.NewScreen(t.stdout, t.stderr, c.JSON),
	})
}
