package door_test

import (
	"net"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/grpcsse/grpcsse/internal/door"
)

// patience is how long anything may take.
const patience = 10 * time.Second

// serve answers each connection with one byte until its listener is closed.
func serve(listener net.Listener, answer byte) {
	for {
		connection, err := listener.Accept()
		if err != nil {
			return
		}
		_, _ = connection.Write([]byte{answer})
		_ = connection.Close()
	}
}

// ask connects, and returns what the server says.
func ask(t *testing.T, address string) (answer byte, err error) {
	t.Helper()
	connection, err := (&net.Dialer{Timeout: patience}).DialContext(t.Context(), "tcp", address)
	if err != nil { // it may be reset so early
		return 0, err
	}
	defer func() { _ = connection.Close() }()
	require.NoError(t, connection.SetDeadline(time.Now().Add(patience)))
	var one [1]byte
	_, err = connection.Read(one[:])
	return one[0], err
}

func TestALifeFollowsAnother(t *testing.T) {
	defer goleak.VerifyNone(t)
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	d := door.New(listener)
	address := listener.Addr().String()
	for life := range byte(3) {
		_, err := ask(t, address)
		require.ErrorIs(t, err, syscall.ECONNRESET, "before life %d", life)
		_, err = new(net.ListenConfig).Listen(t.Context(), "tcp", address)
		require.ErrorIs(t, err, syscall.EADDRINUSE)

		opened := d.Open()
		assert.Equal(t, address, opened.Addr().String())
		var serving sync.WaitGroup
		serving.Go(func() { serve(opened, life) })
		answer, err := ask(t, address)
		require.NoError(t, err)
		assert.Equal(t, life, answer)
		require.NoError(t, opened.Close())
		require.NoError(t, opened.Close(), "a server may close it twice")
		serving.Wait()
	}
	require.NoError(t, d.Close())
	again, err := new(net.ListenConfig).Listen(t.Context(), "tcp", address)
	require.NoError(t, err, "the address is free")
	require.NoError(t, again.Close())
}

// failing is a listener without free descriptors, until it is closed.
type failing struct {
	net.Listener
	closed chan struct{}
	failed chan struct{}
}

func (f *failing) Accept() (net.Conn, error) {
	select {
	case <-f.closed:
		return nil, net.ErrClosed
	case f.failed <- struct{}{}:
		return nil, syscall.EMFILE
	}
}

func (f *failing) Close() error {
	close(f.closed)
	return nil
}

func (*failing) Addr() net.Addr { return new(net.TCPAddr) }

// A server has its own way with errors of accept. Without a server, the door tries again.
func TestAnErrorOfAcceptIsNoEnd(t *testing.T) {
	defer goleak.VerifyNone(t)
	f := &failing{closed: make(chan struct{}), failed: make(chan struct{})}
	d := door.New(f)
	<-f.failed
	<-f.failed // it was called again
	life := d.Open()
	accepted := make(chan error, 1)
	go func() {
		_, err := life.Accept()
		accepted <- err
	}()
	for {
		select {
		case <-f.failed:
			continue
		case err := <-accepted:
			require.ErrorIs(t, err, syscall.EMFILE)
		case <-time.After(patience):
			require.FailNow(t, "the server is not told")
		}
		break
	}
	require.NoError(t, life.Close())
	require.NoError(t, d.Close())
}
