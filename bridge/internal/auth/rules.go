package auth

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/grpcsse/grpcsse/bridge/config"
)

// rules are what a configuration says. They do not change, but for the keys of the issuers.
type rules struct {
	warn      time.Duration
	issuers   map[string]*issuer
	endpoints map[string]*endpoint
	queries   []string // the query parameters in which tokens stand, of all issuers
}

// build returns the rules of a configuration. It takes over the keys of issuers in old that have the same source, and the
// endpoints that are the same. fresh are the rings of keys that are new, which nothing loads yet.
func (r *Room) build(cfg *config.Auth, old *rules) (built *rules, fresh []*keyring, problems config.Problems) {
	built = &rules{warn: cfg.Warn, issuers: map[string]*issuer{}, endpoints: map[string]*endpoint{}}
	client := newFetcher(r.transport)
	for _, j := range cfg.JWT {
		i, problem := newIssuer(j, client, r.log)
		if problem != nil {
			problems = append(problems, problem)
			continue
		}
		if before := old.issuers[j.Name]; before != nil && before.sameKeys(i) {
			i.ring = before.ring
		} else {
			fresh = append(fresh, i.ring)
		}
		built.issuers[j.Name] = i
		built.queries = append(built.queries, queryNames(j)...)
	}
	for _, a := range cfg.Ask {
		if before := old.endpoints[a.Name]; before != nil && before.sameAs(a) {
			built.endpoints[a.Name] = before
		} else {
			built.endpoints[a.Name] = newEndpoint(r.ctx, &r.running, a, r.log)
		}
	}
	return built, fresh, problems
}

// sameKeys reports whether the keys of two issuers come from the same source.
func (i *issuer) sameKeys(other *issuer) bool {
	a, b := i.cfg, other.cfg
	return a.JWKSURL == b.JWKSURL && a.JWKSFile == b.JWKSFile && (a.JWKSURL+a.JWKSFile != "" || a.Issuer == b.Issuer)
}

// sameAs reports whether the endpoint serves an entry as it is.
func (e *endpoint) sameAs(a *config.Ask) bool {
	return e.cfg.Name == a.Name && e.cfg.URL == a.URL && e.cfg.Again == a.Again && reflect.DeepEqual(e.cfg.Forward, a.Forward) &&
		reflect.DeepEqual(e.cfg.Claims, a.Claims)
}

// queryNames returns the query parameters in which the tokens of an issuer may stand.
func queryNames(j *config.JWT) (names []string) {
	for _, from := range j.From {
		if from.In == config.InQuery {
			names = append(names, from.Name)
		}
	}
	return names
}

// start starts to load keys.
func (r *Room) start(rings []*keyring) {
	for _, k := range rings {
		ctx, stop := context.WithCancel(r.ctx)
		k.stop = stop
		r.running.Go(func() { k.run(ctx) })
	}
}

// Change is a configuration that was prepared. Either [Change.Apply] or [Change.Discard] must be called, once.
type Change struct {
	room  *Room
	rules *rules
	fresh []*keyring
}

// keyPatience is how long a change waits for the keys of new issuers. Without the wait, routes would be out of order for a
// moment although the provider is there.
const keyPatience = 10 * time.Second

var errKeyPatience = errors.New("no keys were loaded in time")

// Prepare builds and checks a configuration, and waits a bounded time for the keys of new issuers. Keys that cannot be loaded
// are a problem of the issuer: without them, the callers of its routes would lose their streams and be turned away. The error
// is a [config.Problems], or the cause of ctx. Prepare and what follows must not be called concurrently.
func (r *Room) Prepare(ctx context.Context, cfg *config.Auth) (*Change, error) {
	built, fresh, problems := r.build(cfg, r.rules.Load())
	if len(problems) > 0 {
		return nil, problems
	}
	r.start(fresh)
	change := &Change{r, built, fresh}
	within, cancel := context.WithTimeoutCause(ctx, keyPatience, errKeyPatience)
	defer cancel()
	for _, k := range fresh {
		select {
		case <-k.tried:
		case <-within.Done():
			if err := context.Cause(within); !errors.Is(err, errKeyPatience) {
				change.Discard()
				return nil, fmt.Errorf("wait for the keys of new issuers: %w", err)
			}
		}
	}
	if problems := change.withoutKeys(cfg); len(problems) > 0 {
		change.Discard()
		return nil, problems
	}
	return change, nil
}

// withoutKeys returns the new issuers whose keys were not loaded, as problems of their entries.
func (c *Change) withoutKeys(cfg *config.Auth) (problems config.Problems) {
	for _, j := range cfg.JWT {
		i := c.rules.issuers[j.Name]
		if i.ring.current() == nil && slices.Contains(c.fresh, i.ring) {
			problems = append(problems, i.problem(cmp.Or(i.ring.problem(), errKeyPatience)))
		}
	}
	return problems
}

// Discard drops the change.
func (c *Change) Discard() {
	for _, k := range c.fresh {
		k.stop()
	}
}

// Apply makes the change effective. Keys that no issuer needs any more are not loaded any more.
func (c *Change) Apply() {
	old := c.room.rules.Swap(c.rules)
	used := map[*keyring]bool{}
	for _, i := range c.rules.issuers {
		used[i.ring] = true
	}
	for _, i := range old.issuers {
		if !used[i.ring] {
			i.ring.stop()
		}
	}
	for name, e := range old.endpoints {
		if c.rules.endpoints[name] != e {
			e.close()
		}
	}
}
