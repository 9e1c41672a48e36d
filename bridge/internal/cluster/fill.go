package cluster

import (
	"context"
	"errors"
	"time"

	"github.com/grpcsse/grpcsse/bridge/internal/fanout"
	"github.com/grpcsse/grpcsse/bridge/internal/wire"
)

const (
	pageTimeout = 400 * time.Millisecond // how long the page of an answered question may take
	silentFor   = 20 * time.Second       // how long a follower waits for a word of the owner, who beats every 15 s
	firstAsk    = 20 * time.Millisecond  // how long a follower waits before it asks again
	mostAsk     = time.Second
	settleFor   = 50 * time.Millisecond // how long pages may take that were published before a beat
	mostAtOnce  = 3                     // questions in a row without a pause, where pages do not follow the place
	mostSilent  = 2                     // an owner that is silent for so many times silentFor counts as dead
	mostDenied  = 4                     // after so many answers that the key has no owner, the replica claims its entry
)

// fill is how a follower gets what it lacks: it asks the owner, one question at a time.
type fill struct {
	asking  bool          // a question is under way, or its page
	again   bool          // something is known to be lacking that the page of the question may not have
	full    bool          // the replica has had all that the owner had
	tries   int           // questions in a row that brought nothing
	denied  int           // those of them that were answered by no owner
	askAt   time.Duration // when to ask again; 0: not
	pageBy  time.Duration // when the page of a question counts as lost; 0: none is awaited
	heard   time.Duration // when the owner has said something of the key, or was asked because it said nothing
	silent  int           // how often it was asked because of that, one time after the other
	checkAt time.Duration // when to compare end with the replica's place; 0: not
	end     wire.End      // the newest that the owner has said of what it has published
}

// due returns when there is something to do.
func (f *fill) due() time.Duration {
	due := never
	if f == nil {
		return due
	}
	for _, at := range [...]time.Duration{f.askAt, f.pageBy, f.checkAt} {
		if at != 0 {
			due = min(due, at)
		}
	}
	return due
}

// hear notes that the owner has said something of the key.
func (f *fill) hear(now time.Duration) { f.heard, f.silent = now, 0 }

// learn notes what the owner has said of its end, unless it has said something newer before: a beat and a page have ways of their
// own.
func (f *fill) learn(end wire.End) {
	had := &f.end
	older := end.Version < had.Version || end.Version == had.Version && end.Epoch == had.Epoch && end.Next < had.Next
	if end.Term != had.Term || !older {
		f.end = end
	}
}

// ask asks the owner for what follows the replica's place.
func (s *seat) ask() {
	st := &s.state
	if st.role != Follower || st.owner == "" || s.left.Load() {
		return
	}
	if s.fill.asking {
		s.fill.again = true
		return
	}
	s.fill.asking, s.fill.again, s.fill.askAt, s.fill.pageBy = true, false, 0, 0
	question := wire.Question{Name: s.name, Place: s.member.Place()}
	owner, term, subject := st.owner, st.term, subjectLog(s.name)
	s.node.asks.run(func() {
		ctx, cancel := context.WithTimeout(s.node.ctx, requestTimeout)
		defer cancel()
		from, answer, err := s.node.query(ctx, subject, question)
		s.node.gate()
		s.shard.box.post(func() {
			if s.state.owner == owner && s.state.term == term && s.state.role == Follower {
				s.answered(from, answer, err)
			} else if s.state.role == Follower {
				s.fill.asking = false
				s.ask() // the question was one to an earlier owner
			}
			s.arm()
		})
	})
}

// query asks a question and returns who has answered what.
func (n *Node) query(ctx context.Context, subject string, q wire.Question) (from string, term uint64, err error) {
	pieces, err := n.encode(subject, q)
	if err != nil {
		return "", 0, err
	}
	data, err := n.bus.Request(ctx, subject, pieces[0])
	if err != nil {
		return "", 0, err
	}
	m, err := n.decode(subject, data)
	if err != nil || m == nil {
		return "", 0, err
	}
	answer, _ := m.Body.(wire.Answer)
	return m.From, answer.Term, nil
}

// answered acts on the answer to a question. The page comes by itself.
func (s *seat) answered(from string, term uint64, err error) {
	f := s.fill
	if !f.asking {
		return // the page was faster
	}
	st := &s.state
	switch {
	case err == nil && from == st.owner && term == st.term:
		f.hear(s.node.now())
		f.denied, f.pageBy = 0, f.heard+pageTimeout
		return
	case err == nil && term > st.term:
		f.asking = false
		s.apply(heard{from, term})
		return
	case err == nil, errors.Is(err, ErrNoResponders):
		f.denied++
	}
	s.askLater()
	if f.denied >= mostDenied {
		f.denied = 0
		s.apply(ownerDenied{st.owner, st.term})
	}
}

// askLater asks again after a while, because a question brought nothing.
func (s *seat) askLater() {
	f := s.fill
	f.asking, f.pageBy = false, 0
	f.askAt = s.node.now() + min(firstAsk<<f.tries, mostAsk)
	f.tries = min(f.tries+1, 10)
}

// take adds a page of the owner. asked says that the page answers a question.
func (s *seat) take(from string, p *fanout.Page, asked bool) {
	if p.Term > s.state.term {
		s.apply(heard{from, p.Term})
	}
	if st := &s.state; st.role != Follower || p.Term != st.term || from != st.owner || s.left.Load() {
		return
	}
	s.fill.hear(s.node.now())
	s.age(p)
	ok := s.member.Take(p)
	if asked {
		s.taken(p, ok)
	} else {
		s.fill.learn(wire.End{Term: p.Term, Epoch: p.Epoch, Next: p.Offset + uint64(len(p.Events)), Version: p.Version})
		if !ok {
			s.gap()
		}
	}
	s.arm()
}

// taken goes on after the page of a question.
func (s *seat) taken(p *fanout.Page, ok bool) {
	f := s.fill
	if !ok {
		if s.askLater(); f.tries < mostAtOnce { // the place is another one now
			s.ask()
		}
		return
	}
	s.node.hooks.filled(len(p.Events))
	f.asking, f.pageBy, f.tries = false, 0, 0
	if p.More || f.again && s.behind() {
		s.ask()
		return
	}
	f.again, f.full = false, true
}

// gap asks for what the replica lacks.
func (s *seat) gap() {
	if s.fill.full {
		s.fill.full = false
		s.node.hooks.gap()
	}
	s.ask()
}

// behind reports whether the owner has published what the replica lacks.
func (s *seat) behind() bool {
	end, place := &s.fill.end, s.member.Place()
	return end.Term == s.state.term &&
		(place.Epoch != end.Epoch || place.Next < end.Next || place.Version != end.Version || place.Term < end.Term)
}

// compare has what an owner says of its end compared with the replica's place, when pages that are on their way have come.
func (s *seat) compare(from string, end wire.End) {
	if end.Term > s.state.term {
		s.apply(heard{from, end.Term})
	}
	if st := &s.state; st.role != Follower || end.Term != st.term || from != st.owner || s.left.Load() {
		return
	}
	s.fill.hear(s.node.now())
	s.fill.learn(end)
	if !s.fill.asking && s.fill.checkAt == 0 && s.behind() {
		s.fill.checkAt = s.node.now() + settleFor
		s.arm()
	}
}

// expireFill does what is due.
func (s *seat) expireFill(now time.Duration) {
	f := s.fill
	if f == nil {
		return
	}
	if f.pageBy != 0 && f.pageBy <= now {
		s.askLater()
	}
	if f.checkAt != 0 && f.checkAt <= now {
		if f.checkAt = 0; s.state.role == Follower && !s.left.Load() && s.behind() {
			s.gap()
		}
	}
	if f.askAt != 0 && f.askAt <= now {
		f.askAt = 0
		s.ask()
	}
}

// expireSilence asks an owner that says nothing of the key: it may own the key no more, and have lost the way to say so. One that
// does not answer either, for as long again, counts as dead: whatever answers for it is no replica of the cluster.
func (s *seat) expireSilence(now time.Duration) {
	f := s.fill
	if s.state.role != Follower || f.asking || now < f.heard+silentFor {
		return
	}
	f.heard = now
	if f.silent++; f.silent < mostSilent {
		s.ask()
		return
	}
	f.silent = 0
	s.apply(ownerDenied{s.state.owner, s.state.term})
}

// age tells how old the newest event of a page is.
func (s *seat) age(p *fanout.Page) {
	if n := len(p.Events); n > 0 && s.fill.full {
		s.node.hooks.aged(time.Since(p.Events[n-1].At))
	}
}
