package fanout

import (
	"time"

	"github.com/grpcsse/grpcsse/bridge/internal/ending"
)

// Hooks are called when something happens to a stream, with the label of the stream. Any may be nil. They are called
// concurrently, some with locks held. A hook must neither wait nor call the registry.
type Hooks struct {
	Opened  func(label string) // a stream began
	Ended   func(label string) // a stream is over, and its upstream is no longer read
	Evicted func(label string) // a stream without subscribers ends before its time, to make room
	Skipped func(label string) // a slow subscriber goes on as a newcomer
	// Superseded is called for events that subscribers were not given, because a newer event of the same subject was in the same
	// round. n is how many they were since the last call, for all subscribers together.
	Superseded func(label string, n int)
	IDLeftOut  func(label string) // an event has an id that cannot be sent

	Reopened func(label string, by ending.Code) // the upstream of a stream, which ended with a code, is opened again

	// Resumed is called for a subscriber that came with an id, when it is known how the subscriber goes on. Reset is called when a
	// subscriber was told a reset.
	Resumed func(label string, how ending.Resumed)
	Reset   func(label string, why ending.Reset)

	CatchUpBegan func(label string)                                        // the upstream of a catch-up is opened
	CatchUpEnded func(label string, outcome Outcome, lasted time.Duration) // called once after each CatchUpBegan
}

// Outcome says how a catch-up ended.
type Outcome string

const (
	CaughtUp       Outcome = "met"       // its events have met the log
	CaughtUpQuiet  Outcome = "quiet"     // nothing followed the id for long enough
	CursorInvalid  Outcome = "invalid"   // the upstream refused the id
	CatchUpExpired Outcome = "expired"   // it has not met the log in time
	CatchUpOver    Outcome = "ended"     // its upstream ended, and so did the stream
	TooMuchMissed  Outcome = "too_large" // it brought more than the log may hold
	NoRoom         Outcome = "no_room"   // the registry's limit of bytes was reached
	CatchUpLeft    Outcome = "left"      // its last subscriber left
)

func (h *Hooks) opened(st *stream)    { call(h.Opened, st) }
func (h *Hooks) ended(st *stream)     { call(h.Ended, st) }
func (h *Hooks) evicted(st *stream)   { call(h.Evicted, st) }
func (h *Hooks) skipped(st *stream)   { call(h.Skipped, st) }
func (h *Hooks) idLeftOut(st *stream) { call(h.IDLeftOut, st) }

func (h *Hooks) superseded(st *stream, n int) {
	if h.Superseded != nil {
		h.Superseded(st.settings.Label, n)
	}
}

func (h *Hooks) reopened(st *stream, by ending.Code) {
	if h.Reopened != nil {
		h.Reopened(st.settings.Label, by)
	}
}

func (h *Hooks) resumed(st *stream, how ending.Resumed) {
	if h.Resumed != nil {
		h.Resumed(st.settings.Label, how)
	}
}

func (h *Hooks) reset(st *stream, why ending.Reset) {
	if h.Reset != nil {
		h.Reset(st.settings.Label, why)
	}
}

func (h *Hooks) catchUpBegan(st *stream) { call(h.CatchUpBegan, st) }

func (h *Hooks) catchUpEnded(st *stream, outcome Outcome, lasted time.Duration) {
	if h.CatchUpEnded != nil {
		h.CatchUpEnded(st.settings.Label, outcome, lasted)
	}
}

func call(hook func(label string), st *stream) {
	if hook != nil {
		hook(st.settings.Label)
	}
}
