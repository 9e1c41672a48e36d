package upstream

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
)

// packets is a connection to which packets come.
type packets struct {
	net.Conn
	come    chan []byte
	waiting []byte
}

func (c *packets) Read(p []byte) (int, error) {
	if len(c.waiting) == 0 {
		packet, ok := <-c.come
		if !ok {
			return 0, io.EOF
		}
		c.waiting = packet
	}
	for more := true; more; { // as a socket gives all that has come
		select {
		case packet, ok := <-c.come:
			if more = ok; ok {
				c.waiting = append(c.waiting, packet...)
			}
		default:
			more = false
		}
	}
	n := copy(p, c.waiting)
	c.waiting = c.waiting[n:]
	return n, nil
}

// coalesced returns a connection that coalesces its reads, after a handshake.
func coalesced(t *testing.T) (net.Conn, *packets) {
	t.Helper()
	below := &packets{come: make(chan []byte, 100_000)}
	conn, _, err := coalescing{insecure.NewCredentials()}.Clone().ClientHandshake(t.Context(), "", below)
	require.NoError(t, err)
	return conn, below
}

// read is what one call of Read brought.
type read struct {
	at    time.Duration
	bytes []byte
}

// readAll reads until the end, with p as long as given.
func readAll(conn net.Conn, length int) (reads []read) {
	began := time.Now()
	for p := make([]byte, length); ; {
		n, err := conn.Read(p)
		if err != nil {
			return reads
		}
		reads = append(reads, read{time.Since(began), append([]byte(nil), p[:n]...)})
	}
}

func TestReadsOfManySmallPacketsAreCoalesced(t *testing.T) {
	for name, tt := range map[string]struct {
		every   time.Duration // a packet comes
		packets int
		bytes   int // of a packet
		longest time.Duration
		reads   int // at most; 0 is as many as packets
	}{
		"now and then":         {5 * time.Millisecond, 100, 100, 0, 0},
		"as often as the gap":  {denseGap, 100, 100, 0, 0},
		"often":                {100 * time.Microsecond, 1000, 100, readGap, 105},
		"often, a little each": {10 * time.Microsecond, 10_000, 1, readGap, 105},
		"large ones":           {100 * time.Microsecond, 100, smallRead, 0, 0},
		"a whole buffer":       {100 * time.Microsecond, 100, 16 << 10, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				conn, below := coalesced(t)
				go func() {
					for i := range tt.packets {
						packet := make([]byte, tt.bytes)
						packet[0] = byte(i)
						below.come <- packet
						time.Sleep(tt.every)
					}
					close(below.come)
				}()
				reads := readAll(conn, 16<<10)
				if tt.reads == 0 {
					assert.Len(t, reads, tt.packets)
				} else {
					assert.LessOrEqual(t, len(reads), tt.reads)
				}
				next := 0
				for _, r := range reads {
					for at := 0; at < len(r.bytes); at += tt.bytes {
						assert.Equal(t, byte(next), r.bytes[at], "no byte is lost, and all are in order")
						assert.LessOrEqual(t, r.at-time.Duration(next)*tt.every, tt.longest, "packet %d waited", next)
						next++
					}
				}
				assert.Equal(t, tt.packets, next)
			})
		})
	}
}

// TLS reads a record with a buffer that is not much larger. What has come already must not wait once for each record.
func TestWhatIsThereIsReadWithoutAWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn, below := coalesced(t)
		for range 50 {
			below.come <- make([]byte, 100)
		}
		close(below.come)
		reads := readAll(conn, 100)
		assert.Len(t, reads, 50)
		assert.LessOrEqual(t, reads[49].at, readGap)
	})
}

func TestAPacketAfterAPauseIsReadAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn, below := coalesced(t)
		go func() {
			for range 100 {
				below.come <- []byte("a")
				time.Sleep(readGap / 10)
			}
			time.Sleep(time.Second)
			below.come <- []byte("b")
			close(below.come)
		}()
		reads := readAll(conn, 100)
		last := reads[len(reads)-1]
		assert.Equal(t, "b", string(last.bytes))
		assert.Equal(t, 100*(readGap/10)+time.Second, last.at)
	})
}

// handshaking are credentials that read three times.
type handshaking struct {
	credentials.TransportCredentials
	err error
}

func (h handshaking) ClientHandshake(_ context.Context, _ string, conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	for range 3 {
		if _, err := conn.Read(make([]byte, 10)); err != nil {
			return nil, nil, err
		}
	}
	return conn, nil, h.err
}

func TestAHandshakeIsNotHeldUp(t *testing.T) {
	for name, fails := range map[string]error{"it succeeds": nil, "it fails": errors.New("no certificate")} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				below := &packets{come: make(chan []byte)}
				go func() {
					for range 3 {
						time.Sleep(readGap / 10)
						below.come <- []byte("a")
					}
				}()
				began := time.Now()
				conn, _, err := coalescing{handshaking{err: fails}}.ClientHandshake(t.Context(), "", below)
				require.ErrorIs(t, err, fails)
				assert.Equal(t, fails == nil, conn != nil)
				assert.Equal(t, 3*(readGap/10), time.Since(began))
			})
		})
	}
}
