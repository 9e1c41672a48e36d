package role

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"slices"

	"github.com/grpcsse/grpcsse/bench/internal/control"
	"github.com/grpcsse/grpcsse/bench/internal/event"
	"github.com/grpcsse/grpcsse/bench/internal/load"
	"github.com/grpcsse/grpcsse/bench/internal/peer"
	"github.com/grpcsse/grpcsse/bench/internal/upstream"
)

// What the upstream is asked.
const (
	AskStreams = "streams" // answered with an upstream.Streams
	AskEnded   = "ended"   // answered with a list of upstream.End
)

func playUpstream(ctx context.Context, r Role) error {
	server := upstream.New(event.NewShape(r.Text).OfKinds(r.Kinds), r.Flow)
	return serve(ctx, r, func(listener *net.TCPListener) error { return server.Serve(ctx, listener) },
		func(do string, with json.RawMessage) (any, error) {
			switch do {
			case AskStreams:
				return server.Streams(), nil
			case AskEnded:
				return server.Ended(), nil
			}
			return unasked(do, with)
		})
}

// What the crowd is asked.
const (
	AskOpen  = "open"  // with a load.Order, answered with a load.Opened
	AskStart = "start" // answered with nothing
	AskTally = "tally" // answered with a load.Tally
	AskLeave = "leave" // answered with a list of load.Departure

	// For browsers that come back:

	AskMove    = "move"    // with an address, answered with nothing
	AskReturns = "returns" // answered with a list of load.Return
	AskBehind  = "behind"  // with the number of an event, answered with a number of browsers
)

func playCrowd(ctx context.Context, r Role) error {
	ended := make(chan error, 2)
	if r.Link != nil {
		clients := load.NewClients(r.Server, *r.Link)
		go func() { ended <- clients.Run(ctx) }()
		go func() {
			ended <- control.Serve(os.Stdin, os.Stdout, Greeting{}, func(do string, with json.RawMessage) (any, error) {
				return askBrowsers(ctx, clients, do, with)
			})
		}()
		return <-ended
	}
	crowd, err := load.New(r.Server)
	if err != nil {
		return err
	}
	go func() { ended <- crowd.Run(ctx) }()
	go func() {
		ended <- control.Serve(os.Stdin, os.Stdout, Greeting{}, func(do string, with json.RawMessage) (any, error) {
			return askCrowd(ctx, crowd, do, with)
		})
	}()
	return <-ended
}

// browsers are what every kind of crowd can do.
type browsers interface {
	Open(ctx context.Context, order load.Order) (load.Opened, error)
	Start(ctx context.Context) error
	Tally(ctx context.Context) (load.Tally, error)
}

// askBrowsers does what every kind of crowd is asked.
func askBrowsers(ctx context.Context, b browsers, do string, with json.RawMessage) (any, error) {
	switch do {
	case AskOpen:
		var order load.Order
		if err := json.Unmarshal(with, &order); err != nil {
			return nil, err
		}
		return b.Open(ctx, order)
	case AskStart:
		return nil, b.Start(ctx)
	case AskTally:
		return b.Tally(ctx)
	}
	return unasked(do, with)
}

// askCrowd does what a crowd is asked.
func askCrowd(ctx context.Context, crowd *load.Crowd, do string, with json.RawMessage) (any, error) {
	switch do {
	case AskLeave:
		return crowd.Leave(ctx)
	case AskMove:
		var address string
		if err := json.Unmarshal(with, &address); err != nil {
			return nil, err
		}
		return nil, crowd.Move(ctx, address)
	case AskReturns:
		return crowd.Returns(ctx)
	case AskBehind:
		var number uint64
		if err := json.Unmarshal(with, &number); err != nil {
			return nil, err
		}
		return crowd.Behind(ctx, number)
	}
	return askBrowsers(ctx, crowd, do, with)
}

// The candidates that are roles of this program.
const (
	Handwritten = "handwritten"
	Leaky       = "leaky"
	Gateway     = "gateway"
	Ready       = "ready"
	Raw         = "raw"
	RawTLS      = "raw-tls"
	RawUring    = "raw-uring"
)

func playCandidate(ctx context.Context, r Role) error {
	producer := peer.Producer{Shape: event.NewShape(r.Text), Flow: r.Flow}
	switch r.Name {
	case Handwritten:
		handler, err := peer.Handwritten(r.Upstream)
		if err != nil {
			return err
		}
		return serveHTTP(ctx, r, handler)
	case Leaky:
		handler, err := peer.Leaky(r.Upstream)
		if err != nil {
			return err
		}
		return serveHTTP(ctx, r, handler)
	case Gateway:
		handler, err := peer.Gateway(ctx, r.Upstream)
		if err != nil {
			return err
		}
		return serveHTTP(ctx, r, handler)
	case Ready:
		return serveHTTP(ctx, r, peer.Ready(ctx, producer))
	}
	return playRaw(ctx, r, producer)
}

// playRaw plays one of the bare loops.
func playRaw(ctx context.Context, r Role, producer peer.Producer) error {
	var raw *peer.Raw
	switch r.Name {
	case Raw:
		raw = peer.NewRaw(producer)
	case RawTLS:
		pair, err := tls.LoadX509KeyPair(r.certificate())
		if err != nil {
			return err
		}
		raw = peer.NewRawTLS(producer, pair)
	case RawUring:
		var err error
		if raw, err = peer.NewRawUring(producer); err != nil {
			return err
		}
	default:
		return fmt.Errorf("there is no role %q", r.Name)
	}
	return serve(ctx, r, func(listener *net.TCPListener) error { return raw.Serve(ctx, listener) }, unasked)
}

// IsFloor reports whether a candidate has no upstream: it makes the events itself.
func IsFloor(name string) bool { return slices.Contains([]string{Ready, Raw, RawTLS, RawUring}, name) }
