package pump

import (
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/frame"
)

// pair returns both ends of a TCP connection over loopback.
func pair(t testing.TB) (server, client *net.TCPConn) {
	t.Helper()
	listener, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(t, err)
	defer listener.Close()
	client, err = net.DialTCP("tcp", nil, listener.Addr().(*net.TCPAddr))
	require.NoError(t, err)
	server, err = listener.AcceptTCP()
	require.NoError(t, err)
	t.Cleanup(func() { client.Close(); server.Close() })
	return server, client
}

func TestAParkedConnectionIsServed(t *testing.T) {
	l, err := NewLoops(1, nil, nil, Writing{})
	require.NoError(t, err)
	defer l.Close()
	server, client := pair(t)
	q := NewQueue(1 << 10)
	s := &Settings{Form: frame.Form{Chunked: true}, Comment: []byte(":\n"), Heartbeat: time.Minute, WriteTimeout: time.Minute}
	outcome := make(chan Outcome, 1)
	require.NoError(t, l.Park(server, Subscriber{Cursor: q, Settings: s, Done: func(o Outcome) { outcome <- o }}))
	opening := make([]byte, len("2\r\n:\n\r\n"))
	_, err = io.ReadFull(client, opening)
	require.NoError(t, err)
	assert.Equal(t, "2\r\n:\n\r\n", string(opening))
	require.NoError(t, q.Push(t.Context(), frame.Form{}, []byte("2\r\nhi\r\n")))
	q.End(End{Ending: because("upstream"), Frame: []byte("data: end\n\n")})
	got, err := io.ReadAll(client)
	require.NoError(t, err)
	assert.Equal(t, "2\r\nhi\r\nb\r\ndata: end\n\n\r\n0\r\n\r\n", string(got))
	o := <-outcome
	assert.Equal(t, 1, o.Events)
	assert.Equal(t, ending.Reason("upstream"), o.End.Ending.Reason)
	assert.Equal(t, int64(len(opening)+len(got)), o.Bytes)
}
