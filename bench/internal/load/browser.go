package load

import (
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/sys/unix"
)

// browser is one connection. It takes about 200 bytes, so that fifteen thousand of them leave the machine to the candidate.
type browser struct {
	place int32 // in the list of browsers
	topic int32 // what {n} in the path was
	fd    int32
	state browserState
	stall bool // reads nothing once the response's headers are there
	plain bool // the body has no chunks
	// opened is that one of its connections has got a stream.
	opened bool
	begun  []byte // of the response's status and headers, until they are whole
	chunks dechunker
	blocks blocks
	viewer
}

// browserState is how far a browser has come.
type browserState uint8

const (
	connecting browserState = iota
	waiting                 // for the response
	streaming
	stalled
	away // and will be back
	gone
)

// stalledBuffer is how many bytes the kernel takes for a browser that reads nothing (it doubles the number).
const stalledBuffer = 4 << 10

// connect opens b's connection; the rest follows when the kernel says that it is there.
func (c *Crowd) connect(b *browser) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("socket: %w", err)
	}
	b.fd = int32(fd)
	if b.stall {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, stalledBuffer); err != nil {
			return fmt.Errorf("receive buffer: %w", err)
		}
	}
	if err := unix.Connect(fd, &c.server); err != nil && !errors.Is(err, unix.EINPROGRESS) {
		return fmt.Errorf("connect: %w", err)
	}
	return c.watch(b, unix.EPOLL_CTL_ADD, unix.EPOLLOUT)
}

// watch changes what b is to be attended for.
func (c *Crowd) watch(b *browser, op int, events uint32) error {
	interest := unix.EpollEvent{Events: events, Fd: b.place}
	if err := unix.EpollCtl(c.epoll, op, int(b.fd), &interest); err != nil {
		return fmt.Errorf("epoll_ctl: %w", err)
	}
	return nil
}

// attend does what b is ready for.
func (c *Crowd) attend(b *browser) {
	var err error
	switch b.state {
	case connecting:
		err = c.ask(b)
	case waiting, streaming:
		err = c.receive(b)
	case stalled: // is told only that the connection is no more
		c.tally.cut++
		c.part(b)
	}
	if err != nil {
		c.lose(b, err)
	}
}

// ask sends the request, as an EventSource does.
func (c *Crowd) ask(b *browser) error {
	request, err := c.request(b)
	if err != nil {
		return err
	}
	n, err := unix.Write(int(b.fd), request)
	switch {
	case err != nil:
		return fmt.Errorf("connect: %w", err) // the first use of a socket tells how connecting went
	case n < len(request):
		return io.ErrShortWrite
	}
	b.state = waiting
	return c.watch(b, unix.EPOLL_CTL_MOD, unix.EPOLLIN)
}

// receive reads once what is there for b.
func (c *Crowd) receive(b *browser) error {
	n, err := unix.Read(int(b.fd), c.buf)
	switch {
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
		return nil
	case err != nil:
		return err
	case n == 0:
		return io.EOF
	}
	c.tally.bytes += uint64(n)
	c.reading.browser, c.reading.at = b, time.Now().UnixNano()
	if b.back != nil {
		b.back.heard = c.reading.at
	}
	p := c.buf[:n]
	if b.state == waiting {
		if p, err = c.greet(b, p); err != nil || b.state != streaming {
			return err
		}
	}
	if !b.plain {
		if p, err = b.chunks.decode(p); err != nil {
			return err
		}
	}
	c.tally.comments += uint64(b.blocks.scan(p, c.visit))
	if b.back != nil && b.chunks.done() {
		return errOver // an EventSource does not wait for the end of the connection
	}
	return nil
}

// greet takes the response's status and headers, and returns what follows them.
func (c *Crowd) greet(b *browser, p []byte) ([]byte, error) {
	if len(b.begun) > 0 {
		p = append(b.begun, p...)
	}
	h, rest, err := cutHead(p)
	switch {
	case err != nil:
		return nil, err
	case h == nil:
		b.begun = append([]byte(nil), p...)
		return nil, nil
	}
	b.begun, b.plain, b.state = nil, !h.chunked, streaming
	c.tally.connected++
	if b.stall {
		b.state = stalled
		c.tally.stalled++
		err = c.watch(b, unix.EPOLL_CTL_MOD, 0)
	}
	if b.opened {
		c.tally.life.Returned++
		return rest, err
	}
	b.opened = true
	c.opening.answered(nil)
	c.openMore()
	return rest, err
}

// see takes an event.
func (c *Crowd) see(e block) { c.reading.browser.see(e, c.reading.at, &c.tally) }

// lose is the end of a connection that the browser did not end.
func (c *Crowd) lose(b *browser, reason error) {
	state := b.state
	c.part(b)
	if b.back != nil && b.opened {
		c.sendAway(b, state, reason)
		return
	}
	if state == connecting || state == waiting {
		c.opening.answered(reason)
		c.openMore()
		return
	}
	c.tally.lost(reason)
}

// part closes the connection.
func (c *Crowd) part(b *browser) {
	if b.state == streaming || b.state == stalled {
		c.tally.connected--
	}
	if b.state == stalled {
		c.tally.stalled--
	}
	if b.state != gone && b.fd >= 0 {
		_ = unix.Close(int(b.fd))
		b.fd = -1
	}
	b.state = gone
}
