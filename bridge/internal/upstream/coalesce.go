package upstream

import (
	"context"
	"io"
	"net"
	"time"

	"google.golang.org/grpc/credentials"

	"github.com/grpcsse/grpcsse/bridge/internal/rawio"
)

// Where each of many streams brings an event now and then, nearly every event comes in a packet of its own. To wake the reader of
// the connection for each, and what waits behind it, would cost more than all the rest of the work. So a connection with many small
// reads is read once in two milliseconds, as a network card under load raises an interrupt for many packets.

const (
	// readGap is the time between two reads of such a connection, and so the longest time that a frame may wait for its read.
	readGap = 2 * time.Millisecond
	// denseGap is the longest time between two reads that bring bytes for which the connection is such a one.
	denseGap = 2 * readGap
	// smallRead is how many bytes a read brings at most after which the next one may wait. More says that the server sends as fast
	// as it can: then a wait would only keep it from going on.
	smallRead = 8 << 10
)

// coalescing wraps credentials. The connections that they secure are read less often where many small reads come one after the
// other.
type coalescing struct {
	credentials.TransportCredentials
}

// ClientHandshake implements [credentials.TransportCredentials]. The handshake itself is not held up.
func (c coalescing) ClientHandshake(
	ctx context.Context, authority string, conn net.Conn,
) (net.Conn, credentials.AuthInfo, error) {
	below := &coalescingConn{Conn: conn, reader: rawio.NewReader(conn)}
	secured, info, err := c.TransportCredentials.ClientHandshake(ctx, authority, below)
	if err != nil {
		return nil, nil, err
	}
	below.established = true
	return secured, info, nil
}

// Clone implements [credentials.TransportCredentials].
func (c coalescing) Clone() credentials.TransportCredentials {
	return coalescing{c.TransportCredentials.Clone()}
}

// coalescingConn is a connection below TLS, where there is TLS. One goroutine calls Read, and nothing is read before that call.
type coalescingConn struct {
	net.Conn
	reader      io.Reader // of Conn
	established bool      // the handshake is over
	last        time.Time // when the last read brought bytes
	wait        bool      // the next read waits
}

// Read implements [io.Reader].
func (c *coalescingConn) Read(p []byte) (n int, err error) {
	if c.wait {
		time.Sleep(readGap)
	}
	n, err = c.reader.Read(p)
	if c.established {
		now := time.Now()
		c.wait = n < min(len(p), smallRead) && now.Sub(c.last) < denseGap // a full p says that more is there
		c.last = now
	}
	return n, err
}
