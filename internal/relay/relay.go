// Package relay is the network between two processes, and its faults: a TCP proxy that cuts connections, delays or holds what it
// forwards, stops forwarding without a word, and accepts connections for which it then does nothing.
package relay

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Relay forwards each connection that it accepts to a target. Its methods may be called concurrently.
type Relay struct {
	target   string
	listener net.Listener
	dialer   net.Dialer
	delay    atomic.Int64 // a time.Duration
	running  sync.WaitGroup

	mu    sync.Mutex
	links map[*link]struct{}          // guarded by mu
	mute  bool                        // guarded by mu
	ended bool                        // guarded by mu
	holds map[Direction]chan struct{} // guarded by mu; closed when what is held in a direction goes on
}

// Direction is a way through a relay.
type Direction uint8

// These are the directions.
const (
	ToTarget   Direction = iota // what the target is sent
	FromTarget                  // what the target sends
)

// buffer is how many bytes the kernel takes from the target for a relay that does not read: few, so that the target notices.
const buffer = 4 << 10

// New returns a relay on loopback, which must be closed.
func New(ctx context.Context, target string) (*Relay, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &Relay{target: target, listener: listener, links: map[*link]struct{}{}, holds: map[Direction]chan struct{}{}}
	r.dialer.Control = func(_, _ string, raw syscall.RawConn) (err error) {
		return errors.Join(raw.Control(func(fd uintptr) {
			err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, buffer)
		}), err)
	}
	r.running.Go(r.accept)
	return r, nil
}

// Address is where the relay listens.
func (r *Relay) Address() string { return r.listener.Addr().String() }

// Delay makes everything arrive so much later, from now on.
func (r *Relay) Delay(d time.Duration) { r.delay.Store(int64(d)) }

// Mute makes the relay accept new connections and do nothing for them, ever. With false, later connections are forwarded.
func (r *Relay) Mute(mute bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.mute = mute
}

// Hold keeps what goes in a direction, on all connections, or lets it go on. Nothing is lost, as where a network loses the packets
// of one direction for a while and TCP sends them again. The end of a connection is held too.
func (r *Relay) Hold(d Direction, hold bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	held := r.holds[d]
	switch {
	case hold && held == nil:
		r.holds[d] = make(chan struct{})
	case !hold && held != nil:
		close(held)
		r.holds[d] = nil
	}
}

// held returns the channel that is closed when what goes in a direction is not held any more; nil where it is not held.
func (r *Relay) held(d Direction) <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.holds[d]
}

// Freeze stops the forwarding on all present connections for ever, and closes none: also what one end closes stays open at the
// other. It returns how many there are.
func (r *Relay) Freeze() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	for l := range r.links {
		l.freeze()
	}
	return len(r.links)
}

// Cut resets all connections at both ends, and returns how many there were.
func (r *Relay) Cut() int { return r.endAll(true) }

// Shut closes all connections at both ends, in the middle of whatever they carry, and returns how many there were.
func (r *Relay) Shut() int { return r.endAll(false) }

func (r *Relay) endAll(reset bool) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := len(r.links)
	for l := range r.links {
		l.end(reset)
		delete(r.links, l)
	}
	return n
}

// Close resets all connections and ends the relay.
func (r *Relay) Close() error {
	r.mu.Lock()
	r.ended = true
	r.mu.Unlock()
	err := r.listener.Close()
	r.Cut()
	r.running.Wait()
	return err
}

func (r *Relay) accept() {
	for {
		near, err := r.listener.Accept()
		if err != nil {
			return
		}
		r.running.Go(func() { r.connect(near.(*net.TCPConn)) })
	}
}

// connect forwards a connection.
func (r *Relay) connect(near *net.TCPConn) {
	l := &link{near: near, frozen: make(chan struct{}), ended: make(chan struct{}), relay: r}
	if !r.add(l) {
		_ = near.Close()
		return
	}
	if !l.isFrozen() {
		far, err := r.dialer.Dial("tcp4", r.target)
		if err != nil {
			r.remove(l, true)
			return
		}
		if !l.reach(far.(*net.TCPConn)) {
			_ = far.Close() // the link was cut meanwhile
		}
	}
	l.run()
	r.remove(l, false)
}

// add adds a link, frozen where the relay is mute.
func (r *Relay) add(l *link) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended {
		return false
	}
	if r.mute {
		l.freeze()
	}
	r.links[l] = struct{}{}
	return true
}

// remove ends a link.
func (r *Relay) remove(l *link, reset bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	l.end(reset)
	delete(r.links, l)
}

// link is one connection and the one that it is forwarded to.
type link struct {
	near   *net.TCPConn
	frozen chan struct{} // closed when nothing is forwarded any more
	ended  chan struct{} // closed when both ends are closed
	relay  *Relay

	mu  sync.Mutex
	far *net.TCPConn // nil while there is none; guarded by mu
}

func (l *link) isFrozen() bool {
	select {
	case <-l.frozen:
		return true
	default:
		return false
	}
}

// freeze is called with the relay's lock held.
func (l *link) freeze() {
	if !l.isFrozen() {
		close(l.frozen)
	}
}

// reach sets the other end. It reports false where the link has ended.
func (l *link) reach(far *net.TCPConn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-l.ended:
		return false
	default:
		l.far = far
		return true
	}
}

// end closes both ends once.
func (l *link) end(reset bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-l.ended:
		return
	default:
	}
	close(l.ended)
	for _, conn := range []*net.TCPConn{l.near, l.far} {
		if conn == nil {
			continue
		}
		if reset {
			_ = conn.SetLinger(0)
		}
		_ = conn.Close()
	}
}

// run forwards in both directions until one end closes, or the link ends. A frozen link lasts until it is ended.
func (l *link) run() {
	l.mu.Lock()
	far := l.far
	l.mu.Unlock()
	if far != nil {
		over := make(chan struct{}, 2)
		go func() { l.forward(ToTarget, far, l.near); over <- struct{}{} }()
		go func() { l.forward(FromTarget, l.near, far); over <- struct{}{} }()
		<-over
		defer func() { l.end(false); <-over }()
	}
	if l.isFrozen() {
		<-l.ended
	}
}

// chunk is how much is forwarded at once.
const chunk = 32 << 10

// piece is what was read at a time.
type piece struct {
	data []byte
	due  time.Time
}

// forward copies from one end to the other, each piece after the delay, and when the direction is not held.
func (l *link) forward(way Direction, to, from *net.TCPConn) {
	pieces := make(chan piece, 64)
	var writing sync.WaitGroup
	writing.Go(func() {
		for p := range pieces {
			if !l.wait(time.Until(p.due)) || !l.pass(way) {
				continue
			}
			if _, err := to.Write(p.data); err != nil {
				l.end(false)
			}
		}
	})
	defer writing.Wait()
	defer close(pieces)
	buf := make([]byte, chunk)
	for !l.isFrozen() {
		n, err := from.Read(buf)
		if n > 0 {
			p := piece{append([]byte(nil), buf[:n]...), time.Now().Add(time.Duration(l.relay.delay.Load()))}
			select {
			case pieces <- p:
			case <-l.frozen:
			case <-l.ended:
			}
		}
		if err != nil {
			return
		}
	}
}

// wait waits, and reports false where the link is frozen or has ended.
func (l *link) wait(d time.Duration) bool {
	if l.isFrozen() {
		return false
	}
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-l.frozen:
		return false
	case <-l.ended:
		return false
	}
}

// pass waits while a direction is held, and reports false where the link is frozen or has ended.
func (l *link) pass(way Direction) bool {
	for {
		held := l.relay.held(way)
		if held == nil {
			return true
		}
		select {
		case <-held:
		case <-l.frozen:
			return false
		case <-l.ended:
			return false
		}
	}
}
