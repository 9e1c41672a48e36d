package pump

import (
	"errors"
	"slices"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/uring"
)

// fakeRing sends to the clients of a rig.
type fakeRing struct {
	clients []*client
	calls   int
	leaves  func(call, send int) error // what is not sent, with the error; nil for a send that is done
	fails   int                        // the number of the call that is the last; none where 0
	closed  int
}

// ringSocket is the client's connection as a loop sees it that writes with a fakeRing.
type ringSocket struct {
	fakeSocket

	fd int
}

func (r *fakeRing) socket(c *client) ringSocket {
	r.clients = append(r.clients, c)
	return ringSocket{fakeSocket{c}, len(r.clients) - 1}
}

func (s ringSocket) descriptor() int32 { return int32(s.fd) }

func (s ringSocket) load(f *flight) [][]byte { return f.batch.pieces }

func (s ringSocket) transmit(pieces [][]byte) (n int, err error) {
	n, _, err = s.Write(pieces, false)
	return n, err
}

func (s ringSocket) landed(f *flight, n int, err error) { f.n, f.pending, f.err = n, false, err }

func (r *fakeRing) Send(sends []uring.Send) error {
	if r.closed > 0 {
		panic("the ring is used after Close")
	}
	r.calls++
	for i := range sends {
		s := &sends[i]
		if s.Taken, s.Err = 0, error(nil); r.leaves != nil {
			s.Err = r.leaves(r.calls, i)
		}
		if s.Err == nil {
			var broken error
			s.Taken, _, broken = fakeSocket{r.clients[s.FD]}.Write(s.Pieces, false)
			if code := syscall.Errno(0); errors.As(broken, &code) {
				s.Err = code
			}
		}
	}
	if r.calls == r.fails {
		return errors.New("the ring is broken")
	}
	return nil
}

func (r *fakeRing) Close() { r.closed++ }

// withRing returns a rig that writes with a ring.
func withRing(ring *fakeRing) (r *rig, failed *[]error) {
	r, failed = newRig(), new([]error)
	r.ring = ring
	r.flights.writer = &together{ring: ring, fewest: 1, alone: func(err error) { *failed = append(*failed, err) }}
	return r, failed
}

func TestFewAreWrittenAloneAndManyTogether(t *testing.T) {
	ring := new(fakeRing)
	r, _ := withRing(ring)
	r.flights.writer.(*together).fewest = fewestTogether
	events := new(tape)
	guests := crowd(r, fewestTogether-1, events, new(Settings))
	events.put("a")
	r.settle()
	assert.Zero(t, ring.calls)
	guests = append(guests, r.join(events, new(Settings)))
	r.settle()
	events.put("b")
	r.settle()
	assert.Equal(t, 1, ring.calls)
	for _, g := range guests {
		assert.Equal(t, "ab", g.text())
	}
}

// What the ring leaves, whether it fails or not, is written all the same, and nothing is written twice.
func TestWhateverARingLeavesClientsGetTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		acts := drawActs(t)
		left := rapid.SliceOfN(rapid.Bool(), 1, 7).Draw(t, "left")
		ring := &fakeRing{fails: rapid.IntRange(0, 5).Draw(t, "fails")}
		ring.leaves = func(call, send int) error {
			if left[(call+send)%len(left)] {
				return uring.ErrNotSent
			}
			return nil
		}
		r, failed := withRing(ring)
		alone, all := play(acts, inFlight(1)), play(acts, r)
		if !slices.Equal(alone, all) {
			t.Fatalf("one by one: %v\ntogether:   %v", alone, all)
		}
		if broke := ring.fails > 0 && ring.calls == ring.fails; broke != (len(*failed) == 1) || broke != (ring.closed == 1) {
			t.Fatalf("%d calls, %d closed: %v", ring.calls, ring.closed, *failed)
		}
	})
}

// Nothing follows bytes of which it is not known whether they were sent.
func TestAClientOfWhomNothingIsKnownIsCutOff(t *testing.T) {
	ring := &fakeRing{fails: 2, leaves: func(call, send int) error {
		if call == 2 && send == 1 {
			return uring.ErrUnknown
		}
		return nil
	}}
	r, failed := withRing(ring)
	events := new(tape)
	guests := crowd(r, 3, events, &Settings{Comment: []byte(":\n")})
	events.put("a")
	r.settle()
	events.put("b")
	r.settle()
	assert.Len(t, *failed, 1)
	cut := 0
	for _, g := range guests {
		if len(g.outcomes) == 0 {
			assert.Equal(t, ":\nab", g.text())
			continue
		}
		cut++
		assert.ErrorIs(t, g.outcomes[0].Err, uring.ErrUnknown)
		assert.Equal(t, ":\n", g.text())
	}
	assert.Equal(t, 1, cut)
}

func TestAnErrorOfOneSendEndsOneStream(t *testing.T) {
	ring := new(fakeRing)
	r, failed := withRing(ring)
	events := new(tape)
	guests := crowd(r, 5, events, new(Settings))
	guests[2].broken = syscall.ECONNRESET
	events.put("a")
	r.settle()
	for i, g := range guests {
		if i != 2 {
			assert.Equal(t, "a", g.text())
			continue
		}
		require.Len(t, g.outcomes, 1)
		assert.Equal(t, ending.ByGone, g.outcomes[0].Reason)
		assert.ErrorIs(t, g.outcomes[0].Err, syscall.ECONNRESET)
	}
	assert.Empty(t, *failed)
}

// A system may forbid io_uring. Then everything is as without it.
func TestWithoutARingLoopsWriteToOneAfterTheOther(t *testing.T) {
	forbidden := errors.New("forbidden")
	var told []error
	how := Writing{
		Ring:  func(int) (*uring.Ring, error) { return nil, forbidden },
		Alone: func(err error) { told = append(told, err) },
	}
	l, err := newLoops(2, nil, nil, how, func(*inbox) (poller, error) { return noPoller{}, nil })
	require.NoError(t, err)
	defer l.Close()
	assert.Equal(t, []error{forbidden, forbidden}, told)
	assert.False(t, l.Together())
	for _, d := range l.drivers {
		assert.Equal(t, oneByOne{}, d.loop.flights.writer)
	}
}
