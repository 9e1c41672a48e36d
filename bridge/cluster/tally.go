package cluster

import (
	"sync/atomic"
	"time"

	"github.com/grpcsse/grpcsse/bridge/internal/cluster"
)

// Counts are what has happened to the shared streams of a process since it began, and how many there are of each role now.
type Counts struct {
	Owned, Followed, Alone int64 // shared streams by role, now

	Takeovers uint64 // streams that this process owned after another process had
	Gaps      uint64 // how often a follower missed something that the owner had sent
	Filled    uint64 // events that followers got because they asked for them
	// Unread counts messages that the process could not read: of another program, or of a bridge with another secret or version.
	Unread uint64
	// AloneFor is how long streams were read without the cluster, added up.
	AloneFor time.Duration
	// Age is how old the newest event was when the newest page came. The clocks of the two machines decide about the way of the
	// page, which counts for 5 s at most.
	Age time.Duration
}

// Counts returns what has happened so far.
func (c *Cluster) Counts() Counts { return c.tally.now() }

// tally counts what the hooks tell.
type tally struct {
	roles                   [numRoles]atomic.Int64
	takeovers, gaps, filled atomic.Uint64
	unread                  atomic.Uint64
	alone, age              atomic.Int64 // nanoseconds
}

// numRoles is more than the number of roles.
const numRoles = 16

func (t *tally) hooks() cluster.Hooks {
	return cluster.Hooks{
		Role: func(from, to cluster.Role) {
			t.roles[from%numRoles].Add(-1)
			t.roles[to%numRoles].Add(1)
		},
		TookOver: func() { t.takeovers.Add(1) },
		Gap:      func() { t.gaps.Add(1) },
		Filled:   func(events int) { t.filled.Add(uint64(events)) },
		Alone:    func(d time.Duration) { t.alone.Add(int64(d)) },
		Aged:     func(d time.Duration) { t.age.Store(int64(d)) },
	}
}

func (t *tally) now() Counts {
	return Counts{
		Owned: t.roles[cluster.Owner].Load(), Followed: t.roles[cluster.Follower].Load(), Alone: t.roles[cluster.Alone].Load(),
		Takeovers: t.takeovers.Load(), Gaps: t.gaps.Load(), Filled: t.filled.Load(),
		Unread:   t.unread.Load(),
		AloneFor: time.Duration(t.alone.Load()), Age: time.Duration(t.age.Load()),
	}
}
