package pump

import (
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/internal/uring"
)

// countedRing counts what a ring sends.
type countedRing struct {
	ring

	sends []int
}

func (c *countedRing) Send(sends []uring.Send) error {
	c.sends = append(c.sends, len(sends))
	return c.ring.Send(sends)
}

// Flights to real sockets go by the ring: one piece, several, and more than a socket takes.
func TestFlightsToSocketsGoByTheRing(t *testing.T) {
	byRing(t)
	r, err := uring.New(flightsAtOnce)
	require.NoError(t, err)
	counted := &countedRing{ring: r}
	w := &together{ring: counted, fewest: 1, alone: func(err error) { t.Error(err) }}
	defer w.close()
	long := strings.Repeat("x", 8<<20)
	var flights []flight
	var ends []io.Reader
	for _, pieces := range [][][]byte{{[]byte("a")}, {[]byte("b"), []byte("c")}, {[]byte(long)}} {
		server, client := pair(t)
		fd, other, err := descriptors(server)
		require.NoError(t, err)
		require.GreaterOrEqual(t, fd, 0)
		sock := &tcpSocket{fd: other}
		defer sock.Close(plainly)
		flights = append(flights, flight{p: &parked{sock: sock}, batch: batch{pieces: pieces}})
		ends = append(ends, client)
	}
	w.write(flights)
	assert.Equal(t, []int{3}, counted.sends)
	for i, want := range []string{"a", "bc", long[:flights[2].n]} {
		require.NoError(t, flights[i].err)
		require.Len(t, want, flights[i].n)
		got := make([]byte, len(want))
		_, err := io.ReadFull(ends[i], got)
		require.NoError(t, err)
		assert.Equal(t, want, string(got))
	}
	assert.Positive(t, flights[2].n)
	assert.Less(t, flights[2].n, len(long))
}
