package relay_test

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/internal/relay"
)

// patience is how long a test waits for what should happen soon, and blink how long for what should not happen.
const (
	patience = 10 * time.Second
	blink    = 100 * time.Millisecond
)

// echo runs a server that sends back what it gets, and a relay to it, until the test ends.
func echo(t *testing.T) *relay.Relay {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				_, _ = io.Copy(conn, conn)
				_ = conn.Close()
			})
		}
	})
	r, err := relay.New(t.Context(), listener.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, r.Close()); assert.NoError(t, listener.Close()); serving.Wait() })
	return r
}

// dial connects to the relay.
func dial(t *testing.T, r *relay.Relay) net.Conn {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp4", r.Address())
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// say sends a word, and returns what comes back within a time.
func say(conn net.Conn, word string, within time.Duration) (string, error) {
	if _, err := io.WriteString(conn, word); err != nil {
		return "", err
	}
	if err := conn.SetReadDeadline(time.Now().Add(within)); err != nil {
		return "", err
	}
	back := make([]byte, len(word))
	_, err := io.ReadFull(conn, back)
	return string(back), err
}

func requireEcho(t *testing.T, conn net.Conn) {
	t.Helper()
	back, err := say(conn, "hello", patience)
	require.NoError(t, err)
	require.Equal(t, "hello", back)
}

func TestWhatIsSentArrives(t *testing.T) {
	r := echo(t)
	conn := dial(t, r)
	requireEcho(t, conn)
	r.Delay(50 * time.Millisecond)
	requireEcho(t, conn) // what was read before may be without delay
	began := time.Now()
	requireEcho(t, conn)
	assert.GreaterOrEqual(t, time.Since(began), 100*time.Millisecond, "there and back")
	require.NoError(t, conn.(*net.TCPConn).CloseWrite())
	_, err := io.Copy(io.Discard, conn)
	require.NoError(t, err, "the end of one side is the end of the other")
}

func TestACutIsAReset(t *testing.T) {
	r := echo(t)
	conn := dial(t, r)
	requireEcho(t, conn)
	assert.Equal(t, 1, r.Cut())
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(patience)))
	_, err := conn.Read(make([]byte, 1))
	require.ErrorIs(t, err, syscall.ECONNRESET)
	requireEcho(t, dial(t, r))

	conn = dial(t, r)
	requireEcho(t, conn)
	assert.Equal(t, 2, r.Shut())
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(patience)))
	_, err = conn.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF)
}

func TestAFrozenConnectionSaysNothing(t *testing.T) {
	r := echo(t)
	conn := dial(t, r)
	requireEcho(t, conn)
	assert.Equal(t, 1, r.Freeze())
	_, err := say(conn, "hello", blink)
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	requireEcho(t, dial(t, r)) // a new connection is none of the frozen ones

	r.Mute(true)
	silent := dial(t, r)
	_, err = say(silent, "hello", blink)
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	r.Mute(false)
	requireEcho(t, dial(t, r))
	_, err = say(silent, "hello", blink)
	require.ErrorIs(t, err, os.ErrDeadlineExceeded, "it stays silent")
	require.NoError(t, silent.Close())
	r.Cut()
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(patience)))
	_, err = conn.Read(make([]byte, 1))
	require.Error(t, err)
	require.False(t, errors.Is(err, os.ErrDeadlineExceeded))
}

func TestADirectionIsHeld(t *testing.T) {
	for _, way := range []relay.Direction{relay.ToTarget, relay.FromTarget} {
		r := echo(t)
		conn := dial(t, r)
		requireEcho(t, conn)
		r.Hold(way, true)
		r.Hold(way, true) // a second time changes nothing
		_, err := say(conn, "hello", blink)
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		r.Hold(way, false)
		require.NoError(t, conn.SetReadDeadline(time.Now().Add(patience)))
		back := make([]byte, 5)
		_, err = io.ReadFull(conn, back)
		require.NoError(t, err)
		assert.Equal(t, "hello", string(back), "nothing is lost")
		requireEcho(t, conn)
		r.Hold(way, true)
		_, err = say(conn, "hello", blink)
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		assert.Equal(t, 1, r.Cut(), "what is held can be cut")
	}
}

func TestATargetThatIsDown(t *testing.T) {
	r, err := relay.New(t.Context(), "127.0.0.1:1")
	require.NoError(t, err)
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp4", r.Address())
	if err == nil { // the reset may come before the connection is known to be there
		require.NoError(t, conn.SetReadDeadline(time.Now().Add(patience)))
		_, err = conn.Read(make([]byte, 1))
		_ = conn.Close()
	}
	require.ErrorIs(t, err, syscall.ECONNRESET)
	require.NoError(t, r.Close())
}
