package main

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
)

const atOnce = "{late_join: latest, linger: 0s}" // the stream ends with its last page

// measureProgram measures the CPU time of grpcsse for an event that one page gets: without a cluster, with a cluster and no other
// replica that has the stream, and with one.
func measureProgram(ctx context.Context, l *lab) error {
	g := &group{}
	defer g.end()
	alone, err := l.newStage(ctx, g, 0, 1, atOnce)
	if err != nil {
		return err
	}
	pair, err := l.newStage(ctx, g, 1, 2, atOnce)
	if err != nil {
		return err
	}
	var without, with, followed, server, both []float64
	for range l.rounds {
		cost, err := alone.perEvent(ctx, 1)
		if err != nil {
			return err
		}
		owner, err := pair.perEvent(ctx, 1)
		if err != nil {
			return err
		}
		if owner[1] > owner[0]/10 {
			return fmt.Errorf("a replica without pages took %s an event: it still follows", micros(owner[1]))
		}
		two, err := pair.perEvent(ctx, 2)
		if err != nil {
			return err
		}
		without = append(without, cost[0])
		with = append(with, owner[0]/cost[0])
		followed, server = append(followed, two[0]/cost[0]), append(server, two[2])
		both = append(both, two[1]/cost[0])
	}
	l.note("grpcsse without `cluster`, 10,000 events/s, one page", "%s an event", micros(median(without)))
	atMost(l, "grpcsse with `cluster` and no follower, against one without", 1.2, median(with), ratio, "")
	l.note("grpcsse as an owner with a follower, against one without", "%s", ratio(median(followed)))
	l.note("grpcsse as a follower, against one without", "%s", ratio(median(both)))
	l.note("nats-server meanwhile", "%s an event", micros(median(server)))
	return nil
}

const (
	warmUp = time.Second
	window = 4 * time.Second
)

// perEvent returns the CPU microseconds for an event: of each replica, and of the first server of NATS behind them. A page is open at
// so many of the replicas; the first of them is the owner.
func (st *stage) perEvent(ctx context.Context, pages int) (costs []float64, err error) {
	const perTick = 10
	defer st.up.flow(perTick, time.Millisecond)()
	var watched []*process
	for i, r := range st.replicas {
		watched = append(watched, r.process)
		if i < pages {
			p, err := openPage(ctx, r.url+"/watch/x")
			if err != nil {
				return nil, err
			}
			defer p.close()
		}
	}
	for _, s := range st.nats {
		watched = append(watched, s.process)
	}
	if err := pause(ctx, warmUp); err != nil {
		return nil, err
	}
	first, _ := st.up.now()
	var before []time.Duration
	for _, p := range watched {
		before = append(before, cpu(p.pid()))
	}
	if err := pause(ctx, window); err != nil {
		return nil, err
	}
	last, _ := st.up.now()
	for i, p := range watched {
		costs = append(costs, (cpu(p.pid())-before[i]).Seconds()*1e6/float64(last-first))
	}
	return costs, nil
}

// measureLone measures how much later a lone event comes to a page at a follower than to one at the owner.
func measureLone(ctx context.Context, l *lab) error {
	g := &group{}
	defer g.end()
	st, err := l.newStage(ctx, g, 1, 2, atOnce)
	if err != nil {
		return err
	}
	if err := st.openPages(ctx, "x"); err != nil {
		return err
	}
	if err := pause(ctx, warmUp); err != nil {
		return err
	}
	passing, err := natsAlone(ctx, st.nats[0].address)
	if err != nil {
		return err
	}
	first, _ := st.up.now()
	stop := st.up.flow(1, 10*time.Millisecond)
	err = pause(ctx, 30*time.Second)
	stop()
	if err != nil {
		return err
	}
	last, _ := st.up.now()
	var got [2][]arrival
	err = until(ctx, "all events have come", func() bool {
		for i, p := range st.pages {
			got[i], _ = p.received(first)
		}
		return len(got[0]) == int(last-first) && len(got[1]) == int(last-first)
	})
	if err != nil {
		return err
	}
	var later, own []time.Duration
	for i := range got[0] {
		later = append(later, got[1][i].at.Sub(got[0][i].at))
		own = append(own, got[0][i].at.Sub(st.up.sentAt(got[0][i].event)))
	}
	l.note("a lone message from one connection to NATS to another one", "%s (p50), %s (p99)", duration(median(passing)), duration(quantile(passing, 0.99)))
	l.note("a lone event from the upstream to a page at the owner", "%s (p50), %s (p99)", duration(median(own)), duration(quantile(own, 0.99)))
	atMost(l, "a lone event at the other replica, later than at the owner, p50", 200*time.Microsecond, median(later), duration, "")
	atMost(l, "the same, p99", 2*time.Millisecond, quantile(later, 0.99), duration, "")
	return nil
}

// natsAlone measures how long lone messages take through NATS, without the bridge.
func natsAlone(ctx context.Context, address string) (took []time.Duration, err error) {
	var conns [2]*nats.Conn
	for i := range conns {
		if conns[i], err = nats.Connect("nats://" + address); err != nil {
			return nil, err
		}
		defer conns[i].Close()
	}
	came := make(chan time.Time, 1)
	if _, err := conns[1].Subscribe("figures.lone", func(*nats.Msg) { came <- time.Now() }); err != nil {
		return nil, err
	}
	if err := conns[1].Flush(); err != nil {
		return nil, err
	}
	data := make([]byte, 300)
	for range 500 {
		sent := time.Now()
		if err := conns[0].Publish("figures.lone", data); err != nil {
			return nil, err
		}
		select {
		case at := <-came:
			took = append(took, at.Sub(sent))
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if err := pause(ctx, 10*time.Millisecond); err != nil {
			return nil, err
		}
	}
	return took, nil
}
