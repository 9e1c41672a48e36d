package pump

import (
	"strings"
	"time"
)

// rig is a loop. The test tells it the time.
type rig struct {
	*loop
	at    time.Duration
	ended int
	ring  *fakeRing // sends to the clients; nil where none does
}

func newRig() *rig {
	r := new(rig)
	r.loop = newLoop(newInbox(), oneByOne{}, func() { r.ended++ })
	return r
}

// once does one step.
func (r *rig) once() (next time.Duration) {
	var m mail
	r.inbox.take(&m)
	return r.step(r.at, &m)
}

// settle calls step until nothing is left to do now, and returns when the next step is due.
func (r *rig) settle() (next time.Duration) {
	for range 100_000 {
		next = r.once()
		select {
		case <-r.inbox.wake:
			continue
		default:
		}
		if next > r.at {
			return next
		}
	}
	panic("the loop never comes to rest")
}

// pass lets time pass, as a driver would.
func (r *rig) pass(d time.Duration) {
	for until := r.at + d; ; {
		next := r.settle()
		if next > until {
			r.at = until
			return
		}
		r.at = next
	}
}

// guest is a client of a rig.
type guest struct {
	*client
	header   string // of the response, which the loop writes
	cur      *head
	outcomes []Outcome
}

func (r *rig) join(events *tape, s *Settings) *guest { return r.joinBehind("", events, s) }

// joinBehind has a client join whose response has a header.
func (r *rig) joinBehind(header string, events *tape, s *Settings) *guest {
	g := &guest{client: newClient(), header: header, cur: &head{tape: events}}
	g.inbox, g.since = r.inbox, func() time.Duration { return r.at }
	var sock socket = fakeSocket{g.client}
	if r.ring != nil {
		sock = r.ring.socket(g.client)
	}
	p := newParked(sock, g.cur, s, func(o Outcome) { g.outcomes = append(g.outcomes, o) })
	p.begin([]byte(header))
	r.inbox.arrive(p, &g.control)
	return g
}

// body returns what the client received behind the header. whole says that it received the whole header.
func (g *guest) body() (text string, whole bool) {
	text, whole = strings.CutPrefix(g.text(), g.header)
	if !whole && strings.HasPrefix(g.header, text) {
		return "", false
	}
	return text, whole
}
