package cluster

import (
	"container/heap"
	"time"
)

const (
	tickEvery      = 500 * time.Millisecond
	jumpOver       = time.Second      // a tick that comes so much too late says that the process stood still
	beatEvery      = 2                // ticks
	beatAllEvery   = 30               // ticks
	sayEvery       = 10               // ticks between what a follower says to the owners
	changedLately  = 3 * time.Second  // a beat has the keys that changed since
	followerExpiry = 15 * time.Second // a follower that says nothing for so long is none any more
)

// shard has the seats of some keys. One goroutine does everything that concerns them.
type shard struct {
	node   *Node
	box    mailbox
	seats  map[string]*seat
	timers timers
	ticked time.Duration
	ticks  int
}

func newShard(n *Node) *shard {
	return &shard{node: n, box: mailbox{wake: make(chan struct{}, 1)}, seats: map[string]*seat{}}
}

// run works until the mailbox is closed.
func (sh *shard) run() {
	timer := time.NewTimer(tickEvery)
	defer timer.Stop()
	var mails []func()
	var ready []*seat
	for open := true; open; {
		sh.node.gate()
		mails, ready, open = sh.box.take(mails, ready)
		for _, mail := range mails {
			mail()
		}
		for _, s := range ready {
			s.visit()
		}
		sh.expire()
		if len(mails)+len(ready) > 0 || !open {
			continue
		}
		timer.Reset(sh.due() - sh.node.now())
		select {
		case <-sh.box.wake:
		case <-timer.C:
		}
	}
}

// call has the shard do something, and waits until it is done or the shard is over.
func (sh *shard) call(do func()) {
	done := make(chan struct{})
	sh.box.post(func() {
		do()
		close(done)
	})
	select {
	case <-done:
	case <-sh.node.ctx.Done():
	}
}

// due returns when the shard has something to do if no mail comes.
func (sh *shard) due() time.Duration {
	due := sh.ticked + tickEvery
	if len(sh.timers) > 0 {
		due = min(due, sh.timers[0].due)
	}
	return due
}

// expire does what is due.
func (sh *shard) expire() {
	now := sh.node.now()
	for len(sh.timers) > 0 && sh.timers[0].due <= now {
		s := sh.timers[0]
		heap.Pop(&sh.timers)
		s.expire(now)
	}
	if now >= sh.ticked+tickEvery {
		sh.tick(now)
	}
}

// tick does what is done from time to time for all seats.
func (sh *shard) tick(now time.Duration) {
	jumped := now >= sh.ticked+tickEvery+jumpOver
	sh.ticked = now
	sh.ticks++
	if jumped {
		sh.each(clockJumped{})
	}
	for _, s := range sh.seats {
		s.tick(now)
	}
	if sh.ticks%beatEvery == 0 {
		sh.beat(now, sh.ticks%beatAllEvery == 0)
	}
	if sh.ticks%sayEvery == 0 {
		sh.say()
	}
}

func (sh *shard) enter(s *seat) {
	connected, lost := sh.node.linked()
	s.state = newState(sh.node.me, s.local.Load(), connected, lost, sh.node.patience)
	s.at, s.shown = -1, Gone
	s.setWanted(true)
	sh.seats[s.name] = s
	s.apply(nil)
}

// each has an input happen to all seats.
func (sh *shard) each(event any) {
	for _, s := range sh.seats {
		s.apply(event)
	}
}

// set has a seat expire at a time.
func (sh *shard) set(s *seat, due time.Duration) {
	switch s.due = due; {
	case due == never && s.at >= 0:
		heap.Remove(&sh.timers, s.at)
	case due == never:
	case s.at >= 0:
		heap.Fix(&sh.timers, s.at)
	default:
		heap.Push(&sh.timers, s)
	}
}

// timers is a heap of seats by the time at which they are due.
type timers []*seat //nolint:recvcheck // Len, Less and Swap have no use for a pointer

func (t timers) Len() int           { return len(t) }
func (t timers) Less(i, k int) bool { return t[i].due < t[k].due }
func (t timers) Swap(i, k int) {
	t[i], t[k] = t[k], t[i]
	t[i].at, t[k].at = i, k
}

func (t *timers) Push(x any) {
	s := x.(*seat)
	s.at = len(*t)
	*t = append(*t, s)
}

func (t *timers) Pop() any {
	old := *t
	s := old[len(old)-1]
	old[len(old)-1] = nil
	*t = old[:len(old)-1]
	s.at = -1
	return s
}
