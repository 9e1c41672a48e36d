package cluster

import "sync"

// What other replicas send is dropped where a shard has as much of it waiting. Then a follower has a gap, and asks.
const (
	mostMails     = 4096
	mostMailBytes = 16 << 20
)

// mailbox is what waits for a shard. What comes from the replica itself is never dropped: there is at most one answer for each
// request that a seat has under way, and a seat is in ready at most once.
type mailbox struct {
	wake chan struct{}

	mu     sync.Mutex
	closed bool
	mails  []func()
	ready  []*seat
	count  int // of the mails that may be dropped
	bytes  int
}

// post adds something that is not dropped.
func (b *mailbox) post(mail func()) { b.add(mail, 0, false) }

// offer adds something of a size that came from another replica, or drops it.
func (b *mailbox) offer(size int, mail func()) { b.add(mail, size, true) }

func (b *mailbox) add(mail func(), size int, foreign bool) {
	b.mu.Lock()
	if b.closed || foreign && (b.count >= mostMails || b.bytes+size > mostMailBytes && b.count > 0) {
		b.mu.Unlock()
		return
	}
	if foreign {
		b.count++
		b.bytes += size
	}
	b.mails = append(b.mails, mail)
	b.mu.Unlock()
	b.ring()
}

// call has a seat visited.
func (b *mailbox) call(s *seat) {
	if s.queued.Swap(true) {
		return
	}
	b.mu.Lock()
	b.ready = append(b.ready, s)
	b.mu.Unlock()
	b.ring()
}

func (b *mailbox) ring() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// take returns what waits, and reports whether the mailbox is still open. The slices are given back as empty ones.
func (b *mailbox) take(mails []func(), ready []*seat) ([]func(), []*seat, bool) {
	clear(mails)
	clear(ready)
	b.mu.Lock()
	defer b.mu.Unlock()
	mails, b.mails = b.mails, mails[:0]
	ready, b.ready = b.ready, ready[:0]
	b.count, b.bytes = 0, 0
	return mails, ready, !b.closed
}

// close drops what comes from now on.
func (b *mailbox) close() {
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	b.ring()
}
