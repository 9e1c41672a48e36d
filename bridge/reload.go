package bridge

import (
	"context"
	"errors"
	"log/slog"
	"sync"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/internal/fanout"
)

// ErrShutdown is the error of [Bridge.Reload] after [Bridge.Shutdown] or [Bridge.Close] was called.
var ErrShutdown = errors.New("bridge: the bridge shuts down, and keeps its configuration")

// Reload replaces the configuration while the bridge serves. cfg may be nil, as for [New]. Everything is built and checked
// first: after an error, nothing has changed. The error is a [config.Problems], [ErrShutdown], or the cause of the end of ctx.
// ctx bounds Reload itself. The routes and services of options stay as they are, except that a route has changed where its
// entry of `auth` has.
//
// What is the same before and after keeps running, and what is not ends in good order:
//
//   - A route with the same name and settings, on an upstream with the same settings, keeps its streams. New callers join its
//     shared streams.
//   - The streams of a route that was changed or removed end, each at a random moment within cfg.Server.DrainTimeout. The reason
//     is [ReasonDrain], and browsers are told to come back. From the reload on, a request gets the new route, or 404.
//   - An upstream with the same settings keeps its connections. Descriptor sets and .proto files are read again: where a schema
//     is another one now, the routes of the upstream have changed. The connections of an upstream that was changed or removed
//     are closed when the last stream on them has ended.
//   - The settings in cfg.Server apply to the requests that follow. Those that need a restart keep their value, and the log names
//     them: see [config.NeedRestart].
//
// Reload reads the schema of a new upstream before the routes change, and waits up to 10 s for it. Where it cannot be read, the
// routes of this upstream are out of order until it can, as after [New]. Concurrent calls follow one after the other.
func (b *Bridge) Reload(ctx context.Context, cfg *config.Config) error {
	if cfg == nil {
		cfg = config.New()
	}
	return b.reloads.do(ctx, func(ctx context.Context) error { return b.reload(ctx, cfg) })
}

func (b *Bridge) reload(ctx context.Context, cfg *config.Config) error {
	who, err := b.auth.Prepare(ctx, &cfg.Auth)
	if err != nil {
		return err
	}
	by, err := b.catalog.Reload(ctx, cfg, func() {
		b.handler.HideTokens(cfg.Auth)
		who.Apply()
		b.handler.Apply(cfg.Server)
		b.streams.Limit(sharedLimits(cfg))
		b.streams.LimitQueues(int64(cfg.Server.QueueBytes))
	})
	if err != nil {
		who.Discard()
		return err
	}
	b.handler.EndRetired(by)
	b.streams.EndRetired()
	b.reloads.warn(cfg.Server)
	return nil
}

// sharedLimits returns the limits of all shared streams together.
func sharedLimits(cfg *config.Config) fanout.Limits {
	return fanout.Limits{Streams: cfg.Server.SharedStreams, Bytes: int64(cfg.Server.ReplayBytes)}
}

// reloads lets one reload follow the other, until the bridge shuts down.
type reloads struct {
	log     *slog.Logger
	started config.Server   // the settings under `server` with which the bridge began
	turn    chan struct{}   // of capacity 1; has a value while a reload is under way
	ended   context.Context // ends when the bridge shuts down
	end     context.CancelFunc

	tell    func(error)
	telling sync.Mutex // held while tell is called
	closed  bool       // tell is called no more; guarded by telling
}

// newReloads returns the reloads of a bridge. They end with ctx. tell is called with the result of each, in their order, and
// not after close.
func newReloads(ctx context.Context, started config.Server, log *slog.Logger, tell func(error)) *reloads {
	r := &reloads{log: log, started: started, turn: make(chan struct{}, 1), tell: tell}
	r.ended, r.end = context.WithCancel(ctx)
	return r
}

// do calls reload when no other reload is under way, with a context that ends with ctx, and when the bridge shuts down. It
// tells the result before the next reload begins.
func (r *reloads) do(ctx context.Context, reload func(context.Context) error) (err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(r.ended, func() { cancel(ErrShutdown) })()
	select {
	case r.turn <- struct{}{}:
		defer func() { <-r.turn }()
	case <-ctx.Done():
	}
	defer func() { r.told(err) }()
	if r.ended.Err() != nil {
		return ErrShutdown
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return reload(ctx)
}

// told tells the result of a reload.
func (r *reloads) told(err error) {
	r.telling.Lock()
	defer r.telling.Unlock()
	if !r.closed {
		r.tell(err)
	}
}

// close refuses further reloads. It ends a reload that is under way, and waits for it.
func (r *reloads) close() {
	r.end()
	r.turn <- struct{}{}
	<-r.turn
	r.telling.Lock()
	defer r.telling.Unlock()
	r.closed = true
}

// warn logs which settings need a restart.
func (r *reloads) warn(next config.Server) {
	for _, key := range config.NeedRestart(r.started, next) {
		r.log.Warn("a changed setting needs a restart", "key", key)
	}
}
