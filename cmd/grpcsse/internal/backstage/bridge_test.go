package backstage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// fakeLife is a bridge that answers each request with its number, and writes down what is done to it.
type fakeLife struct {
	number   int
	journal  *lives
	shutdown error // of Shutdown
}

// lives begins lives, and holds what was done to them.
type lives struct {
	mu     sync.Mutex
	number int
	done   []string
	refuse error              // of Begin
	before func()             // called by Begin
	handle http.HandlerFunc   // answers requests, unless nil
	limit  time.Duration      // of the last Shutdown
	cancel context.CancelFunc // of the program
}

func (l *lives) begin(context.Context) (Life, error) {
	if l.before != nil {
		l.before()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.refuse != nil {
		return nil, l.refuse
	}
	l.number++
	return &fakeLife{number: l.number, journal: l}, nil
}

func (l *lives) note(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.done = append(l.done, fmt.Sprintf(format, args...))
}

func (l *lives) notes() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.done
}

func (f *fakeLife) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if f.journal.handle != nil {
		f.journal.handle(w, r)
		return
	}
	_, _ = fmt.Fprint(w, f.number)
}

func (f *fakeLife) Park(*http.Server) error { f.journal.note("park %d", f.number); return nil }
func (f *fakeLife) Close() error            { f.journal.note("close %d", f.number); return nil }

func (f *fakeLife) Shutdown(ctx context.Context) error {
	f.journal.note("drain %d", f.number)
	if deadline, ok := ctx.Deadline(); ok {
		f.journal.limit = time.Until(deadline)
	}
	return f.shutdown
}

// startBridge returns a bridge whose lives are fakes, and the lives.
func startBridge(t *testing.T) (*Bridge, *lives) {
	t.Helper()
	l := new(lives)
	ctx, cancel := context.WithCancel(t.Context())
	l.cancel = cancel
	first, err := l.begin(ctx)
	require.NoError(t, err)
	b := NewBridge(ctx, first, BridgeSettings{
		Begin: l.begin, DrainTimeout: time.Minute, Log: slog.New(slog.DiscardHandler),
		Listener: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1}, // no connection has this address
	})
	t.Cleanup(func() { cancel(); assert.NoError(t, b.Close()) })
	return b, l
}

// ask returns what the present life answers.
func ask(t *testing.T, handler http.Handler) string {
	t.Helper()
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody))
	return w.Body.String()
}

func TestARestartEndsALifeInGoodOrderAndBeginsAnother(t *testing.T) {
	b, l := startBridge(t)
	require.NoError(t, b.Park(new(http.Server)))
	assert.Equal(t, "1", ask(t, b))
	require.NoError(t, b.Restart())
	assert.Equal(t, "2", ask(t, b))
	assert.Equal(t, []string{"park 1", "drain 1", "close 1", "park 2"}, l.notes())
	assert.InDelta(t, time.Minute.Seconds(), l.limit.Seconds(), 30)
	require.NoError(t, b.Shutdown(t.Context()))
	require.NoError(t, b.Close())
	require.NoError(t, b.Close())
	assert.Equal(t, []string{"drain 2", "close 2"}, l.notes()[4:])
}

func TestALifeThatDoesNotDrainInTimeEndsAllTheSame(t *testing.T) {
	b, l := startBridge(t)
	b.present().(*fakeLife).shutdown = context.DeadlineExceeded
	require.NoError(t, b.Restart())
	assert.Equal(t, "2", ask(t, b))
	assert.Equal(t, []string{"drain 1", "close 1", "park 2"}, l.notes())
}

func TestAKillEndsALifeWithoutADrain(t *testing.T) {
	b, l := startBridge(t)
	require.NoError(t, b.Kill(netip.AddrPort{}))
	assert.Equal(t, "2", ask(t, b))
	assert.Equal(t, []string{"close 1", "park 2"}, l.notes())
}

func TestARequestBetweenTwoLivesWaitsForTheNext(t *testing.T) {
	b, l := startBridge(t)
	answers := make(chan string, 3)
	l.before = func() { // there is no bridge now
		require.ErrorIs(t, b.Restart(), errReplacing)
		require.ErrorIs(t, b.Kill(netip.AddrPort{}), errReplacing)
		for range cap(answers) {
			go func() { answers <- ask(t, b) }()
		}
	}
	require.NoError(t, b.Restart())
	for range cap(answers) {
		assert.Equal(t, "2", <-answers)
	}
}

func TestALifeThatCannotBeginIsSaidAndTriedAgain(t *testing.T) {
	b, l := startBridge(t)
	l.refuse = errors.New("the address of the schema is taken")
	require.ErrorIs(t, b.Restart(), l.refuse)
	require.ErrorIs(t, b.Restart(), l.refuse)
	answer := make(chan string)
	go func() { answer <- ask(t, b) }()
	l.refuse = nil
	require.NoError(t, b.Restart())
	assert.Equal(t, "2", <-answer)
	assert.Equal(t, []string{"drain 1", "close 1", "park 2"}, l.notes())
}

// The program may end while a life ends, and even while there is none.
func TestNoLifeBeginsAfterTheEndOfTheProgram(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		b, l := startBridge(t)
		l.refuse = errors.New("not now")
		require.Error(t, b.Restart())
		cut := cutOff(t, b)
		l.cancel()
		assert.Equal(t, http.ErrAbortHandler, <-cut, "a request that waits is cut off, so that its EventSource comes back")
		assert.Zero(t, time.Since(began), "at once")
		l.refuse = nil
		require.ErrorIs(t, b.Restart(), context.Canceled)
		require.NoError(t, b.Park(new(http.Server)))
		require.NoError(t, b.Shutdown(t.Context()))
		require.NoError(t, b.Close())
		assert.Equal(t, []string{"drain 1", "close 1"}, l.notes())
	})
}

// cutOff makes a request for which there is no life, and gives what its handler panics with.
func cutOff(t *testing.T, b *Bridge) <-chan any {
	t.Helper()
	cut := make(chan any)
	go func() {
		defer func() { cut <- recover() }()
		b.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody))
	}()
	return cut
}

func TestARequestDoesNotWaitForEverForALife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		b, l := startBridge(t)
		l.refuse = errors.New("not now")
		require.Error(t, b.Restart())
		assert.Equal(t, http.ErrAbortHandler, <-cutOff(t, b))
		assert.Equal(t, holdTime, time.Since(began))
	})
}

func TestAClientThatLeavesDoesNotWaitForALife(t *testing.T) {
	b, l := startBridge(t)
	l.refuse = errors.New("not now")
	require.Error(t, b.Restart())
	ctx, leave := context.WithCancel(t.Context())
	leave()
	assert.Nil(t, b.await(ctx))
}

// client is a connection on which a stream runs.
type client struct {
	response *http.Response
	address  netip.AddrPort
}

// startStreams serves a handler and returns n clients, each with a connection of its own and a stream on it.
func startStreams(t *testing.T, address string, handler http.Handler, n int) (listener net.Listener, clients []client) {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", address)
	if err != nil {
		t.Skipf("skipped: this machine does not listen at %s: %v", address, err)
	}
	server := &httptest.Server{Listener: listener, Config: &http.Server{Handler: handler}}
	server.Start()
	t.Cleanup(server.Close)
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	t.Cleanup(cancel)
	for range n {
		c := client{}
		transport := &http.Transport{DialContext: func(ctx context.Context, network, at string) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx, network, at)
			if err == nil {
				c.address = conn.LocalAddr().(*net.TCPAddr).AddrPort()
			}
			return conn, err
		}}
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL, http.NoBody)
		require.NoError(t, err)
		c.response, err = transport.RoundTrip(request)
		require.NoError(t, err)
		t.Cleanup(func() { _ = c.response.Body.Close(); transport.CloseIdleConnections() })
		clients = append(clients, c)
	}
	return listener, clients
}

// until returns a handler of streams that last until the channel is closed. Then each stream says goodbye.
func until(said <-chan struct{}) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).Flush()
		select {
		case <-r.Context().Done():
		case <-said:
		}
		_, _ = fmt.Fprint(w, "goodbye")
	}
}

func TestAKillCutsTheConnectionsOfItsListenerAndNoOther(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "[::1]:0", "0.0.0.0:0", "[::]:0"} {
		t.Run(address, func(t *testing.T) {
			b, l := startBridge(t)
			said := make(chan struct{})
			l.handle = until(said)
			listener, clients := startStreams(t, address, b, 4)
			_, others := startStreams(t, "127.0.0.1:0", until(said), 2)
			b.settings.Listener = listener.Addr()
			presser, rest := clients[0], clients[1:]

			require.NoError(t, b.Kill(presser.address))
			buffer := make([]byte, 1)
			for _, c := range rest {
				n, err := c.response.Body.Read(buffer)
				require.Error(t, err, "the connection is gone")
				require.NotErrorIs(t, err, context.DeadlineExceeded)
				assert.Zero(t, n, "nothing was said before that")
			}
			close(said)
			for _, c := range append(others, presser) {
				body, err := io.ReadAll(c.response.Body)
				require.NoError(t, err, "this connection stays")
				assert.Equal(t, "goodbye", string(body))
			}
			_, clients = startStreams(t, "127.0.0.1:0", b, 1)
			assert.Equal(t, http.StatusOK, clients[0].response.StatusCode, "the next life serves")
		})
	}
}
