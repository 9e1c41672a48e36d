package peer

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"slices"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/grpcsse/grpcsse/bench/internal/event"
)

// Raw writes ready bytes to bare sockets: one loop, one write per browser and event, and nothing else. It is the floor: what is
// left is the kernel's, and the cipher's where there is TLS. It does none of what a server must do: it reads no more than the end
// of a request, answers all alike, knows no timeouts, and drops who is behind.
type Raw struct {
	producer Producer
	secure   *tls.Config // nil: no TLS
	ring     *ring       // nil: one system call per browser

	mu       sync.Mutex
	browsers []browser // guarded by mu
	latest   []byte    // guarded by mu
}

// browser is a browser of a bare loop.
type browser struct {
	socket socket
	over   io.Writer // the socket, or TLS over it
	failed bool      // has not taken all of an event
}

// NewRaw returns a loop that sends what the producer makes by write(2).
func NewRaw(producer Producer) *Raw { return &Raw{producer: producer} }

// NewRawTLS returns a loop that sends what the producer makes by write(2) of records of TLS, which each browser has its own of.
func NewRawTLS(producer Producer, certificate tls.Certificate) *Raw {
	return &Raw{producer: producer, secure: &tls.Config{
		Certificates: []tls.Certificate{certificate}, NextProtos: []string{"http/1.1"}, MinVersion: tls.VersionTLS13,
	}}
}

// NewRawUring returns a loop that sends what the producer makes by io_uring, to 64 browsers with one system call. It fails where
// [ProbeUring] does.
func NewRawUring(producer Producer) (*Raw, error) {
	ring, err := newRing()
	return &Raw{producer: producer, ring: ring}, err
}

// Serve accepts browsers and writes to them until ctx ends. It may be called once.
func (r *Raw) Serve(ctx context.Context, listener *net.TCPListener) error {
	file, err := listener.File()
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	door := socket(file.Fd()) // which makes it block
	stop := context.AfterFunc(ctx, func() { _ = unix.Shutdown(int(door), unix.SHUT_RDWR) })
	defer stop()
	var producing sync.WaitGroup
	producing.Go(func() { r.producer.run(ctx, r.send) })
	defer r.end(&producing)
	for {
		s, err := door.accept()
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			return err
		}
		if err := r.admit(s); err != nil {
			_ = s.Close()
		}
	}
}

// end waits for the producer, and frees the ring.
func (r *Raw) end(producing *sync.WaitGroup) {
	producing.Wait()
	if r.ring != nil {
		r.ring.close()
	}
}

// responseHead is what the loop answers everybody.
const responseHead = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\n" +
	"Transfer-Encoding: chunked\r\n\r\n"

// admit reads the request, answers it, and begins to write to the browser what all are written.
func (r *Raw) admit(s socket) error {
	var over io.ReadWriter = s
	if r.secure != nil {
		over = tls.Server(s, r.secure) // the first Read shakes hands
	}
	if err := readRequest(over); err != nil {
		return err
	}
	if err := unix.SetNonblock(int(s), true); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, err := over.Write(append([]byte(responseHead), r.latest...)); err != nil {
		return err
	}
	r.browsers = append(r.browsers, browser{socket: s, over: over})
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
	r.sendAll(chunk)
	r.browsers = slices.DeleteFunc(r.browsers, func(b browser) bool {
		if b.failed {
			_ = b.socket.Close()
		}
		return b.failed
	})
}

// sendAll sends a chunk to all browsers, and notes who has failed. Where the ring fails, all are sent away: the run is void.
func (r *Raw) sendAll(chunk []byte) {
	if r.ring == nil {
		for i := range r.browsers {
			_, err := r.browsers[i].over.Write(chunk)
			r.browsers[i].failed = err != nil
		}
		return
	}
	if err := r.ring.send(r.browsers, chunk); err != nil {
		for i := range r.browsers {
			r.browsers[i].failed = true
		}
	}
}
