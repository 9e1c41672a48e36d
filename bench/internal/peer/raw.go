package peer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/grpcsse/grpcsse/bench/internal/event"
)

// Raw writes ready bytes to bare sockets: one loop, one write(2) per browser and event, and nothing else. It is the floor:
// what is left is the kernel's. It does none of what a server must do: it reads no more than the end of a request, answers
// all alike, knows no timeouts, and drops who is behind.
type Raw struct {
	producer Producer

	mu       sync.Mutex
	browsers []int  // sockets; guarded by mu
	latest   []byte // guarded by mu
}

// NewRaw returns a Raw that sends what the producer makes.
func NewRaw(producer Producer) *Raw { return &Raw{producer: producer} }

// Serve accepts browsers and writes to them until ctx ends.
func (r *Raw) Serve(ctx context.Context, listener *net.TCPListener) error {
	file, err := listener.File()
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	socket := int(file.Fd()) // which makes it block
	stop := context.AfterFunc(ctx, func() { _ = unix.Shutdown(socket, unix.SHUT_RDWR) })
	defer stop()
	var producing sync.WaitGroup
	producing.Go(func() { r.producer.run(ctx, r.send) })
	defer producing.Wait()
	for {
		browser, _, err := unix.Accept4(socket, unix.SOCK_CLOEXEC)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, unix.EINTR), errors.Is(err, unix.ECONNABORTED):
			continue
		case err != nil:
			return fmt.Errorf("accept: %w", err)
		}
		if err := r.admit(browser); err != nil {
			_ = unix.Close(browser)
		}
	}
}

// responseHead is what the loop answers everybody.
const responseHead = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\n" +
	"Transfer-Encoding: chunked\r\n\r\n"

// admit reads the request, answers it, and begins to write to the browser what all are written.
func (r *Raw) admit(browser int) error {
	limit := unix.NsecToTimeval(int64(time.Second))
	if err := unix.SetsockoptTimeval(browser, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &limit); err != nil {
		return err
	}
	if err := unix.SetsockoptInt(browser, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
		return err
	}
	if err := readRequest(browser); err != nil {
		return err
	}
	if err := unix.SetNonblock(browser, true); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := write(browser, append([]byte(responseHead), r.latest...)); err != nil {
		return err
	}
	r.browsers = append(r.browsers, browser)
	return nil
}

// readRequest reads to the end of a request's headers.
func readRequest(browser int) error {
	buf := make([]byte, 0, 16<<10)
	for !bytes.HasSuffix(buf, []byte("\r\n\r\n")) {
		n, err := unix.Read(browser, buf[len(buf):cap(buf)])
		switch {
		case errors.Is(err, unix.EINTR): // a socket with a time limit does not begin again by itself
		case err != nil:
			return err
		case n == 0:
			return errors.New("that is no request")
		}
		buf = buf[:len(buf)+max(n, 0)]
	}
	return nil
}

// send writes a block to everybody.
func (r *Raw) send(block []byte, isEvent bool) {
	chunk := event.AppendChunk(nil, block)
	r.mu.Lock()
	defer r.mu.Unlock()
	if isEvent {
		r.latest = chunk
	}
	r.browsers = slices.DeleteFunc(r.browsers, func(browser int) bool {
		if write(browser, chunk) == nil {
			return false
		}
		_ = unix.Close(browser)
		return true
	})
}

// write writes all of p at once, or fails.
func write(socket int, p []byte) error {
	n, err := unix.Write(socket, p)
	if err == nil && n < len(p) {
		err = unix.EAGAIN
	}
	return err
}
