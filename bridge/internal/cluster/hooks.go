package cluster

import "time"

// Hooks are called when something happens to a replica's part in a key. Any may be nil. They are called concurrently and must
// not wait.
type Hooks struct {
	Role     func(from, to Role)   // the replica has another role for a key; from or to is Gone where its part begins or ends
	TookOver func()                // the replica owns a key that another replica owned before
	Gap      func()                // a follower misses something that the owner has published, and asks for it
	Filled   func(events int)      // a follower got events that it had asked for
	Alone    func(d time.Duration) // the replica was alone with a key for so long, since the last call for the key
	// Aged tells how old the newest event of a page of the owner is. As clocks differ, the way of the page counts for 5 s at most.
	Aged func(d time.Duration)
	// Answered tells how long a replica took to answer over the bus whether it is there, or how long its answer was waited for.
	Answered func(d time.Duration)
	// Unread tells that a message of a subject of the cluster, or an entry, cannot be read. The errors are those of the codec:
	// another program, another secret or another version has written it, or a piece of it was lost.
	Unread func(err error)
	Unsent func(err error) // the codec could not write a message
}

func (h *Hooks) unread(err error) {
	if h.Unread != nil {
		h.Unread(err)
	}
}

func (h *Hooks) unsent(err error) {
	if h.Unsent != nil {
		h.Unsent(err)
	}
}

func (h *Hooks) role(from, to Role) {
	if h.Role != nil && from != to {
		h.Role(from, to)
	}
}

func (h *Hooks) tookOver() {
	if h.TookOver != nil {
		h.TookOver()
	}
}

func (h *Hooks) gap() {
	if h.Gap != nil {
		h.Gap()
	}
}

func (h *Hooks) filled(events int) {
	if h.Filled != nil && events > 0 {
		h.Filled(events)
	}
}

func (h *Hooks) alone(d time.Duration) {
	if h.Alone != nil && d > 0 {
		h.Alone(d)
	}
}

func (h *Hooks) aged(d time.Duration) {
	if h.Aged != nil {
		h.Aged(max(0, d))
	}
}

func (h *Hooks) answered(d time.Duration) {
	if h.Answered != nil {
		h.Answered(d)
	}
}
