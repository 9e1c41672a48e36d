package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"
)

// measureStreams has pages at three replicas come and go, and counts the upstream streams.
func measureStreams(ctx context.Context, l *lab) error {
	const rounds, pagesEach, linger = 10, 60, time.Second
	g := &group{}
	defer g.end()
	st, err := l.newStage(ctx, g, 1, 3, lasting)
	if err != nil {
		return err
	}
	defer st.up.flow(1, 20*time.Millisecond)()
	most, longest, settled := 0, time.Duration(0), time.Duration(0)
	for round := range rounds {
		topic := fmt.Sprintf("round%d", round)
		var pages []*page
		for range pagesEach {
			r := st.replicas[rand.N(len(st.replicas))]
			p, err := openPage(ctx, r.url+"/watch/"+topic)
			if err != nil {
				return err
			}
			pages = append(pages, p)
		}
		began := time.Now()
		if err := until(ctx, "there is one stream", func() bool { return st.up.readers(topic) == 1 }); err != nil {
			return err
		}
		settled = max(settled, time.Since(began))
		for range 20 {
			if err := pause(ctx, 10*time.Millisecond); err != nil {
				return err
			}
			most = max(most, st.up.readers(topic))
		}
		rand.Shuffle(len(pages), func(i, j int) { pages[i], pages[j] = pages[j], pages[i] })
		for _, p := range pages {
			p.close()
		}
		last := time.Now()
		if err := until(ctx, "there is no stream", func() bool { return st.up.readers(topic) == 0 }); err != nil {
			return err
		}
		longest = max(longest, time.Since(last))
	}
	atMost(l, "upstream streams for 60 pages at three replicas", 1, most, count,
		fmt.Sprintf(" (at most %s after the last page had its first event)", duration(settled)))
	atMost(l, "no upstream stream after the last page has left, with a linger of 1 s", 2*linger+time.Second, longest, duration,
		fmt.Sprintf(" (the longest of %d)", rounds))
	return nil
}
