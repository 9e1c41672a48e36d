package peer

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/grpcsse/grpcsse/bench/internal/certificate"
	"github.com/grpcsse/grpcsse/bench/internal/event"
)

// testRing returns a ring. Where the machine forbids io_uring, the test is skipped. .ci/run says so.
func testRing(t *testing.T) *ring {
	t.Helper()
	r, err := newRing()
	if err != nil {
		t.Skipf("this machine has no io_uring: %v", err)
	}
	t.Cleanup(r.close)
	return r
}

// pairs returns browsers, and the other ends of their connections.
func pairs(t *testing.T, count int) (near []browser, far []socket) {
	t.Helper()
	for range count {
		fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		require.NoError(t, err)
		t.Cleanup(func() { _ = unix.Close(fds[1]) })
		near, far = append(near, browser{socket: socket(fds[0]), over: socket(fds[0])}), append(far, socket(fds[1]))
	}
	return near, far
}

// All loops do the same: each browser gets all bytes of each event, and one that is full or gone is sent away, and no other.
func TestBareLoopsSendAwayWhoIsBehind(t *testing.T) {
	for name, ring := range map[string]func(*testing.T) *ring{
		"write":    func(*testing.T) *ring { return nil },
		"io_uring": testRing,
	} {
		t.Run(name, func(t *testing.T) {
			const count, gone, full = 2*batch + 10, 3, batch + 1
			r := &Raw{ring: ring(t)}
			var far []socket
			r.browsers, far = pairs(t, count)
			defer func() {
				for _, b := range r.browsers {
					_ = b.socket.Close()
				}
			}()
			require.NoError(t, far[gone].Close())
			for filled := false; !filled; {
				_, err := r.browsers[full].over.Write(make([]byte, 4<<10))
				filled = err != nil
			}
			for _, block := range []string{"a\n\n", "bb\n\n", ":\n"} {
				r.send([]byte(block), block != ":\n")
			}
			assert.Len(t, r.browsers, count-2)
			want := "3\r\na\n\n\r\n4\r\nbb\n\n\r\n2\r\n:\n\r\n"
			for i, s := range far {
				if i == gone || i == full {
					continue
				}
				got := make([]byte, 100)
				n, err := s.Read(got)
				require.NoError(t, err, i)
				assert.Equal(t, want, string(got[:n]), i)
			}
			assert.Equal(t, "4\r\nbb\n\n\r\n", string(r.latest), "a newcomer gets the newest event, and no heartbeat")
		})
	}
}

// A loop whose ring has failed sends all away, so that the run is void and not too good.
func TestAFailedRingVoidsTheRun(t *testing.T) {
	r := &Raw{ring: testRing(t)}
	r.browsers, _ = pairs(t, batch+1)
	fd := r.ring.fd
	r.ring.fd = -1
	r.send([]byte("a\n\n"), true)
	r.ring.fd = fd
	assert.Empty(t, r.browsers)
}

// A browser of each loop gets a response with the events, over TLS where the loop has that.
func TestBareLoopsAnswer(t *testing.T) {
	producer := Producer{Shape: event.NewShape(8), Flow: event.Flow{Rate: 50}}
	directory := t.TempDir()
	require.NoError(t, certificate.Write(directory))
	pair, err := tls.LoadX509KeyPair(filepath.Join(directory, certificate.Certificate), filepath.Join(directory, certificate.Key))
	require.NoError(t, err)
	for name, c := range map[string]struct {
		raw    *Raw
		secure bool
	}{
		"write": {NewRaw(producer), false},
		"TLS":   {NewRawTLS(producer, pair), true},
	} {
		t.Run(name, func(t *testing.T) { assertAnswers(t, c.raw, c.secure) })
	}
	t.Run("io_uring", func(t *testing.T) {
		raw := NewRaw(producer)
		raw.ring = newRingForServe(t)
		assertAnswers(t, raw, false)
	})
}

// newRingForServe returns a ring that Serve closes.
func newRingForServe(t *testing.T) *ring {
	t.Helper()
	testRing(t)
	r, err := newRing()
	require.NoError(t, err)
	return r
}

// assertAnswers serves one browser, which reads three events.
func assertAnswers(t *testing.T, raw *Raw, secure bool) {
	t.Helper()
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- raw.Serve(ctx, listener.(*net.TCPListener)) }()
	defer func() {
		cancel()
		assert.ErrorIs(t, <-ended, context.Canceled)
	}()
	conn, err := net.DialTimeout("tcp4", listener.Addr().String(), 5*time.Second)
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(5*time.Second)))
	if secure {
		conn = tls.Client(conn, &tls.Config{InsecureSkipVerify: true})
	}
	_, err = io.WriteString(conn, "GET /watch/all HTTP/1.1\r\nHost: a\r\n\r\n")
	require.NoError(t, err)
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	assert.Equal(t, "text/event-stream", response.Header.Get("Content-Type"))
	lines := bufio.NewScanner(response.Body)
	var next uint64
	for events := 0; events < 3 && lines.Scan(); {
		data, ok := bytes.CutPrefix(lines.Bytes(), []byte("data: "))
		if !ok {
			continue
		}
		number, _, ok := event.Read(data)
		require.True(t, ok, "%s", data)
		if events > 0 {
			assert.Equal(t, next, number)
		}
		next, events = number+1, events+1
	}
	assert.NoError(t, lines.Err())
	assert.Positive(t, next)
}
