// Package stream attaches callers to streams, private or shared. It opens and reads the upstreams, renders their messages as
// events, and decides what the end of an upstream stream means for the clients. It does not know the connections to the
// clients.
package stream

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/fanout"
	"github.com/grpcsse/grpcsse/bridge/internal/pump"
)

// Streams opens private and shared streams for callers. All methods may be called concurrently.
type Streams struct {
	ctx      context.Context // ends with the bridge; every stream ends with it
	log      *slog.Logger
	observer Observer
	faults   *faults
	shared   *fanout.Registry
	queues   pump.Budget    // what waits for the clients of private streams
	readers  sync.WaitGroup // the readers of private streams
	waits    sync.Pool      // of *wordWait
}

// Observer receives notice of what happens to streams. Its methods are called concurrently and must not block.
type Observer interface {
	// Reopened is called when an upstream stream is opened again. code is the one with which it ended.
	Reopened(route string, shared bool, code ending.Code)
	// IDLeftOut is called for an event that is sent without its id, because the id is too long.
	IDLeftOut(route string)
	// TypeUnknown is called for an event that holds a google.protobuf.Any of a type that no schema has.
	TypeUnknown(route, name string)
	// UpstreamEnded is called for each upstream stream that was opened or was to be opened, when it has ended with a code.
	UpstreamEnded(route string, shared bool, code ending.Code)
	// Resumed is called for a client that came with an id, when it is known how its stream goes on.
	Resumed(route string, shared bool, how ending.Resumed)
	// Reset is called when a client is told a reset.
	Reset(route string, shared bool, why ending.Reset)
	// Skipped is called when a slow client of a shared stream skips events.
	Skipped(route string)
	// Superseded is called for events that clients of a shared stream were not given, because newer ones replace them. n is how many
	// they were since the last call, for all clients together.
	Superseded(route string, n int)
	// CatchUpStarted is called when the upstream of a catch-up is opened.
	CatchUpStarted(route string)
	// CatchUpEnded is called once for each CatchUpStarted.
	CatchUpEnded(route string, outcome fanout.Outcome, lasted time.Duration)
}

// New returns a Streams whose streams end with ctx. limits apply to all shared streams together. cluster connects the shared
// streams with those of other replicas; nil is for a bridge that is alone.
func New(ctx context.Context, limits fanout.Limits, cluster fanout.Cluster, log *slog.Logger, o Observer) *Streams {
	s := &Streams{ctx: ctx, log: log, observer: o, faults: newFaults(log), shared: fanout.NewRegistry(ctx, limits)}
	s.shared.Cluster = cluster
	s.shared.Hooks = fanout.Hooks{
		Reopened:     func(route string, code ending.Code) { o.Reopened(route, true, code) },
		IDLeftOut:    o.IDLeftOut,
		Resumed:      func(route string, how ending.Resumed) { o.Resumed(route, true, how) },
		Reset:        func(route string, why ending.Reset) { o.Reset(route, true, why) },
		Skipped:      o.Skipped,
		Superseded:   o.Superseded,
		CatchUpBegan: o.CatchUpStarted, CatchUpEnded: o.CatchUpEnded,
	}
	return s
}

// Limit replaces the limits of all shared streams together.
func (s *Streams) Limit(limits fanout.Limits) { s.shared.SetLimits(limits) }

// LimitQueues bounds the bytes that wait for the clients of private streams; 0 is no bound. Above it, streams are ended.
func (s *Streams) LimitQueues(bytes int64) { s.queues.SetLimit(bytes) }

// EndRetired ends the shared streams without callers whose route was changed or removed.
func (s *Streams) EndRetired() { s.shared.EndRetired() }

// Resign gives the shared streams that this replica reads to other replicas that have clients of them. The streams go on.
func (s *Streams) Resign() { s.shared.Resign() }

// Shared returns what the shared streams of each route hold, by the name of the route.
func (s *Streams) Shared() map[string]fanout.Held { return s.shared.Held() }

// CloseShared ends every shared stream, and waits until their readers have returned.
func (s *Streams) CloseShared() { s.shared.Close(pump.NewEnd(ending.ShuttingDown(), 0)) }

// Wait waits until the readers of all private streams have returned. The context that New received must have ended.
func (s *Streams) Wait() { s.readers.Wait() }

// Close logs the faults that were counted and are not logged yet. All streams must have ended.
func (s *Streams) Close() { s.faults.close() }

// NameOf returns what a cluster calls the key of a shared stream, "" where there is no cluster.
func (s *Streams) NameOf(key string) string {
	if s.shared.Cluster == nil {
		return ""
	}
	return s.shared.Cluster.Name(key)
}
