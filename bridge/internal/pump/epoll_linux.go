package pump

import (
	"errors"
	"net"
	"os"

	"golang.org/x/sys/unix"

	"github.com/grpcsse/grpcsse/bridge/internal/rawio"
)

// epoll waits for events of one loop's sockets. Go's own poller watches the epoll descriptor, so the goroutine that waits for
// it does not hold a thread. The sockets are watched edge-triggered: a socket is reported when its state changes, and once when
// the watch begins.
type epoll struct {
	file  *os.File
	fd    int // the descriptor of file, valid until file is closed
	inbox *inbox
	done  chan struct{} // closed when the goroutine has ended
}

// newPoller returns a poller that reports to in until it is closed.
func newPoller(in *inbox) (poller, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		_ = unix.Close(fd)
		return nil, os.NewSyscallError("fcntl", err)
	}
	e := &epoll{file: os.NewFile(uintptr(fd), "epoll"), fd: fd, inbox: in, done: make(chan struct{})}
	raw, err := e.file.SyscallConn()
	if err != nil {
		_ = e.file.Close()
		return nil, err
	}
	go func() {
		defer close(e.done)
		events := make([]unix.EpollEvent, 256)
		_ = raw.Read(func(fd uintptr) bool { return e.collect(int(fd), events) }) // until the file is closed
	}()
	return e, nil
}

// collect puts all events into the inbox. It reports true once the descriptor is closed.
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
		heard:    e.Events&unix.EPOLLIN != 0,
		left:     e.Events&(unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0,
	}
}

// watch reports the events of a socket until the socket is closed. more are events beside those that every socket reports.
func (e *epoll) watch(fd int, k key, more uint32) error {
	return os.NewSyscallError("epoll_ctl", rawio.Watch(e.fd, fd, &unix.EpollEvent{
		Events: unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLET&0xffffffff | more,
		Fd:     int32(k.slot),
		Pad:    int32(k.generation),
	}))
}

// Adopt implements [poller]. It duplicates the descriptor and closes conn. So the socket alone owns its descriptor, and package
// net and Go's poller free their memory. Where no descriptor is left, the socket keeps conn and its descriptor.
func (e *epoll) Adopt(conn *net.TCPConn) (transport, error) {
	own, other, err := descriptors(conn)
	switch {
	case err != nil:
		return nil, err
	case other < 0:
		return &tcpSocket{epoll: e, fd: own, conn: conn}, nil
	}
	_ = conn.Close()
	return &tcpSocket{epoll: e, fd: other}, nil
}

// Close implements [poller].
func (e *epoll) Close() {
	_ = e.file.Close()
	<-e.done
}
