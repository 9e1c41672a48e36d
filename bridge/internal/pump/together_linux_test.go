package pump

import (
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

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

// newSealedFlight returns a flight to a client over TLS.
func newSealedFlight(s *sealed, last bool, pieces ...[]byte) *flight {
	return &flight{p: &parked{sock: s}, batch: batch{pieces: pieces}, last: last}
}

// A record that is loaded and sent later carries the same as one that is written.
func TestASealedFlightKeepsItsRecordsWhole(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s, raw, decrypt := sealedPair(t)
		size := rapid.OneOf(rapid.IntRange(0, 100), rapid.IntRange(0, 3*recordText))
		whole, cut := strings.Repeat("0123456789abcdefg", 1+size.Draw(rt, "size")/17), 0
		cut = rapid.IntRange(0, len(whole)).Draw(rt, "cut")
		flown := newSealedFlight(s, rapid.Bool().Draw(rt, "last"), []byte(whole[:cut]), []byte(whole[cut:]))
		sent := s.load(flown)
		require.NoError(rt, flown.err)
		s.made.bytes = append(s.made.bytes[:0], "the record of another flight"...)
		raw.setRoom(rapid.OneOf(rapid.Just(-1), size).Draw(rt, "room"))
		n, err := s.transmit(sent)
		require.NoError(rt, err)
		s.landed(flown, n, nil)
		require.NoError(rt, flown.err)
		require.Equal(rt, flown.pending, len(s.tail) > 0)
		raw.setRoom(-1)
		for left := whole[flown.n:]; ; {
			n, pending, err := s.Write([][]byte{[]byte(left)}, true)
			require.NoError(rt, err)
			if left = left[n:]; left == "" && !pending {
				break
			}
		}
		got, err := decrypt()
		require.NoError(rt, err)
		require.True(rt, whole == got, "%d of %d", len(got), len(whole))
	})
}
