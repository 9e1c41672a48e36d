// Package stream gives callers their places on streams, private or shared: it opens and reads the upstreams, renders their messages
// as events, and says what the end of an upstream stream means for the clients. It knows nothing of the connections to the clients.
package stream

import (
	"context"
	"log/slog"
	"sync"

	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/fanout"
	"github.com/grpcsse/grpcsse/bridge/internal/pump"
)

// Streams opens streams for callers: a private one for each, or shared ones. All methods may be called concurrently.
type Streams struct {
	ctx      context.Context // ends with the bridge, and every stream with it
	log      *slog.Logger
	observer Observer
	faults   *faults
	shared   *fanout.Registry
	readers  sync.WaitGroup // of private streams
}

// Observer is told what happens to streams, concurrently.
type Observer interface {
	// Reopened is called when an upstream stream is opened again that broke.
	Reopened(route string)
	// IDLeftOut is called for an event whose id is too long to be sent.
	IDLeftOut(route string)
	// TypeUnknown is called for an event that holds a google.protobuf.Any of a type that no schema has.
	TypeUnknown(route, name string)
}

// New returns streams that end with ctx. limits are those of all shared streams together.
func New(ctx context.Context, limits fanout.Limits, log *slog.Logger, o Observer) *Streams {
	s := &Streams{ctx: ctx, log: log, observer: o, faults: newFaults(log), shared: fanout.NewRegistry(ctx, limits)}
	s.shared.Hooks = fanout.Hooks{Reopened: o.Reopened, IDLeftOut: o.IDLeftOut}
	return s
}

// CloseShared ends every shared stream, and waits until none of their upstreams is read any more.
func (s *Streams) CloseShared() { s.shared.Close(pump.NewEnd(ending.ShuttingDown(), 0)) }

// Wait waits until no private stream's upstream is read any more. The context of the streams must have ended.
func (s *Streams) Wait() { s.readers.Wait() }

// Close logs the faults that were counted and not logged yet. The streams must have ended.
func (s *Streams) Close() { s.faults.close() }
