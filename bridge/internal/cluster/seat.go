package cluster

import (
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/grpcsse/grpcsse/bridge/internal/fanout"
	"github.com/grpcsse/grpcsse/bridge/internal/wire"
)

// seat is a replica's part in one key. Its shard does what there is to do.
type seat struct {
	node   *Node
	shard  *shard
	name   string
	member fanout.Member

	// These are set by any goroutine.
	queued   atomic.Bool // the seat is in the shard's list of seats to be visited
	local    atomic.Bool
	resigned atomic.Bool
	left     atomic.Bool
	poll     atomic.Bool // whether other replicas want the key is to be asked
	changed  atomic.Bool // the member's Page may have something new
	// These are set by the shard.
	owns     atomic.Bool
	wanted   atomic.Bool
	wantedAt atomic.Int64 // when wanted was last true, as time since the node began

	// The rest belongs to the shard.
	state   state
	due     time.Duration // see shard.set
	at      int           // where the seat stands in the shard's timers; -1: it does not
	shown   Role          // the role that the hooks know
	aloneAt time.Duration // until when the time alone is reported
	polling bool
	watched string // the owner that is watched
	since   uint64 // the term of the owner when its verdict was last looked up
	events  func() // ends the subscription of this name; nil is none
	log     func()
	want    func()
	fill    *fill // of a follower; nil for others
	publisher
}

// Want says whether the replica has subscribers of the key.
func (s *seat) Want(local bool) {
	s.local.Store(local)
	s.poll.Store(true)
	s.shard.box.call(s)
}

// Wanted reports whether another replica follows the key, as far as the owner has heard, and until when one did. It has the others
// asked again.
func (s *seat) Wanted() (yes bool, last time.Time) {
	if !s.owns.Load() {
		return false, time.Time{}
	}
	if !s.poll.Swap(true) {
		s.shard.box.call(s)
	}
	return s.wanted.Load(), s.node.began.Add(time.Duration(s.wantedAt.Load()))
}

// setWanted notes whether another replica follows the key. The time that it notes is not before the end of the last wish.
func (s *seat) setWanted(yes bool) {
	if yes || s.wanted.Load() {
		s.wantedAt.Store(int64(s.node.now()))
	}
	s.wanted.Store(yes)
}

// Resign gives the key to another replica that follows it.
func (s *seat) Resign() {
	s.resigned.Store(true)
	s.shard.box.call(s)
}

// Leave ends the replica's part.
func (s *seat) Leave() {
	s.left.Store(true)
	s.shard.box.call(s)
}

// visit does what other goroutines have asked for.
func (s *seat) visit() {
	s.queued.Store(false)
	if s.state.role == Gone {
		return
	}
	if s.left.Load() {
		s.leave()
		return
	}
	if local := s.local.Load(); local != s.state.local {
		s.apply(wantChanged{local})
	}
	if s.resigned.Load() && !s.state.resigned {
		s.apply(resignAsked{})
	}
	if s.poll.Load() {
		s.pollWant()
	}
	if s.changed.Swap(false) {
		s.publish()
	}
}

// leave ends the replica's part. The owner hears of it when the replica does not answer any more that it follows the key.
func (s *seat) leave() {
	s.publishLast()
	role, owner := s.state.role, s.state.owner
	s.apply(leaveAsked{})
	if role == Follower && owner != "" {
		s.node.send(subjectIn(owner), wire.Left{Name: s.name})
	}
}

// apply has an input happen.
func (s *seat) apply(event any) {
	before := s.state
	after, actions := step(before, input{at: s.node.now(), jitter: rand.N(mostJitter), event: event})
	s.state = after
	if after.role != Owner {
		s.unpublish()
	}
	s.subscribe()
	for _, a := range actions {
		s.do(a, before)
	}
	s.report()
	s.watch()
	s.arm()
	if s.state.role == Gone && s.state.op == noOp {
		s.remove()
	}
}

// do does what a step has decided.
func (s *seat) do(a action, before state) {
	switch a.kind {
	case doLead:
		s.fill = nil
		if before.owner != "" && before.owner != s.node.me {
			s.node.hooks.tookOver()
		}
		s.setWanted(true)
		if !s.left.Load() {
			s.member.Lead(a.term)
			s.announce()
		}
	case doFollow:
		s.fill = &fill{heard: s.node.now()}
		if !s.left.Load() {
			s.member.Follow()
		}
	case doAlone:
		s.fill = nil
		if !s.left.Load() {
			s.member.Alone()
		}
	case doAsk:
		s.ask()
	case doSayGaveUp:
		s.node.send(subjectEvents(s.name), wire.GaveUp{Name: s.name, Term: a.term})
	case doCreate, doUpdate, doGet, doDelete:
		s.request(a)
	}
}

// subscribe has the subscriptions that the state needs. One that fails is tried again with the next input.
func (s *seat) subscribe() {
	role := s.state.role
	// An owner is subscribed before others can know of it, so that their first question reaches it.
	serves := role == Owner || role != Gone && (s.state.op == opCreate || s.state.op == opUpdate)
	s.events = s.toggle(s.events, role != Gone, subjectEvents(s.name), s.hear)
	s.log = s.toggle(s.log, serves, subjectLog(s.name), s.hear)
	s.want = s.toggle(s.want, role == Follower, subjectWant(s.name), reply)
}

func (s *seat) toggle(stop func(), wanted bool, subject string, handle func(*Delivery)) func() {
	switch {
	case wanted && stop == nil:
		stop, err := s.node.bus.Subscribe(subject, handle)
		if err != nil {
			return nil
		}
		return stop
	case !wanted && stop != nil:
		stop()
		return nil
	}
	return stop
}

// hear receives what is said about the key.
func (s *seat) hear(d *Delivery) {
	m, _ := s.node.decode(d.Subject, d.Data)
	if m == nil || m.From == s.node.me {
		return
	}
	var do func()
	switch b := m.Body.(type) {
	case wire.Page:
		do = func() { s.take(m.From, b.Page, false) }
	case wire.GaveUp:
		do = func() { s.apply(ownerGaveUp{m.From, b.Term}) }
	case wire.Question:
		do = func() { s.question(m.From, b.Place, d.Reply) }
	default:
		return
	}
	s.shard.box.offer(len(d.Data), do)
}

// report tells the hooks what has changed.
func (s *seat) report() {
	role := s.state.role
	s.owns.Store(role == Owner)
	if role == s.shown {
		return
	}
	if s.shown == Alone {
		s.reportAlone()
	}
	s.aloneAt = s.node.now()
	s.node.hooks.role(s.shown, role)
	s.shown = role
}

func (s *seat) reportAlone() {
	now := s.node.now()
	s.node.hooks.alone(now - s.aloneAt)
	s.aloneAt = now
}

// watch has the owner watched that the replica depends on.
func (s *seat) watch() {
	owner := ""
	if role := s.state.role; (role == Follower || role == Alone) && s.state.owner != s.node.me {
		owner = s.state.owner
	}
	if owner == s.watched && (owner == "" || s.since == s.state.term) {
		return
	}
	old := s.watched
	s.watched, s.since = owner, s.state.term
	if owner != "" {
		if known, alive := s.node.peers.watch(owner); known {
			s.shard.box.post(func() { s.apply(verdictCame{owner, alive}) })
		}
	}
	if old != "" {
		s.node.peers.leave(old)
	}
}

// arm sets the seat's timer.
func (s *seat) arm() { s.shard.set(s, min(s.state.wake, s.fill.due())) }

// expire does what is due. The seat is not in the timers.
func (s *seat) expire(now time.Duration) {
	s.expireFill(now)
	s.apply(nil)
}

// tick is called from time to time.
func (s *seat) tick(now time.Duration) {
	if s.state.role == Alone {
		s.reportAlone()
	}
	s.expireFollowers(now)
	s.expireSilence(now)
}

// remove forgets a seat that is over.
func (s *seat) remove() {
	s.shard.set(s, never)
	if s.shard.seats[s.name] == s {
		delete(s.shard.seats, s.name)
	}
}
