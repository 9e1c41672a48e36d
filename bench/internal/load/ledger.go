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
type ledger struct{ next uint64 }

// enter holds the number of an event against the one before it, and adds what is wrong to f.
func (l *ledger) enter(number uint64, f *Faults) {
	switch {
	case l.next == 0 || number == l.next:
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
