package pump

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// sealedPair returns a socket of a loop that carries TLS to a client who takes what a test lets him take, and what decrypts that.
func sealedPair(t testing.TB) (s *sealed, raw *client, decrypt func() (string, error)) {
	t.Helper()
	s, raw, reader := sealedWith(t, new(tls.Config))
	return s, raw, func() (string, error) {
		reader.NetConn().(*switched).from = strings.NewReader(raw.text())
		got, err := io.ReadAll(reader)
		return string(got), err
	}
}

// sealedWith returns a socket of a loop that carries TLS to a client, and the client's TLS. What the client sends from now on arrives
// at the socket.
func sealedWith(t testing.TB, config *tls.Config) (s *sealed, raw *client, reader *tls.Conn) {
	t.Helper()
	web := httptest.NewUnstartedServer(http.NotFoundHandler())
	web.StartTLS()
	defer web.Close()
	near, far := net.Pipe()
	t.Cleanup(func() { near.Close(); far.Close() })
	carrier := &Carrier{Conn: near}
	server := tls.Server(carrier, &tls.Config{Certificates: web.TLS.Certificates})
	reading := &switched{Conn: far}
	config.InsecureSkipVerify = true //nolint:gosec // the certificate is the test's own
	reader = tls.Client(reading, config)
	shaken := make(chan error, 1)
	go func() {
		err := reader.Handshake()
		if err == nil {
			_, err = io.WriteString(reader, "x")
		}
		shaken <- err
	}()
	_, err := io.ReadFull(server, make([]byte, 1)) // with it, the tickets of TLS 1.3 have gone out
	require.NoError(t, err)
	require.NoError(t, <-shaken)
	raw = newClient()
	reading.to = raw
	return seal(fakeSocket{raw}, server, carrier, new(records)), raw, reader
}

// switched is a connection that reads from elsewhere once from is set, and what it sends goes to a client once to is set.
type switched struct {
	net.Conn

	from io.Reader
	to   *client
}

func (s *switched) Write(p []byte) (int, error) {
	if s.to != nil {
		s.to.sent = append(s.to.sent, p...)
		return len(p), nil
	}
	return s.Conn.Write(p)
}

func (s *switched) Read(p []byte) (int, error) {
	if s.from != nil {
		return s.from.Read(p)
	}
	return s.Conn.Read(p)
}

// However little the kernel takes at a time, the client gets every byte once and in order, then close_notify, and no more than
// one record waits.
func FuzzASealedSocketKeepsItsRecordsWhole(f *testing.F) {
	f.Add([]byte{1, 2, 3}, []byte{1})
	f.Add([]byte{0, 255, 40, 0}, []byte{0, 7, 0, 200})
	f.Add([]byte{255, 255, 255}, []byte{255, 3})
	f.Fuzz(func(t *testing.T, sizes, rooms []byte) {
		if len(sizes) > 32 || len(rooms) > 64 {
			return
		}
		s, raw, decrypt := sealedPair(t)
		var pieces [][]byte
		for i, n := range sizes {
			pieces = append(pieces, []byte(strings.Repeat(string(rune('a'+i%26)), int(n)*int(n))))
		}
		var want strings.Builder
		for _, p := range pieces {
			want.Write(p)
		}
		left, sent, over := []byte(want.String()), 0, false
		for i := 0; !over; i++ {
			room := -1 // in the end the client takes everything
			if i < len(rooms) {
				room = int(rooms[i]) * 16
			}
			raw.setRoom(room)
			batch := [][]byte{left[:len(left)/2], left[len(left)/2:]}
			n, pending, err := s.Write(batch, true)
			require.NoError(t, err)
			assert.Equal(t, pending, len(s.tail) > 0)
			assert.LessOrEqual(t, len(s.tail), 2*recordText)
			assert.Equal(t, len(s.tail), s.Waiting())
			left, sent = left[n:], sent+n
			for len(left) == 0 && pending {
				raw.setRoom(-1)
				_, pending, err = s.Write(nil, false)
				require.NoError(t, err)
			}
			over = len(left) == 0
		}
		assert.Equal(t, want.Len(), sent)
		got, err := decrypt()
		require.NoError(t, err, "close_notify ends the stream")
		require.True(t, want.String() == got, "%d bytes of %d", len(got), want.Len())
	})
}

// Nothing that a client sends on a parked connection is read. It costs the client neither its events nor its end.
func FuzzWhatAClientSendsOverTLSIsIgnored(f *testing.F) {
	f.Add([]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"))
	f.Add([]byte{21, 3, 3, 0, 2, 1, 0})              // close_notify without a seal
	f.Add([]byte{21, 3, 3, 0, 2, 2, 40})             // a fatal alert
	f.Add([]byte{22, 3, 3, 0, 5, 24, 0, 0, 1, 1})    // KeyUpdate
	f.Add([]byte{22, 3, 3, 0, 4, 1, 0, 0, 0})        // ClientHello, as for a renegotiation
	f.Add([]byte{23, 3, 3, 255, 255, 1, 2, 3, 4})    // a record that is too long
	f.Add([]byte(strings.Repeat("garbage", 20_000))) // more than the kernel keeps
	f.Fuzz(func(t *testing.T, sent []byte) {
		s := newParkingSite(t, true, Writing{})
		events := s.topic()
		v := s.visit(t, 0)
		v.read(t, ":\n")
		require.NoError(t, v.SetWriteDeadline(time.Now().Add(50*time.Millisecond)))
		_, _ = v.Write(sent) // the kernel may take only a part
		events.put(string(s.piece("data: 1\n\n")))
		events.finish(End{Ending: because("upstream"), Frame: []byte("data: end\n\n")})
		v.readToEnd(t, "data: 1\n\ndata: end\n\n")
		out := s.outcome(t)
		assert.NotNil(t, out.End)
		_, err := v.secured.Read(make([]byte, 1))
		if len(sent) < 64<<10 { // what the bridge discards at the end is bounded
			assert.ErrorIs(t, err, io.EOF, "close_notify comes last")
		}
	})
}
