package fanout

import (
	"time"

	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/pump"
	"github.com/grpcsse/grpcsse/bridge/internal/reading"
	"github.com/grpcsse/grpcsse/bridge/internal/replay"
)

// Cluster decides which of several replicas reads the upstream of a key, and carries what that replica reads to the others.
// A registry without a Cluster is alone. Its methods may be called concurrently.
type Cluster interface {
	// Enter has the replica take part in a key. It does not wait: the cluster calls m later, from one goroutine at a time. m is
	// called first by Lead, Follow or Alone. Each key is entered at most once at a time.
	Enter(key string, m Member) Seat
	// Name returns a digest of a key, which all replicas have in common. It tells nothing of the key.
	Name(key string) string
}

// Member is a stream of a replica as the cluster sees it. No method waits for an upstream or a subscriber. The cluster calls
// them from one goroutine at a time, except Watch. After [Seat.Leave] has returned, calls change nothing. Page still answers
// then: where the upstream has ended the stream, the page has the last events and the end, although the stream is forgotten.
type Member interface {
	// Lead has the replica read the upstream, as the owner of the key in a term. A replica that reads the upstream already goes
	// on and changes its term.
	Lead(term uint64)
	// Follow has the replica stop reading the upstream: another replica owns the key. Subscribers notice nothing by themselves.
	Follow()
	// Alone has the replica read the upstream for itself, because no other replica can be asked. A replica that reads the
	// upstream already goes on.
	Alone()
	// Place returns how far the replica has what the owner reads.
	Place() Place
	// Take adds to the log what the owner has read. It is called between Follow and the next Lead or Alone. It reports false where
	// the page does not follow the replica's place: then the replica asks the owner again, with Place. Take changes the place each
	// time that it reports false for an answer to this question, so that asking ends. A page of a lower term than that of the
	// newest page is dropped, and so is one of an earlier epoch of the term: Take reports true then. Pages may come twice, out of
	// order, or not at all. The page and its events belong to the member from then on.
	Take(p *Page) bool
	// Page returns what follows a place: events of about limit bytes, or one event of any size. The owner calls it, for all
	// followers and for one that asks. For a place in another epoch, or one whose events are evicted, the page begins at the
	// oldest event that the log holds. For a place of another term, the page begins some events before the place, so that the
	// follower can compare. The events must not be changed. The next page for the same reader follows [Page.Behind].
	Page(from Place, limit int) *Page
	// Watch calls notify when Page may have something new, until stop. notify must not wait, and must not call the member. The
	// owner is watched once at a time, and only while another replica follows.
	Watch(notify func()) (stop func())
	// Published says up to which place the owner's log is published, while it is watched. Where that is far behind, the reader of
	// the upstream waits a short time.
	Published(to Place)
}

// Seat is a replica's part in a key. Its methods may be called concurrently and with locks held. None of them waits, and none
// calls the member before it returns.
type Seat interface {
	// Want says whether the replica has subscribers of the key.
	Want(local bool)
	// Wanted reports whether another replica has had subscribers of the key lately, as far as the owner knows. Where none has, last
	// is when the owner learnt that, or the zero time. It is false for a replica that is not the owner.
	Wanted() (yes bool, last time.Time)
	// Resign gives the key to another replica that wants it. The replica goes on reading until the other one has begun, and becomes
	// a follower then.
	Resign()
	// Leave ends the replica's part. An owner gives up the key. Where the owner is followed, the cluster then publishes what
	// Page has behind the last page, because this may have an end: see [Member]. The key may be entered again at once.
	Leave()
}

// Place is how far a replica has what the owner of a key reads. The zero value has nothing.
type Place struct {
	// Term is the term in which the replica's log is known to be that of the owner up to Next. 0 is none: another replica owned
	// the key when the log grew.
	Term  uint64
	Epoch string // the name of the epoch in the cluster; "" is none
	Next  uint64 // the offset of the next event
	// LastID is the id of the event before Next as it stands on the wire; "" where the log does not hold that event.
	LastID string
	// Version is the version of the newest Condition.
	Version uint64
}

// Page is part of what the owner of a key has read.
type Page struct {
	Term  uint64
	Epoch string // "" before the first epoch
	// Offset is the offset of the first event, or of the next event where the page has none.
	Offset uint64
	// Oldest says that the owner's log holds no event before Offset. A replica that has nothing begins with such a page.
	Oldest bool
	// After is the id of the event before Offset; "" where the owner's log does not hold that event.
	After string
	// Values are the last values from before Offset that a replica needs which has nothing, in the order of the log. Only a page
	// with Oldest has any. They count neither for More nor for the limit of a page: the bounds of the log bound them.
	Values []*replay.Event
	// Events are those from Offset on. Their epoch is that of the page, and [replay.Position.Epoch] in them is of no meaning.
	// Clocks of replicas differ, so what is carried of [replay.Event.At] is how long ago it was when the page was sent. The time that
	// the page takes to arrive is added up to a bound.
	Events []*replay.Event
	// Version is the version of the owner's condition. Condition is nil where the replica that is to have the page knows it.
	Version   uint64
	Condition *Condition
	// More says that more events follow than the page has.
	More bool
}

// Behind returns the place behind a page, for a reader who has had all pages up to this one.
func (p *Page) Behind() Place {
	at := Place{Term: p.Term, Epoch: p.Epoch, Next: p.Offset + uint64(len(p.Events)), LastID: p.After, Version: p.Version}
	if n := len(p.Events); n > 0 {
		at.LastID = p.Events[n-1].ID
	}
	return at
}

// Condition is what subscribers of a stream are told beside the events. Its version grows with each change in a term.
type Condition struct {
	Accepted bool // the upstream has accepted a stream
	Header   reading.Header
	Stale    bool        // there has been no upstream for some time
	By       ending.Code // with which code the upstream ended, where Stale is set
	// Sure says that the ids of the epoch are sure from the event at SureFrom on. See [sureness].
	Sure        bool
	SureFrom    uint64
	SureResumed bool
	// End is the end of the stream behind the event before EndAt, nil while the stream goes on.
	End   *pump.End
	EndAt uint64
}
