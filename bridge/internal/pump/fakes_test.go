package pump

import (
	"bytes"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/grpcsse/grpcsse/bridge/internal/ending"
)

// write is one write that a client received.
type write struct {
	at   time.Duration // since the client came
	text string
}

// client takes as many bytes as it has room for. It is the other end of a connection of either kind.
type client struct {
	began time.Time
	since func() time.Duration // the present time; counted from began where nil
	mu    sync.Mutex
	grown sync.Cond // signals that there is room again, or that the connection was given up

	room    int // how many bytes the client takes; no limit where negative
	took    int // how many bytes of the last write it took
	writes  []write
	broken  error // the error of writes to the client
	waiting int   // how many of the bytes that it took are still on their way
	sent    []byte
	fault   error // what the kernel reports about its connection
	left    bool  // whether the client has closed its side
	aborted bool

	control Control
	inbox   *inbox // the inbox of the loop that serves the client, if any
	key     key
	closed  []closing
}

func newClient() *client {
	c := &client{began: time.Now(), room: -1}
	c.grown.L = &c.mu
	return c
}

// take adds to what the client has received, and returns how many bytes of the pieces it took.
func (c *client) take(pieces [][]byte) int {
	all := bytes.Join(pieces, nil)
	if c.room >= 0 {
		all = all[:min(len(all), c.room)]
		c.room -= len(all)
	}
	c.writes = append(c.writes, write{c.age(), string(all)})
	return len(all)
}

func (c *client) age() time.Duration {
	if c.since != nil {
		return c.since()
	}
	return time.Since(c.began)
}

func (c *client) seen() []write {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.writes)
}

func (c *client) text() string {
	var all strings.Builder
	for _, w := range c.seen() {
		all.WriteString(w.text)
	}
	return all.String()
}

// setRoom has the client take n bytes more, or any number where n is negative.
func (c *client) setRoom(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.room = n
	c.grown.Broadcast()
	if c.inbox != nil && n != 0 {
		c.tell(event{key: c.key, writable: true})
	}
}

// leave closes the client's side of a parked connection, or breaks it.
func (c *client) leave(fault error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fault, c.left = fault, true
	c.tell(event{key: c.key, left: true})
}

// tell puts an event into the inbox, if the loop watches the client already.
func (c *client) tell(e event) {
	if c.key == (key{}) {
		return
	}
	c.inbox.put(func(m *mail) { m.events = append(m.events, e) })
}

// fakeSocket is the client's connection as a loop sees it.
type fakeSocket struct{ *client }

func (f fakeSocket) Watch(k key) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.key = k
	f.tell(event{key: k, writable: true, left: f.left}) // as the kernel does
	return nil
}

func (f fakeSocket) Write(pieces [][]byte, _ bool) (n int, pending bool, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.broken != nil {
		return 0, false, f.broken
	}
	if f.room == 0 {
		return 0, false, nil
	}
	return f.take(pieces), false, nil
}

func (f fakeSocket) Waiting() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.waiting
}

func (f fakeSocket) WatchAll(k key) error { return f.Watch(k) }

// Receive finds what the client has sent.
func (f fakeSocket) Receive(p []byte, keep bool) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := copy(p, f.sent)
	if !keep {
		f.sent = f.sent[n:]
	}
	return n
}

func (f fakeSocket) Left() bool { return false }

func (f fakeSocket) Fault() error { return f.fault }

func (f fakeSocket) Close(how closing) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = append(f.closed, how)
}

// fakeConn is the client's connection as Run sees it.
type fakeConn struct {
	*client
	timeout time.Duration
}

func (f fakeConn) Write(pieces ...[]byte) error {
	late := false
	timer := time.AfterFunc(f.timeout, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		late = true
		f.grown.Broadcast()
	})
	defer timer.Stop()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.took = 0
	for all := bytes.Join(pieces, nil); ; {
		switch {
		case f.broken != nil:
			return f.broken
		case late:
			return os.ErrDeadlineExceeded
		case f.aborted:
			return ErrAborted
		case f.room != 0:
			n := f.take([][]byte{all})
			f.took += n
			if all = all[n:]; len(all) == 0 {
				return nil
			}
		default:
			f.grown.Wait()
		}
	}
}

func (f fakeConn) Taken() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.took - f.waiting
}

func (f fakeConn) Abort() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.aborted = true
	f.grown.Broadcast()
}

// because returns an ending with a reason, for tests to which only the reason matters.
func because(reason ending.Reason) *ending.Ending { return &ending.Ending{Reason: reason} }
