package sidedoor

import (
	"bufio"
	"bytes"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

const patience = 10 * time.Second

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// safe is a buffer that several goroutines write to.
type safe struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *safe) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *safe) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// open opens a door on loopback, and closes it when the test ends. It returns the address, and the log.
func open(t *testing.T, handler http.HandlerFunc) (string, *safe) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	log := &safe{}
	d := Open(t.Context(), "health", listener, handler, slog.New(slog.NewTextHandler(log, nil)))
	t.Cleanup(func() { d.Close(t.Context()) })
	return listener.Addr().String(), log
}

func hello(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }

// get sends a request on a connection of its own, and returns the status, or 0 where there is no answer.
func get(t *testing.T, address string) int {
	t.Helper()
	conn := dial(t, address)
	_, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
	require.NoError(t, err)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0
	}
	defer func() { _ = resp.Body.Close() }()
	return resp.StatusCode
}

func dial(t *testing.T, address string) net.Conn {
	t.Helper()
	conn, err := net.DialTimeout("tcp", address, patience)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
	return conn
}

// Connections that say nothing cost little, and keep no probe out.
func TestManySilentConnectionsKeepNoProbeOut(t *testing.T) {
	address, _ := open(t, hello)
	for range 4 * Connections {
		dial(t, address)
	}
	for range 3 {
		assert.Equal(t, http.StatusOK, get(t, address))
	}
}

func TestARequestIsBounded(t *testing.T) {
	address, _ := open(t, func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			w.WriteHeader(http.StatusRequestEntityTooLarge)
		}
	})
	for name, tt := range map[string]struct {
		request string
		status  int
	}{
		"a long header": {"GET / HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("x", 8*maxHeaderBytes) + "\r\n\r\n", 431},
		"a long body":   {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n" + strings.Repeat("x", 2*maxBodyBytes), 413},
		"no host":       {"GET / HTTP/1.1\r\n\r\n", 400},
	} {
		conn := dial(t, address)
		_, _ = io.WriteString(conn, tt.request) // the server may close the connection before it has read all
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		require.NoError(t, err, name)
		assert.Equal(t, tt.status, resp.StatusCode, name)
		_ = resp.Body.Close()
	}
}

// A panic ends one request. The log has it, and the next request is answered.
func TestAPanicEndsOneRequest(t *testing.T) {
	var once sync.Once
	address, log := open(t, func(w http.ResponseWriter, _ *http.Request) {
		once.Do(func() { panic("oh no") })
		hello(w, nil)
	})
	assert.Zero(t, get(t, address))
	assert.Equal(t, http.StatusOK, get(t, address))
	assert.Contains(t, log.String(), "oh no")
}

func TestADoorClosesInTime(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	entered, leave := make(chan struct{}), make(chan struct{})
	d := Open(t.Context(), "admin", listener, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(entered)
		select {
		case <-r.Context().Done():
		case <-leave:
		}
	}), slog.New(slog.DiscardHandler))
	conn := dial(t, listener.Addr().String())
	_, err = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	require.NoError(t, err)
	<-entered
	began := time.Now()
	d.Close(t.Context())
	close(leave)
	assert.Less(t, time.Since(began), patience)
	_, err = net.DialTimeout("tcp", listener.Addr().String(), patience)
	require.Error(t, err)
}
