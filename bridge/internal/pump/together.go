package pump

import (
	"cmp"
	"errors"
	"os"

	"github.com/grpcsse/grpcsse/bridge/internal/uring"
)

// Writing says how loops write to their connections.
type Writing struct {
	// Ring makes what writes to so many connections with one system call, as [uring.New] does. Where it is nil, loops write to one
	// connection after the other.
	Ring func(sends int) (*uring.Ring, error)
	// Alone is called once for each loop for which Ring returns an error, or whose ring fails later. From then on the loop writes to
	// one connection after the other. It is called by NewLoops or by the loop, and must not wait. It may be nil.
	Alone func(err error)

	fewest int // how many flights a ring writes at least; fewestTogether where 0
}

// fewestTogether is how many flights a ring writes at least. Fewer ones are cheaper one by one.
const fewestTogether = 4

// ring sends to many sockets at once. See [uring.Ring].
type ring interface {
	Send(sends []uring.Send) error
	Close()
}

// companion is a socket that can be written to together with others.
type companion interface {
	socket
	// descriptor returns the file descriptor that takes what load returns, or noDescriptor.
	descriptor() int32
	// load returns what is sent for a flight. Then landed is called, unless load notes an error in the flight.
	load(f *flight) (pieces [][]byte)
	// transmit sends what load has returned, without a ring.
	transmit(pieces [][]byte) (n int, err error)
	// landed notes in the flight what [socket].Write would have returned, where so many bytes were taken of what load has returned.
	landed(f *flight, n int, err error)
}

// noDescriptor stands for the descriptor of a socket that has none.
const noDescriptor = -1

// together is the writer that writes many flights with one system call.
type together struct {
	ring   ring // nil once it has failed
	fewest int
	alone  func(err error)
	sends  []uring.Send
	by     []sender // of each of sends
}

// sender is who sends for a flight.
type sender struct {
	flight *flight
	socket companion
}

// write implements [writer].
func (t *together) write(flights []flight) {
	if t.ring == nil || len(flights) < t.fewest {
		oneByOne{}.write(flights)
		return
	}
	t.sends, t.by = t.sends[:0], t.by[:0]
	for i := range flights {
		t.add(&flights[i])
	}
	if len(t.sends) > 0 {
		t.send()
	}
	clear(t.sends) // they would keep pieces
	clear(t.by)
}

// add has the ring send a flight, or writes the flight where the ring cannot.
func (t *together) add(f *flight) {
	socket, ok := f.p.sock.(companion)
	if !ok {
		f.writeAlone()
		return
	}
	f.n, f.pending, f.err = 0, false, nil
	pieces := socket.load(f)
	if f.err != nil {
		return
	}
	who, fd := sender{f, socket}, socket.descriptor()
	if fd == noDescriptor {
		who.sendAlone(pieces)
		return
	}
	t.sends = append(t.sends, uring.Send{FD: int(fd), Pieces: pieces})
	t.by = append(t.by, who)
}

// send sends all that was added.
func (t *together) send() {
	failed := t.ring.Send(t.sends)
	for i := range t.sends {
		s, who := &t.sends[i], t.by[i]
		switch {
		case errors.Is(s.Err, uring.ErrNotSent):
			who.sendAlone(s.Pieces)
		case errors.Is(s.Err, uring.ErrUnknown): // the kernel may still read the memory
			who.flight.batch, who.flight.record, who.flight.one[0] = batch{}, nil, nil
			who.flight.n, who.flight.pending, who.flight.err = 0, false, s.Err
		default:
			who.socket.landed(who.flight, s.Taken, writeError(s.Err))
		}
	}
	if failed != nil {
		t.close()
		t.ring = nil
		t.alone(failed)
	}
}

// sendAlone sends pieces without the ring.
func (s sender) sendAlone(pieces [][]byte) {
	n, err := s.socket.transmit(pieces)
	s.socket.landed(s.flight, n, err)
}

// writeError returns the error of a write to a socket.
func writeError(err error) error { return os.NewSyscallError("write", err) }

// close implements [writer].
func (t *together) close() {
	if t.ring != nil {
		t.ring.Close()
	}
}

// newWriter returns the writer of one loop. alone is called where a ring cannot be had, or fails.
func (w Writing) newWriter(alone func(err error)) writer {
	if w.Ring == nil {
		return oneByOne{}
	}
	r, err := w.Ring(flightsAtOnce)
	if err != nil {
		alone(err)
		return oneByOne{}
	}
	return &together{ring: r, fewest: cmp.Or(w.fewest, fewestTogether), alone: alone}
}
