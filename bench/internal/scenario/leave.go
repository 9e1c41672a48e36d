package scenario

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/grpcsse/grpcsse/bench/internal/load"
	"github.com/grpcsse/grpcsse/bench/internal/measure"
	"github.com/grpcsse/grpcsse/bench/internal/role"
	"github.com/grpcsse/grpcsse/bench/internal/upstream"
)

// leave has all browsers leave at once, and waits for the upstream to be told.
func (g *stage) leave(ctx context.Context, m *Measurement) error {
	if g.upstream == nil {
		return fmt.Errorf("%s has no upstream that could be told", g.contender.Name)
	}
	if err := g.crowd.Ask(role.AskTally, nil, &m.Tally); err != nil {
		return err
	}
	var departures []load.Departure
	if err := g.crowd.Ask(role.AskLeave, nil, &departures); err != nil {
		return err
	}
	for end := time.Now().Add(patience); ; {
		var err error
		if m.Left, err = g.streams(); err != nil {
			return err
		}
		if m.Left == 0 || time.Now().After(end) {
			break
		}
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
	var ended []upstream.End
	if err := g.upstream.Ask(role.AskEnded, nil, &ended); err != nil {
		return err
	}
	m.Cancelled = cancelled(departures, ended)
	var err error
	m.Sockets, err = measure.Sockets(g.candidate.PID)
	return err
}

// cancelled is how long it took from a departure until its stream ended, over those streams that have.
func cancelled(departures []load.Departure, ended []upstream.End) load.Latency {
	at := map[string]int64{}
	for _, e := range ended {
		at[e.Topic] = e.At
	}
	var all []time.Duration
	for _, d := range departures {
		if end, ok := at[d.Topic]; ok {
			all = append(all, time.Duration(end-d.At))
		}
	}
	if len(all) == 0 {
		return load.Latency{}
	}
	slices.Sort(all)
	return load.Latency{P50: all[(len(all)-1)/2], P99: all[(len(all)-1)*99/100], Max: all[len(all)-1]}
}
