package cluster

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"
)

// These say when a replica counts as dead: when no replica is subscribed to its subject, or when it has not answered some
// requests one after another.
const (
	probeEvery   = 150 * time.Millisecond
	probeJitter  = 100 * time.Millisecond
	probeTimeout = 400 * time.Millisecond
	probeFails   = 3
)

// mostPeers bounds the replicas that are watched. There are as many as there are processes; more are no peers.
const mostPeers = 1024

// peers watches other replicas: one goroutine for each that owns a key which this replica follows.
type peers struct {
	bus      Bus
	ctx      context.Context
	gate     func()
	verdict  func(replica string, alive bool)
	answered func(after time.Duration) // is told how long a replica took, or was waited for
	running  sync.WaitGroup

	mu       sync.Mutex
	watched  map[string]*peer
	lostLink int // how often the connection was lost
}

type peer struct {
	watchers     int
	known, alive bool
	stop         context.CancelFunc
}

// watch begins to watch a replica, for one key more. It returns what is known of the replica.
func (p *peers) watch(replica string) (known, alive bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	w := p.watched[replica]
	if w == nil {
		if len(p.watched) >= mostPeers {
			return false, false
		}
		ctx, stop := context.WithCancel(p.ctx)
		w = &peer{stop: stop}
		p.watched[replica] = w
		p.running.Go(func() { p.probe(ctx, replica, w) })
	}
	w.watchers++
	return w.known, w.alive
}

// leave watches a replica for one key less.
func (p *peers) leave(replica string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if w := p.watched[replica]; w != nil {
		if w.watchers--; w.watchers == 0 {
			w.stop()
			delete(p.watched, replica)
		}
	}
}

// forget drops what is known, because the connection was lost.
func (p *peers) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lostLink++
	for _, w := range p.watched {
		w.known = false
	}
}

// probe asks a replica again and again whether it is there.
func (p *peers) probe(ctx context.Context, replica string, w *peer) {
	for fails := 0; ctx.Err() == nil; {
		p.gate()
		link := p.links()
		asking, cancel := context.WithTimeout(ctx, probeTimeout)
		began := time.Now()
		_, err := p.bus.Request(asking, subjectAlive(replica), nil)
		cancel()
		if err == nil || errors.Is(err, context.DeadlineExceeded) {
			p.answered(time.Since(began))
		}
		p.gate()
		switch {
		case err == nil:
			fails = 0
			p.tell(replica, w, link, true)
		case errors.Is(err, ErrNoResponders):
			fails = 0
			p.tell(replica, w, link, false)
		case !errors.Is(err, context.DeadlineExceeded):
			fails = 0 // the bus is not there
		default:
			if fails++; fails < probeFails {
				continue
			}
			p.tell(replica, w, link, false)
			continue
		}
		pause(ctx, probeEvery+rand.N(probeJitter))
	}
}

func (p *peers) links() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.lostLink
}

// tell passes a verdict on, unless the replica was known to be alive already.
func (p *peers) tell(replica string, w *peer, link int, alive bool) {
	p.mu.Lock()
	old := link != p.lostLink
	news := !w.known || w.alive != alive || !alive
	if !old {
		w.known, w.alive = true, alive
	}
	p.mu.Unlock()
	if news && !old {
		p.verdict(replica, alive)
	}
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
