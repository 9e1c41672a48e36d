package main

import (
	"context"
	"fmt"
	"time"
)

// measureNodes kills a server of three of NATS, again and again, and measures the longest silence on any page.
func measureNodes(ctx context.Context, l *lab) error {
	const kills, topics = 6, 10
	g := &group{}
	defer g.end()
	st, err := l.newStage(ctx, g, 3, 3, lasting)
	if err != nil {
		return err
	}
	defer st.up.flow(1, 10*time.Millisecond)()
	var pages []*page
	for i := range topics {
		for n := range st.replicas { // each replica owns some
			r := st.replicas[(i+n)%len(st.replicas)]
			p, err := openPage(ctx, fmt.Sprintf("%s/watch/key%d", r.url, i))
			if err != nil {
				return err
			}
			pages = append(pages, p)
		}
	}
	quiet, err := silence(ctx, pages, func() error { return nil })
	if err != nil {
		return err
	}
	var longest []time.Duration
	for i := range kills {
		s := st.nats[i%len(st.nats)]
		gap, err := silence(ctx, pages, func() error { s.end(); return nil })
		if err != nil {
			return err
		}
		longest = append(longest, gap)
		if err := s.run(); err != nil {
			return err
		}
		if err := natsReady(ctx, []string{"nats://" + s.address}, 3); err != nil {
			return err
		}
	}
	faults := 0
	for _, p := range pages {
		faults += p.faults()
		p.close()
	}
	mid, worst := median(longest), quantile(longest, 1)
	atMost(l, "one of three servers of NATS killed: the longest silence on 30 pages", 500*time.Millisecond, worst, duration,
		fmt.Sprintf(" (%d kills, median %s; without a kill %s)", kills, duration(mid), duration(quiet)))
	atMost(l, "the same: events lost, repeated or told as a reset", 0, faults, count, "")
	return nil
}

// silence returns the longest time between two events on any page, from before something happens until some seconds later.
func silence(ctx context.Context, pages []*page, happen func() error) (longest time.Duration, err error) {
	for _, p := range pages {
		p.forget()
	}
	if err := pause(ctx, 500*time.Millisecond); err != nil {
		return 0, err
	}
	if err := happen(); err != nil {
		return 0, err
	}
	if err := pause(ctx, 5*time.Second); err != nil {
		return 0, err
	}
	now := time.Now()
	for _, p := range pages {
		all, _ := p.received(0)
		for i := range all[1:] {
			longest = max(longest, all[i+1].at.Sub(all[i].at))
		}
		longest = max(longest, now.Sub(all[len(all)-1].at))
	}
	return longest, nil
}
