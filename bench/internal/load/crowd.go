package load

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Crowd is any number of browsers of one server. Its methods may be called concurrently, while Run runs.
type Crowd struct {
	server unix.SockaddrInet4
	host   string
	epoll  int
	wake   int // an eventfd: there are calls

	mu     sync.Mutex
	calls  []call // to be made by Run's goroutine; guarded by mu
	closed bool   // guarded by mu

	// The rest belongs to Run's goroutine.
	browsers []*browser
	opening  opening
	// returning is that there are browsers that come back.
	returning bool
	swept     time.Time // when those were looked after last
	returns   []Return
	tally     tally
	buf       []byte // what is read at once; shared by all, since what does not end in it is kept elsewhere
	visit     func(block)
	reading   struct { // what visit is about
		browser *browser
		at      int64 // when it was read, in Unix nanoseconds
	}
}

// call is a function for Run's goroutine; done is closed behind it.
type call struct {
	f    func()
	done chan struct{}
}

// readSize is how much is read from one browser before it is the next one's turn.
const readSize = 256 << 10

// New returns a crowd for the server at an IPv4 address and port.
func New(address string) (*Crowd, error) {
	server, err := socketAddress(address)
	if err != nil {
		return nil, err
	}
	c := &Crowd{server: server, host: address, buf: make([]byte, readSize), tally: newTally()}
	c.visit = c.see
	if c.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, fmt.Errorf("epoll_create: %w", err)
	}
	if c.wake, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		return nil, errors.Join(fmt.Errorf("eventfd: %w", err), unix.Close(c.epoll))
	}
	event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: waker}
	if err := unix.EpollCtl(c.epoll, unix.EPOLL_CTL_ADD, c.wake, &event); err != nil {
		return nil, errors.Join(fmt.Errorf("epoll_ctl: %w", err), unix.Close(c.wake), unix.Close(c.epoll))
	}
	return c, nil
}

// socketAddress reads an IPv4 address and port.
func socketAddress(address string) (s unix.SockaddrInet4, err error) {
	server, err := netip.ParseAddrPort(address)
	if err != nil {
		return s, err
	}
	if !server.Addr().Is4() {
		return s, fmt.Errorf("%s: an IPv4 address was expected", address)
	}
	return unix.SockaddrInet4{Port: int(server.Port()), Addr: server.Addr().As4()}, nil
}

// waker is what the eventfd has where others have their place in the list of browsers.
const waker = -1

// Run does all the work of the crowd until ctx ends, and closes it. It must be called once.
func (c *Crowd) Run(ctx context.Context) error {
	defer c.close()
	stop := context.AfterFunc(ctx, c.rouse)
	defer stop()
	ready := make([]unix.EpollEvent, 512)
	for ctx.Err() == nil {
		n, err := unix.EpollWait(c.epoll, ready, c.patience())
		if err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("epoll_wait: %w", err)
		}
		for _, event := range ready[:max(n, 0)] {
			if event.Fd == waker {
				c.answer()
				continue
			}
			c.attend(c.browsers[event.Fd])
		}
		c.sweep(time.Now())
	}
	return ctx.Err()
}

// do has Run's goroutine call f, and waits for it. It returns an error, and f may be called or not, where ctx ends before.
func (c *Crowd) do(ctx context.Context, f func()) error {
	made := call{f: f, done: make(chan struct{})}
	c.mu.Lock()
	c.calls = append(c.calls, made)
	c.mu.Unlock()
	c.rouse()
	select {
	case <-made.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// rouse makes Run look at its context, and at what it is to call.
func (c *Crowd) rouse() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		_, _ = unix.Write(c.wake, []byte{1, 0, 0, 0, 0, 0, 0, 0}) // fails only where Run is roused already
	}
}

// answer makes all calls that somebody waits for.
func (c *Crowd) answer() {
	var count [8]byte
	_, _ = unix.Read(c.wake, count[:])
	c.mu.Lock()
	calls := c.calls
	c.calls = nil
	c.mu.Unlock()
	for _, made := range calls {
		made.f()
		close(made.done)
	}
}

// close closes every connection.
func (c *Crowd) close() {
	for _, b := range c.browsers {
		c.part(b)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	_ = unix.Close(c.wake)
	_ = unix.Close(c.epoll)
}
