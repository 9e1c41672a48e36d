package pump

import (
	"errors"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// epoll waits for what happens to the sockets of one loop. Its goroutine waits as one that reads from a connection does: Go's
// own poller tells it that the epoll descriptor has something, so that no thread is held up. The sockets are watched for
// edges: a socket is reported when it changes, and once when the watch begins.
type epoll struct {
	file  *os.File
	fd    int // that of file, valid until that is closed
	inbox *inbox
	done  chan struct{} // closed when the goroutine has ended
}

// newPoller returns a poller that reports to in, until it is closed.
func newPoller(in *inbox) (poller, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		unix.Close(fd)
		return nil, os.NewSyscallError("fcntl", err)
	}
	e := &epoll{file: os.NewFile(uintptr(fd), "epoll"), fd: fd, inbox: in, done: make(chan struct{})}
	raw, err := e.file.SyscallConn()
	if err != nil {
		e.file.Close()
		return nil, err
	}
	go func() {
		defer close(e.done)
		events := make([]unix.EpollEvent, 256)
		_ = raw.Read(func(fd uintptr) bool { return e.collect(int(fd), events) }) // until the file is closed
	}()
	return e, nil
}

// collect reports all that has happened, and whether nothing can be expected any more.
func (e *epoll) collect(fd int, events []unix.EpollEvent) (over bool) {
	for {
		n, err := unix.EpollWait(fd, events, 0)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return true
		case n == 0:
			return false
		}
		e.inbox.put(func(m *mail) {
			for i := range events[:n] {
				m.events = append(m.events, eventOf(&events[i]))
			}
		})
	}
}

func eventOf(e *unix.EpollEvent) event {
	return event{
		key:      key{slot: uint32(e.Fd), generation: uint32(e.Pad)},
		writable: e.Events&unix.EPOLLOUT != 0,
		left:     e.Events&(unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0,
	}
}

// watch begins to report what happens to a socket; closing that ends it.
func (e *epoll) watch(fd int, k key) error {
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(e.fd, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{
		Events: unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLET&0xffffffff,
		Fd:     int32(k.slot),
		Pad:    int32(k.generation),
	}))
}

// Adopt implements [poller]: the socket has a descriptor of its own, which nobody else can close, and the memory that package
// net and Go's poller have for theirs is given back. Where no descriptor is left, it keeps the connection's.
func (e *epoll) Adopt(conn *net.TCPConn, s *Settings) (socket, error) {
	if err := tune(conn, s); err != nil {
		return nil, err
	}
	own, other, err := descriptors(conn)
	switch {
	case err != nil:
		return nil, err
	case other < 0:
		return &tcpSocket{epoll: e, fd: own, conn: conn}, nil
	}
	conn.Close()
	return &tcpSocket{epoll: e, fd: other}, nil
}

// Close implements [poller].
func (e *epoll) Close() {
	e.file.Close()
	<-e.done
}
