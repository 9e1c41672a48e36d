package load

// Faults are events that did not arrive once and in order. All must be 0.
type Faults struct {
	Lost      uint64 `json:"lost"`      // numbers that were left out, whether they came later or not
	Repeated  uint64 `json:"repeated"`  // the number of the event before, again
	Reordered uint64 `json:"reordered"` // another number that is lower than one before
}

// Any reports whether there is a fault.
func (f Faults) Any() bool { return f != Faults{} }

// ledger is what one browser must see next, also on its next connection. Its zero value takes any first number: a browser that
// joins a shared stream comes in somewhere in its middle.
type ledger struct {
	next uint64
	// kinds is how many kinds of events there are, in turn, where the server may leave out an event if a newer one of its kind follows
	// in the same round; 0 is that it may leave out none.
	kinds uint64
	// owed is how many events must follow without a gap: where events are left out, each kind has its newest one behind the gap.
	owed uint64
}

// enter holds the number of an event against the one before it, and adds what is wrong to f.
func (l *ledger) enter(number uint64, f *Faults) {
	switch {
	case l.next == 0:
	case number == l.next:
		l.owed -= min(l.owed, 1)
	case number > l.next && l.kinds > 0 && l.owed == 0:
		l.owed = l.kinds - 1
	case number > l.next:
		f.Lost += number - l.next
	case number == l.next-1:
		f.Repeated++
		return
	default:
		f.Reordered++
		return
	}
	l.next = number + 1
}

// place takes the number of the event after which the browser has its place, which the bridge tells a newcomer without an event.
func (l *ledger) place(number uint64, f *Faults) {
	switch {
	case l.next != 0 && number+1 < l.next:
		f.Reordered++
		return
	case l.next != 0:
		f.Lost += number + 1 - l.next
	}
	l.next = number + 1
}
