package cluster

import (
	"context"
	"errors"
	"slices"
	"time"
	"unique"

	"github.com/grpcsse/grpcsse/bridge/internal/fanout"
	"github.com/grpcsse/grpcsse/bridge/internal/wire"
)

const (
	pageLimit     = 256 << 10 // bytes of a page
	mostFollowers = 1024      // that an owner remembers for a key
	lastPages     = 64        // that an owner publishes at most when it leaves
)

// publisher is how an owner brings what it reads to the followers. It publishes only while there are some.
type publisher struct {
	followers []knownFollower
	published fanout.Place  // how far the key is published
	lately    time.Duration // when something was published
	stop      func()        // ends the watch of the member; nil: the key is not published
}

// knownFollower is a replica that follows a key. A list of them takes less memory than a map, and most keys have few.
type knownFollower struct {
	replica unique.Handle[string]
	heard   time.Duration // when it was last heard of
}

// announce tells all that the replica owns the key.
func (s *seat) announce() {
	page := s.member.Page(s.member.Place(), pageLimit)
	s.node.send(subjectEvents(s.name), wire.Page{Name: s.name, Page: page})
	if s.stop != nil {
		s.publish()
	}
}

// question answers a follower: whether the replica owns the key, and if so with a page.
func (s *seat) question(from string, place fanout.Place, reply func([]byte) error) {
	answer := wire.Answer{}
	owns := s.state.role == Owner && !s.left.Load()
	if owns {
		answer.Term = s.state.term
	}
	subject := subjectLog(s.name)
	if pieces, err := s.node.encode(subject, answer); err == nil && reply != nil {
		_ = reply(pieces[0]) // where the reply is lost, the follower asks again
	}
	if !owns {
		return
	}
	page := s.member.Page(place, pageLimit)
	s.followed(from)
	s.node.send(subjectIn(from), wire.Page{Name: s.name, Page: page})
}

// notify has the shard publish. It may be called with locks held.
func (s *seat) notify() {
	if !s.changed.Swap(true) {
		s.shard.box.call(s)
	}
}

// followed notes that a replica follows the key, and has the key published. The replica may lack what came before: it asks when a
// page or a beat shows that.
func (s *seat) followed(from string) {
	if s.state.role != Owner {
		return
	}
	s.setWanted(true)
	now, replica := s.node.now(), unique.Make(from)
	for i := range s.followers {
		if f := &s.followers[i]; f.replica == replica {
			f.heard = now
			return
		}
	}
	if len(s.followers) < mostFollowers {
		s.followers = append(s.followers, knownFollower{replica, now})
	}
	if s.stop == nil && !s.left.Load() {
		s.published, s.lately = s.member.Place(), s.node.now()
		s.stop = s.member.Watch(s.notify)
		s.notify() // what came meanwhile
	}
}

// lose notes that a replica does not follow the key any more.
func (s *seat) lose(from string) {
	s.followers = slices.DeleteFunc(s.followers, func(f knownFollower) bool { return f.replica.Value() == from })
	s.rest()
	s.poll.Store(true)
	s.pollWant()
}

// expireFollowers forgets followers that say nothing any more.
func (s *seat) expireFollowers(now time.Duration) {
	s.followers = slices.DeleteFunc(s.followers, func(f knownFollower) bool { return now >= f.heard+followerExpiry })
	s.rest()
}

// rest ends the publishing of the key where no replica follows it.
func (s *seat) rest() {
	if len(s.followers) == 0 {
		s.unpublish()
	}
}

func (s *seat) unpublish() {
	if s.stop != nil {
		s.stop()
		s.stop = nil
	}
	s.followers = nil
}

// publish publishes one page of what is new, and has the seat visited again where there is more.
func (s *seat) publish() {
	if s.state.role != Owner || s.stop == nil || s.left.Load() {
		return
	}
	if s.publishPage() {
		s.notify()
	}
}

// publishPage publishes what is new, and reports whether there is more.
func (s *seat) publishPage() (more bool) {
	page := s.member.Page(s.published, pageLimit)
	from := &s.published
	if len(page.Events) == 0 && page.Condition == nil && page.Epoch == from.Epoch && page.Offset == from.Next {
		return false
	}
	s.node.send(subjectEvents(s.name), wire.Page{Name: s.name, Page: page})
	*from = page.Behind()
	s.member.Published(*from)
	s.lately = s.node.now()
	return page.More
}

// publishLast publishes what is left when the replica leaves.
func (s *seat) publishLast() {
	if s.state.role != Owner || s.stop == nil {
		return
	}
	for range lastPages {
		if !s.publishPage() {
			return
		}
	}
}

// pollWant asks the other replicas whether they follow the key, where the owner itself has no subscribers.
func (s *seat) pollWant() {
	if s.polling { // it is asked again afterwards, since what is known then may be older than the wish to know
		return
	}
	s.poll.Store(false)
	if s.state.local || s.state.role != Owner {
		return
	}
	s.polling = true
	began := s.node.now()
	s.node.asks.run(func() {
		ctx, cancel := context.WithTimeout(s.node.ctx, requestTimeout)
		defer cancel()
		_, err := s.node.bus.Request(ctx, subjectWant(s.name), nil)
		s.node.gate()
		s.shard.box.post(func() {
			s.polling = false
			s.setWanted(!errors.Is(err, ErrNoResponders) || s.heardSince(began))
			if s.poll.Load() {
				s.pollWant()
			}
		})
	})
}

// heardSince reports whether a follower was heard of since a time.
func (s *seat) heardSince(began time.Duration) bool {
	return slices.ContainsFunc(s.followers, func(f knownFollower) bool { return f.heard >= began })
}
