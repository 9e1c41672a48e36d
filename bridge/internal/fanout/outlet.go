package fanout

import (
	"context"
	"sync"
	"time"

	"github.com/grpcsse/grpcsse/bridge/internal/replay"
)

// publishPatience is how old the first event may be that is not published yet while the reader of the upstream waits for the
// publishing.
const publishPatience = 200 * time.Millisecond

// outlet is how far the cluster has published the log of a replica that reads the upstream. The reader waits while more than half
// of the log is not published. Otherwise a burst of events would leave the log before it is published, and the browsers of the
// followers would be told a reset although every replica is well.
//
// The browsers of this replica need no cluster, so the wait is short: it ends when the first unpublished event is
// publishPatience old. From then on the reader does not wait, until the publishing is near the end of the log again. So a bus that
// is slow or dead holds this replica up once for that time, and the followers lose events and are told.
type outlet struct {
	mu      sync.Mutex
	on      bool            // the log is published
	at      replay.Position // the first event that is not published
	moved   chan struct{}   // closed when on or at changes; nil while the reader does not wait
	givenUp bool            // a wait was in vain
}

// turn notes that the log is published from a position on, or that it is not published any more.
func (o *outlet) turn(on bool, at replay.Position) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.on, o.givenUp = on, false
	o.move(at)
}

// move notes how far the log is published. The lock is held.
func (o *outlet) move(at replay.Position) {
	o.at = at
	if o.moved != nil {
		close(o.moved)
		o.moved = nil
	}
}

// wait waits until the log is published far enough, as long as that is allowed.
func (o *outlet) wait(ctx context.Context, log *replay.Ring) {
	for {
		moved, patience := o.behind(log)
		if moved == nil {
			return
		}
		t := time.NewTimer(patience)
		select {
		case <-moved:
		case <-t.C:
		case <-ctx.Done():
		}
		t.Stop()
		if ctx.Err() != nil {
			return
		}
	}
}

// behind returns how long to wait at most, and what is closed when there is news. moved is nil where there is nothing to wait for.
func (o *outlet) behind(log *replay.Ring) (moved <-chan struct{}, patience time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.on || !o.far(log) {
		o.givenUp = false
		return nil, 0
	}
	patience = publishPatience - log.Age(o.at)
	if o.givenUp = o.givenUp || patience <= 0; o.givenUp {
		return nil, 0
	}
	if o.moved == nil {
		o.moved = make(chan struct{})
	}
	return o.moved, patience
}

// far reports whether more than half of the log is not published. It moves the place to the oldest event that the log holds where
// the log has lost the place: the next page begins there. The lock is held.
func (o *outlet) far(log *replay.Ring) bool {
	if log.Lag(o.at).Share <= overdueShare {
		return false
	}
	if state := log.State(); o.at.Epoch != state.Epoch || o.at.Offset < state.First {
		o.at = state.Start()
	}
	return log.Lag(o.at).Share > overdueShare
}

// Watch implements [Member].
func (m *member) Watch(notify func()) (stop func()) {
	ends := m.stream.links.add(notify)
	m.outlet.turn(true, m.stream.log.State().End())
	return func() {
		ends()
		m.outlet.turn(false, replay.Position{})
	}
}

// Published implements [Member].
func (m *member) Published(to Place) {
	m.mu.Lock()
	at := replay.Position{Epoch: to.Epoch, Offset: to.Next}
	if to.Epoch == m.alias.cluster {
		at.Epoch = m.alias.local
	}
	m.mu.Unlock()
	m.outlet.mu.Lock()
	defer m.outlet.mu.Unlock()
	m.outlet.move(at)
}
