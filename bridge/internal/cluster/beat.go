package cluster

import (
	"time"

	"github.com/grpcsse/grpcsse/bridge/internal/wire"
)

// mostNames bounds the keys in one message, so that a lost one is no great loss.
const mostNames = 500

// beat tells the followers how far keys are published: those that changed lately, or all.
func (sh *shard) beat(now time.Duration, all bool) {
	var ends []wire.End
	for _, s := range sh.seats {
		if s.state.role != Owner || s.stop == nil || !all && now > s.lately+changedLately {
			continue
		}
		p := &s.published
		ends = append(ends, wire.End{Name: s.name, Term: s.state.term, Epoch: p.Epoch, Next: p.Next, Version: p.Version})
		if len(ends) == mostNames {
			sh.node.send(subjectBeat, wire.Beat{Ends: ends})
			ends = nil
		}
	}
	if len(ends) > 0 {
		sh.node.send(subjectBeat, wire.Beat{Ends: ends})
	}
}

// say tells the owners which of their keys the replica follows.
func (sh *shard) say() {
	names := map[string][]string{}
	say := func(owner string) {
		sh.node.send(subjectIn(owner), wire.Following{Names: names[owner]})
		delete(names, owner)
	}
	for _, s := range sh.seats {
		if owner := s.state.owner; s.state.role == Follower && owner != "" {
			if names[owner] = append(names[owner], s.name); len(names[owner]) == mostNames {
				say(owner)
			}
		}
	}
	for owner := range names {
		say(owner)
	}
}
