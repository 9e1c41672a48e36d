package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"syscall"
	"time"
)

const lasting = "{late_join: latest, linger: 1s}"

// measureTakeover kills and pauses the owner of a stream, and measures how long the pages at two other replicas wait for an event that
// the upstream has sent since.
func measureTakeover(ctx context.Context, l *lab) error {
	g := &group{}
	defer g.end()
	st, err := l.newStage(ctx, g, 1, 3, lasting)
	if err != nil {
		return err
	}
	defer st.up.flow(1, 5*time.Millisecond)()
	if err := st.openPages(ctx, "x"); err != nil {
		return err
	}
	for _, kind := range []struct {
		name        string
		signal      syscall.Signal
		median, max time.Duration
	}{
		{"owner killed", syscall.SIGKILL, 300 * time.Millisecond, 600 * time.Millisecond},
		{"owner paused", syscall.SIGSTOP, 1500 * time.Millisecond, 2500 * time.Millisecond},
	} {
		var waits []time.Duration
		for range l.runs {
			wait, err := st.takeOver(ctx, kind.signal)
			if err != nil {
				return fmt.Errorf("%s: %w", kind.name, err)
			}
			waits = append(waits, wait)
		}
		slices.Sort(waits)
		more := fmt.Sprintf(" (%d runs, from %s)", len(waits), duration(waits[0]))
		atMost(l, kind.name+": the next event on each other replica, median", kind.median, median(waits), duration, more)
		atMost(l, kind.name+": the longest", kind.max, waits[len(waits)-1], duration, "")
	}
	atMost(l, "takeovers: events lost, repeated or told as a reset", 0, st.allFaults(), count, "")
	return nil
}

// onTheWay is how long an event may take that the owner has received before it ended.
const onTheWay = 5 * time.Millisecond

// stage is several replicas on a NATS, with an upstream.
type stage struct {
	up       *upstream
	nats     []*natsServer
	replicas []*replica
	pages    []*page // one at each replica, of one topic
	topic    string
	faults   int // of pages that are closed
}

func (l *lab) newStage(ctx context.Context, g *group, servers, replicas int, share string) (st *stage, err error) {
	st = &stage{}
	if st.up, err = startUpstream(g); err != nil {
		return nil, err
	}
	if servers > 0 {
		if st.nats, err = l.startNATS(ctx, g, servers); err != nil {
			return nil, err
		}
	}
	for range replicas {
		r, err := l.startReplica(ctx, g, plan{st.up.address, st.nats, share})
		if err != nil {
			return nil, err
		}
		st.replicas = append(st.replicas, r)
	}
	return st, nil
}

// openPages opens a page of a topic at each replica, and returns when one of them reads the upstream.
func (st *stage) openPages(ctx context.Context, topic string) (err error) {
	st.topic, st.pages = topic, make([]*page, len(st.replicas))
	for i, r := range st.replicas {
		if st.pages[i], err = openPage(ctx, r.url+"/watch/"+topic); err != nil {
			return err
		}
	}
	return until(ctx, "one replica reads", func() bool { return st.up.readers(topic) == 1 })
}

// allFaults returns the faults of all pages.
func (st *stage) allFaults() int {
	sum := st.faults
	for _, p := range st.pages {
		sum += p.faults()
	}
	return sum
}

// owner returns the number of the replica that reads the topic.
func (st *stage) owner() int {
	return slices.IndexFunc(st.replicas, func(r *replica) bool { return st.up.readBy(r, st.topic) })
}

// takeOver sends a signal to the owner, and returns when the replicas are as before, with another owner.
func (st *stage) takeOver(ctx context.Context, signal syscall.Signal) (wait time.Duration, err error) {
	if err := pause(ctx, 300*time.Millisecond+rand.N(300*time.Millisecond)); err != nil {
		return 0, err
	}
	i := st.owner()
	if i < 0 {
		return 0, fmt.Errorf("no replica reads")
	}
	owner := st.replicas[i]
	newest, _ := st.up.now()
	at := time.Now()
	if err := owner.cmd.Process.Signal(signal); err != nil {
		return 0, err
	}
	at = at.Add(onTheWay)
	for n, p := range st.pages {
		var first time.Time
		err := until(ctx, "events come again", func() bool {
			since, _ := p.received(newest)
			k := slices.IndexFunc(since, func(a arrival) bool { return st.up.sentAt(a.event).After(at) })
			if k >= 0 {
				first = since[k].at
			}
			return k >= 0 || n == i
		})
		if err != nil {
			return 0, err
		}
		if n != i {
			wait = max(wait, first.Sub(at)+onTheWay)
		}
	}
	if signal == syscall.SIGSTOP {
		return wait, st.goOn(ctx, owner)
	}
	return wait, st.replace(ctx, i)
}

// goOn lets a paused owner go on, and waits until it follows.
func (st *stage) goOn(ctx context.Context, owner *replica) error {
	if err := owner.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		return err
	}
	return until(ctx, "the paused owner follows", func() bool { return st.up.readers(st.topic) == 1 && !st.up.readBy(owner, st.topic) })
}

// replace starts a killed replica again, with a page.
func (st *stage) replace(ctx context.Context, i int) (err error) {
	st.replicas[i].end()
	<-st.pages[i].done
	st.faults += st.pages[i].faults()
	if err := st.replicas[i].run(ctx); err != nil {
		return err
	}
	if st.pages[i], err = openPage(ctx, st.replicas[i].url+"/watch/"+st.topic); err != nil {
		return err
	}
	return until(ctx, "one replica reads", func() bool { return st.up.readers(st.topic) == 1 })
}
