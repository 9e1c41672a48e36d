package clustertest

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/internal/fanout"
)

// Process is a replica of a cluster under test.
type Process struct {
	Cluster fanout.Cluster
	Kill    func() // ends the process at once: the others get nothing of it any more
}

// Cluster tests a cluster. start starts one replica more, of the same cluster within one test, and ends it after the test.
func Cluster(t *testing.T, start func(t *testing.T) Process) {
	for name, test := range map[string]func(*scene){
		"one reads for all":           testOneReads,
		"the next one reads on":       testTakeover,
		"resigning":                   testResigning,
		"leaving":                     testLeaving,
		"demand":                      testDemand,
		"one that joins late":         testLate,
		"many keys":                   testManyKeys,
		"ids that are positions":      testPositions,
		"entered again after leaving": testAgain,
	} {
		t.Run(name, func(t *testing.T) { test(&scene{t: t, up: NewUpstream(), start: start}) })
	}
}

// scene is one key of a cluster.
type scene struct {
	t         *testing.T
	up        *Upstream
	start     func(t *testing.T) Process
	parts     []*part
	positions bool
}

// part is a replica's part in the key.
type part struct {
	*Member
	Process
	seat fanout.Seat
}

// join starts a replica and has it enter the key.
func (s *scene) join() *part {
	p := &part{Member: NewMember(fmt.Sprintf("m%d", len(s.parts)), s.up), Process: s.start(s.t)}
	p.Positions = s.positions
	p.seat = p.Cluster.Enter("key", p.Member)
	s.parts = append(s.parts, p)
	return p
}

// first has a replica join that is to read the upstream.
func (s *scene) first() *part {
	s.t.Helper()
	p := s.join()
	s.eventually("the first one reads", p.Leads)
	return p
}

// follow has a replica join that is to follow.
func (s *scene) follow() *part {
	s.t.Helper()
	p := s.join()
	s.eventually("the other one follows", func() bool { return len(p.Calls()) > 0 && p.Calls()[0] == "follow" })
	return p
}

func (s *scene) eventually(what string, is func() bool) {
	s.t.Helper()
	require.Eventually(s.t, is, patience, poll, what)
}

// have waits until parts have all that was sent, without a hole that was not told.
func (s *scene) have(parts ...*part) {
	s.t.Helper()
	for _, p := range parts {
		s.eventually(p.Name+" has all", func() bool { return p.Newest() == s.up.Sent() })
		for i, e := range p.Seen() {
			if i > 0 && !e.Reset {
				assert.Equal(s.t, number(p.Seen()[i-1].ID)+1, number(e.ID), p.Name)
			}
		}
	}
}

func number(id string) (n int) {
	_, _ = fmt.Sscan(id, &n)
	return n
}

func (p *part) kill() {
	p.Kill()
	p.Close()
}

func testOneReads(s *scene) {
	a := s.first()
	b, c := s.follow(), s.follow()
	for range 20 {
		s.up.Send(1)
		s.have(a, b, c)
	}
	assert.Equal(s.t, 1, s.up.Readers())
	assert.Len(s.t, b.Seen(), 20)
}

func testTakeover(s *scene) {
	a := s.first()
	b, c := s.follow(), s.follow()
	s.up.Send(10)
	s.have(a, b, c)
	a.kill()
	s.up.Send(5)
	s.have(b, c)
	s.eventually("one reads", func() bool { return s.up.Readers() == 1 })
	assert.Len(s.t, b.Seen(), 15)
	assert.Len(s.t, c.Seen(), 15)
}

func testResigning(s *scene) {
	a := s.first()
	b := s.follow()
	s.up.Send(10)
	s.have(a, b)
	a.seat.Resign()
	s.eventually("the other one reads", func() bool { return b.Leads() && !a.Leads() })
	s.up.Send(5)
	s.have(a, b)
	assert.Len(s.t, a.Seen(), 15)
}

func testLeaving(s *scene) {
	a := s.first()
	b := s.follow()
	a.seat.Leave()
	a.Close()
	s.eventually("the other one reads", b.Leads)
}

// wanted reports whether another replica follows the key.
func wanted(s fanout.Seat) bool {
	yes, _ := s.Wanted()
	return yes
}

func testDemand(s *scene) {
	a := s.first()
	a.seat.Want(false)
	s.eventually("nobody wants it", func() bool { return !wanted(a.seat) })
	b := s.follow()
	s.eventually("another one wants it", func() bool { return wanted(a.seat) })
	assert.False(s.t, wanted(b.seat), "it does not own the key")
	b.kill()
	s.eventually("nobody wants it any more", func() bool { return !wanted(a.seat) })
}

func testLate(s *scene) {
	a := s.first()
	s.up.Send(45) // more than a page
	b := s.follow()
	s.have(a, b)
	assert.Len(s.t, b.Seen(), 45)
}

func testPositions(s *scene) {
	s.positions = true
	a := s.first()
	b := s.follow()
	s.up.Send(10)
	s.have(a, b)
	assert.Equal(s.t, a.Seen(), b.Seen())
	a.kill()
	s.eventually("the next one reads", b.Leads)
	s.up.Send(5)
	s.have(b)
	seen := b.Seen()
	assert.NotEqual(s.t, seen[0].Epoch, seen[len(seen)-1].Epoch)
}

func testAgain(s *scene) {
	a := s.first()
	for range 3 {
		a.seat.Leave()
		a.Close()
		a.Member = NewMember(a.Name, s.up)
		a.seat = a.Cluster.Enter("key", a.Member)
		s.eventually("it reads again", a.Leads)
	}
}

func testManyKeys(s *scene) {
	const keys = 200
	processes := []Process{s.start(s.t), s.start(s.t)}
	ups := make([]*Upstream, keys)
	members := make([][2]*Member, keys)
	for i := range keys {
		ups[i] = NewUpstream()
		for k := range processes {
			members[i][k] = NewMember(fmt.Sprintf("m%d", k), ups[i])
			processes[(i+k)%2].Cluster.Enter(fmt.Sprint(i), members[i][k])
		}
	}
	for i, up := range ups {
		s.eventually("one reads, one follows", func() bool {
			return up.Readers() == 1 && len(members[i][0].Calls()) > 0 && len(members[i][1].Calls()) > 0
		})
		up.Send(5)
	}
	deadline := time.Now().Add(patience)
	for _, m := range members {
		for _, m := range m {
			require.Eventually(s.t, func() bool { return m.Newest() == 5 }, max(time.Until(deadline), poll*2), poll)
		}
	}
}
