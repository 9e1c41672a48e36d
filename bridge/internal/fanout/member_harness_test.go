package fanout_test

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/internal/fanout"
	"github.com/grpcsse/grpcsse/bridge/internal/replay"
)

// scriptedCluster is a cluster in which the test decides what happens. It remembers the newest seat.
type scriptedCluster struct{ seats []*scriptedSeat }

func (c *scriptedCluster) Enter(_ string, m fanout.Member) fanout.Seat {
	s := &scriptedSeat{Member: m}
	c.seats = append(c.seats, s)
	return s
}

func (c *scriptedCluster) Name(key string) string { return key }

// scriptedSeat is one replica's part in a key.
type scriptedSeat struct {
	fanout.Member

	local    atomic.Bool // what the member has said
	wanted   atomic.Bool // what the member is told
	until    atomic.Pointer[time.Time]
	resigned atomic.Bool
	left     atomic.Bool
}

func (s *scriptedSeat) Want(local bool) { s.local.Store(local) }
func (s *scriptedSeat) Resign()         { s.resigned.Store(true) }
func (s *scriptedSeat) Leave()          { s.left.Store(true) }

func (s *scriptedSeat) Wanted() (yes bool, last time.Time) {
	if at := s.until.Load(); at != nil {
		last = *at
	}
	return s.wanted.Load(), last
}

// unwant has no other replica want the key from now on.
func (s *scriptedSeat) unwant() {
	now := time.Now()
	s.until.Store(&now)
	s.wanted.Store(false)
}

// replica is a world whose stream takes part in a cluster.
type replica struct {
	*world

	cluster *scriptedCluster
}

// seat returns the newest seat.
func (r *replica) seat() *scriptedSeat { return r.cluster.seats[len(r.cluster.seats)-1] }

// lead has the replica own the key, and returns its new upstream stream.
func (r *replica) lead(term uint64) *attempt {
	r.t.Helper()
	r.seat().Lead(term)
	up := r.upstream.next()
	require.NotNil(r.t, up, "the upstream is not opened")
	return up
}

// follow has the replica follow the owner.
func (r *replica) follow() {
	r.seat().Follow()
	synctest.Wait()
}

// pull has the replica ask an owner until it has what the owner has.
func (r *replica) pull(owner *replica) {
	r.t.Helper()
	for range 100 {
		p := carried(owner.seat().Page(r.seat().Place(), testLimit))
		if more := p.More; r.seat().Take(p) && !more {
			synctest.Wait()
			return
		}
	}
	r.t.Fatal("the replica asks and asks")
}

// carried returns a page as another process gets it.
func carried(p *fanout.Page) *fanout.Page {
	c := *p
	c.Values, c.Events = carriedEvents(p, p.Values), carriedEvents(p, p.Events)
	return &c
}

func carriedEvents(p *fanout.Page, events []*replay.Event) (all []*replay.Event) {
	for _, e := range events {
		c, err := replay.NewEvent(replay.Position{Epoch: p.Epoch, Offset: e.Offset}, e.Block(), e.Data())
		if err != nil {
			panic(err) // an event of a log
		}
		c.ID, c.Key, c.Subject, c.Mark, c.At = e.ID, e.Key, e.Subject, e.Mark, e.At
		all = append(all, c)
	}
	return all
}

// inCluster runs a test in fake time with that many replicas, each with an upstream of its own.
func inCluster(t *testing.T, n int, s fanout.Settings, test func(all []*replica)) {
	t.Helper()
	inClusterOf(t, n, s, fanout.Limits{}, test)
}

func inClusterOf(t *testing.T, n int, s fanout.Settings, limits fanout.Limits, test func(all []*replica)) {
	t.Helper()
	s.Cluster = true
	synctest.Test(t, func(t *testing.T) {
		var all []*replica
		for range n {
			r := fanout.NewRegistry(t.Context(), limits)
			c := &scriptedCluster{}
			r.Cluster = c
			all = append(all, &replica{newWorld(t, r, s), c})
		}
		test(all)
		for _, r := range all {
			r.close()
			for _, s := range r.cluster.seats {
				require.True(t, s.left.Load(), "a seat is kept")
			}
		}
	})
}

// ids are the settings of routes by what the upstream gives.
func ids() map[string]fanout.Settings {
	return map[string]fanout.Settings{
		"positions": {}, "ids": {HasID: true}, "ids and a cursor": {HasID: true, Resumes: true},
	}
}
