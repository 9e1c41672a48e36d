package app

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/metrics"
	"github.com/grpcsse/grpcsse/cmd/grpcsse/internal/admin"
	"github.com/grpcsse/grpcsse/cmd/grpcsse/internal/watch"
)

// reloader reads the configuration again and has the bridge take it over: at a signal, when a file changes, or when it is asked.
// Its methods may be called concurrently; one reload follows the other.
type reloader struct {
	// load reads the configuration.
	load func(files *config.Files) (*config.Config, error)
	// apply makes a configuration the one that is served. After an error, nothing has changed.
	apply func(ctx context.Context, cfg *config.Config) error
	log   *slog.Logger
	// fixed says that there is nothing to read again: the command line has all of the configuration.
	fixed bool
	// observe is called after each reload. It may be nil.
	observe func(reloaded)

	turn  sync.Mutex
	first *config.Config // with which the program has started
	last  atomic.Pointer[reloaded]
	files atomic.Pointer[config.Files]
	now   atomic.Pointer[inForce]
}

// inForce is what is served now.
type inForce struct {
	config  *config.Config
	restart []string // the keys that have another value in the file, and need a restart
}

// reloaded is the result of one reload.
type reloaded struct {
	At  time.Time // when it ended
	Err error     // nil where the configuration is served
}

// errNothingToReload is the error of a reload without a file.
var errNothingToReload = errors.New("there is no configuration file to read again: the command line has it all")

// Reload reads the configuration again, and replaces the one that is served. why stands in the log. An error changes nothing. It
// is logged, with all problems of the configuration.
func (r *reloader) Reload(ctx context.Context, why string) error {
	r.turn.Lock()
	defer r.turn.Unlock()
	if r.fixed {
		r.log.Warn("nothing was reloaded", "because", errNothingToReload, "asked_by", why)
		return errNothingToReload
	}
	r.log.Info("reading the configuration again", "asked_by", why)
	result := reloaded{Err: r.reload(ctx)}
	result.At = time.Now()
	r.last.Store(&result)
	if r.observe != nil {
		r.observe(result)
	}
	if result.Err != nil && ctx.Err() == nil { // otherwise the program ends
		r.complain(result.Err)
	}
	return result.Err
}

func (r *reloader) reload(ctx context.Context) error {
	files := &config.Files{}
	cfg, err := r.load(files)
	if err != nil {
		r.files.Store(together(r.files.Load(), files)) // the mistake may be in a new file, or in one that is no longer named
		return err
	}
	if err := r.apply(ctx, cfg); err != nil {
		r.files.Store(together(r.files.Load(), files))
		return err
	}
	r.began(cfg, files)
	return nil
}

// began notes the configuration that is served from now on, and the files that it is made of. The first one is that with which the
// program has started.
func (r *reloader) began(cfg *config.Config, files *config.Files) {
	if r.first == nil {
		r.first = cfg
	}
	r.files.Store(files)
	r.now.Store(&inForce{cfg.InForce(r.first), config.NeedRestart(r.first.Server, cfg.Server)})
}

// together returns all that is in either of two lists.
func together(a, b *config.Files) *config.Files {
	return &config.Files{
		Names:       append(append([]string(nil), a.Names...), b.Names...),
		Patterns:    append(append([]string(nil), a.Patterns...), b.Patterns...),
		ImportPaths: append(append([]string(nil), a.ImportPaths...), b.ImportPaths...),
	}
}

// complain logs why a configuration was not taken over.
func (r *reloader) complain(err error) {
	r.log.Error("the configuration was not replaced: the old one stays", "error", summary(err))
	var problems config.Problems
	if errors.As(err, &problems) {
		for _, p := range problems {
			if p.Warning {
				r.log.Warn(p.Error(), p.LogHint())
			} else {
				r.log.Error(p.Error(), p.LogHint())
			}
		}
	}
}

// summary returns an error in one line.
func summary(err error) string {
	var problems config.Problems
	if errors.As(err, &problems) {
		return tally(problems)
	}
	return err.Error()
}

// Last returns the result of the newest reload. It reports false where there was none.
func (r *reloader) Last() (reloaded, bool) {
	if last := r.last.Load(); last != nil {
		return *last, true
	}
	return reloaded{}, false
}

// control returns what the listeners for probes and for administrators may see and do.
func (r *reloader) control(counted *metrics.Metrics, shared membership) control {
	of := control{config: r.Config, reloads: r.State, counted: counted, shared: shared}
	if !r.fixed {
		of.reload = r.reloadForAdmin
	}
	return of
}

// reloadForAdmin reloads for a request. Where ctx ends before that is done, the client has left, and only the log can tell.
func (r *reloader) reloadForAdmin(ctx context.Context) error {
	err := r.Reload(ctx, "an administrator")
	if err != nil && ctx.Err() != nil {
		r.log.Warn("the configuration was not replaced: the administrator left before it was read", "error", summary(err))
	}
	return err
}

// Config returns the configuration that is in force. Settings that need a restart have the value with which the program has started.
func (r *reloader) Config() *config.Config { return r.now.Load().config }

// State returns what administrators see of the reloads.
func (r *reloader) State() admin.Reloads {
	state := admin.Reloads{NeedRestart: r.now.Load().restart}
	if last, known := r.Last(); known {
		state.Last = &admin.Reload{At: last.At, Err: last.Err}
	}
	return state
}

// DrainTimeout returns `server.drain_timeout` of the newest configuration.
func (r *reloader) DrainTimeout() time.Duration { return r.Config().Server.DrainTimeout }

// catchHangups has SIGHUP arrive in a channel until stop is called. Without that, the signal ends the program at once. So it must
// be called before anything that takes time, and stop only when the last stream has ended.
func catchHangups() (hangups chan os.Signal, stop func()) {
	hangups = make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	return hangups, func() { signal.Stop(hangups) }
}

// start reloads at a hangup and when a file changes, until ctx ends or stop is called. stop waits for a reload that is under way.
// seen is what the files were before they were read at since.
func (r *reloader) start(ctx context.Context, hangups <-chan os.Signal, seen *watch.State, since time.Time) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() { r.followSignals(ctx, hangups) })
	if !r.fixed {
		running.Go(func() {
			watcher := watch.Watcher{
				Files: r.watched, Seen: seen, Since: since, Log: r.log,
				Changed: func(ctx context.Context) { _ = r.Reload(ctx, "a change of a file") }, // it is logged
			}
			watcher.Run(ctx)
		})
	}
	return func() { cancel(); running.Wait() }
}

func (r *reloader) followSignals(ctx context.Context, hangups <-chan os.Signal) {
	for {
		select {
		case <-hangups:
			_ = r.Reload(ctx, "SIGHUP") // it is logged
		case <-ctx.Done():
			return
		}
	}
}

func (r *reloader) watched() watch.Files {
	files := r.files.Load()
	return watch.Files{Names: files.Names, Patterns: files.Patterns, Trees: files.ImportPaths, Suffix: ".proto"}
}
