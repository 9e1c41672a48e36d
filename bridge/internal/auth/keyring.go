package auth

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/grpcsse/grpcsse/bridge/internal/backoff"
)

// pace says how often keys are loaded.
type pace struct {
	refresh             time.Duration // from one load to the next
	retryBase, retryMax time.Duration // after a failure: the first wait, which doubles, and the longest
	cooldown            time.Duration // the least time between two loads that unknown keys cause
	patience            time.Duration // how long a caller waits for such a load
}

// providerPace is for keys that a provider serves. Providers announce a key for hours before they sign with it.
func providerPace() pace {
	return pace{
		refresh: 10 * time.Minute, retryBase: time.Second, retryMax: 30 * time.Second,
		cooldown: 10 * time.Second, patience: 5 * time.Second,
	}
}

// filePace is for keys in a file.
func filePace() pace {
	return pace{
		refresh: 5 * time.Second, retryBase: time.Second, retryMax: 5 * time.Second,
		cooldown: time.Second, patience: time.Second,
	}
}

// keyring holds the keys of one issuer, and loads them again and again. Keys that were loaded once stay while they cannot be
// loaded again. Its methods may be called concurrently, run only once.
type keyring struct {
	pace
	log  *slog.Logger
	name string
	// load returns the keys. unknown says that a token names a key that the ring does not have.
	load func(ctx context.Context, unknown bool) (keySet, error)

	stop  context.CancelFunc     // ends run
	keys  atomic.Pointer[keySet] // nil until keys were loaded
	tried chan struct{}          // closed after the first attempt
	asked chan struct{}          // a caller asks for a load

	mu     sync.Mutex
	flight chan struct{} // the load that is running or asked for; closed at its end. nil: there is none
	began  time.Time     // when the newest load began
	err    error         // of the newest load
}

func newKeyring(name string, p pace, log *slog.Logger, load func(context.Context, bool) (keySet, error)) *keyring {
	return &keyring{
		pace: p, log: log, name: name, load: load, tried: make(chan struct{}), asked: make(chan struct{}, 1),
	}
}

// run loads the keys until ctx ends.
func (k *keyring) run(ctx context.Context) {
	first := sync.OnceFunc(func() { close(k.tried) })
	defer first()
	failures, unknown := 0, false
	for {
		delay := k.refresh
		if err := k.reload(ctx, unknown); err != nil {
			delay = min(k.retryMax, k.retryBase<<min(failures, 20))
			failures++
		} else {
			failures = 0
		}
		first()
		timer := time.NewTimer(backoff.Jitter(delay))
		select {
		case <-timer.C:
			unknown = false
		case <-k.asked:
			unknown = true
		case <-ctx.Done():
			timer.Stop()
			return
		}
		timer.Stop()
	}
}

// reload loads the keys once.
func (k *keyring) reload(ctx context.Context, unknown bool) error {
	k.mu.Lock()
	if k.flight == nil {
		k.flight = make(chan struct{})
	}
	flight := k.flight
	k.began = time.Now()
	select {
	case <-k.asked: // this load answers
	default:
	}
	k.mu.Unlock()

	keys, err := k.load(ctx, unknown)
	if err == nil {
		k.keys.Store(&keys)
	}
	k.mu.Lock()
	before := k.err
	k.err, k.flight = err, nil
	k.mu.Unlock()
	close(flight)
	k.tell(ctx, before, err, len(keys))
	return err
}

// tell logs that keys were loaded for the first time or after a failure, and that they cannot be loaded.
func (k *keyring) tell(ctx context.Context, before, err error, count int) {
	select {
	case <-k.tried:
	default:
		if err == nil {
			k.log.Info("keys that verify tokens are loaded", "auth", k.name, "keys", count)
		}
	}
	switch {
	case ctx.Err() != nil:
	case err != nil && before == nil:
		k.log.Warn("the keys that verify tokens cannot be loaded, which is tried again",
			"auth", k.name, "error", err, "known", k.keys.Load() != nil)
	case err == nil && before != nil:
		k.log.Info("the keys that verify tokens are loaded again", "auth", k.name, "keys", count)
	}
}

// current returns the keys, nil while no keys were loaded.
func (k *keyring) current() keySet {
	if keys := k.keys.Load(); keys != nil {
		return *keys
	}
	return nil
}

// problem returns why the keys cannot be loaded, nil once they were loaded.
func (k *keyring) problem() error {
	if k.keys.Load() != nil {
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.err
}

// lookAgain loads the keys because of a key that the ring does not have, unless that was done just before. It reports whether
// the keys are new enough to say that there is no such key.
func (k *keyring) lookAgain(ctx context.Context) bool {
	k.mu.Lock()
	if k.flight == nil {
		if time.Since(k.began) < k.cooldown {
			k.mu.Unlock()
			return false
		}
		k.flight = make(chan struct{})
		select {
		case k.asked <- struct{}{}:
		default:
		}
	}
	flight := k.flight
	k.mu.Unlock()
	timer := time.NewTimer(k.patience)
	defer timer.Stop()
	select {
	case <-flight:
		k.mu.Lock()
		defer k.mu.Unlock()
		return k.err == nil
	case <-timer.C:
	case <-ctx.Done():
	}
	return false
}
