package main

import (
	"context"
	"fmt"
	"time"
)

// opens is how many keys are opened of each kind.
const opens = 100

// measureOpen measures how long a page waits for the first event of a stream: one that another replica owns, and one that no replica
// owns, beside a stream of a bridge without a cluster.
func measureOpen(ctx context.Context, l *lab) error {
	for _, servers := range []int{1, 3} {
		if err := l.measureOpen(ctx, servers); err != nil {
			return err
		}
	}
	return nil
}

func (l *lab) measureOpen(ctx context.Context, servers int) error {
	g := &group{}
	defer g.end()
	alone, err := l.newStage(ctx, g, 0, 1, lasting)
	if err != nil {
		return err
	}
	st, err := l.newStage(ctx, g, servers, 2, lasting)
	if err != nil {
		return err
	}
	if err := warm(ctx, append(st.replicas, alone.replicas...)); err != nil {
		return err
	}
	var without, unowned, elsewhere []time.Duration
	for i := range opens {
		for _, o := range []struct {
			at  *replica
			all *[]time.Duration
		}{{alone.replicas[0], &without}, {st.replicas[i%2], &unowned}, {st.replicas[1-i%2], &elsewhere}} {
			p, err := openPage(ctx, fmt.Sprintf("%s/watch/key%d", o.at.url, i))
			if err != nil {
				return err
			}
			defer p.close()
			*o.all = append(*o.all, p.first())
			if err := pause(ctx, 5*time.Millisecond); err != nil {
				return err
			}
		}
	}
	r := fmt.Sprintf(" (bucket on %d)", servers)
	say := func(all []time.Duration) string { return fmt.Sprintf(", p99 %s", duration(quantile(all, 0.99))) }
	l.note("open of a stream without a cluster", "%s%s", duration(median(without)), say(without))
	atMost(l, "open of a stream that another replica owns"+r, 5*time.Millisecond, median(elsewhere), duration, say(elsewhere))
	atMost(l, "open of a stream without an owner, more than without a cluster"+r, 5*time.Millisecond, median(unowned)-median(without), duration,
		fmt.Sprintf(", p99 %s", duration(quantile(unowned, 0.99)-quantile(without, 0.99))))
	return nil
}

// warm opens some pages, so that connections are there.
func warm(ctx context.Context, replicas []*replica) error {
	for i := range 5 {
		for _, r := range replicas {
			p, err := openPage(ctx, fmt.Sprintf("%s/watch/warm%d", r.url, i))
			if err != nil {
				return err
			}
			p.close()
		}
	}
	return pause(ctx, warmUp)
}
