package pump

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// holding is a socket that takes everything. Where the client has no room, what was taken is pending.
type holding struct {
	fakeSocket

	held []byte
	last bool // the last write said that nothing follows
}

func (h *holding) Write(pieces [][]byte, last bool) (n int, pending bool, err error) {
	if len(h.held) > 0 {
		m, _, err := h.fakeSocket.Write([][]byte{h.held}, false)
		if h.held = h.held[m:]; err != nil || len(h.held) > 0 {
			return 0, true, err
		}
	}
	for _, p := range pieces {
		n += len(p)
		h.held = append(h.held, p...)
	}
	h.last = last
	if n > 0 {
		var m int
		m, _, err = h.fakeSocket.Write([][]byte{h.held}, false)
		h.held = h.held[m:]
	}
	return n, len(h.held) > 0, err
}

func (h *holding) Waiting() int { return len(h.held) }

func (r *rig) joinHolding(events *tape, s *Settings) (*guest, *holding) {
	g := &guest{client: newClient(), cur: &head{tape: events}}
	g.inbox, g.since = r.inbox, func() time.Duration { return r.at }
	h := &holding{fakeSocket: fakeSocket{g.client}}
	r.inbox.arrive(newParked(h, g.cur, s, func(o Outcome) { g.outcomes = append(g.outcomes, o) }), &g.control)
	return g, h
}

// A stream whose end is pending is not over before the client has it.
func TestAPendingEndIsSentBeforeTheConnectionCloses(t *testing.T) {
	r, events := newRig(), new(tape)
	g, h := r.joinHolding(events, patience())
	r.settle()
	g.setRoom(3)
	events.put("data: 1\n\n")
	events.finish(End{Ending: because("upstream"), Frame: []byte("data: end\n\n")})
	r.settle()
	assert.True(t, h.last)
	assert.Empty(t, g.outcomes, "the rest is pending")
	assert.Empty(t, g.closed)
	g.setRoom(-1)
	r.settle()
	require.Len(t, g.outcomes, 1)
	assert.NotNil(t, g.outcomes[0].End)
	assert.Equal(t, []closing{gracefully}, g.closed)
	assert.Equal(t, ":\ndata: 1\n\ndata: end\n\n", g.text())
}

// While something is pending, no heartbeat and no event goes out. Then everything follows in order.
func TestNothingPassesWhatIsPending(t *testing.T) {
	r, events := newRig(), new(tape)
	s := patience()
	s.Heartbeat, s.WriteTimeout = time.Second, time.Minute
	g, _ := r.joinHolding(events, s)
	r.settle()
	g.setRoom(3)
	events.put("data: 1\n\n")
	r.pass(10 * time.Second)
	events.put("data: 2\n\n")
	r.pass(10 * time.Second)
	assert.Equal(t, ":\ndat", g.text())
	g.setRoom(-1)
	r.settle()
	assert.Equal(t, ":\ndata: 1\n\ndata: 2\n\n", g.text())
	assert.Empty(t, g.outcomes)
	r.pass(1500 * time.Millisecond)
	assert.Contains(t, g.text(), "data: 2\n\n:", "heartbeats go on")
}

// A client that takes nothing of what is pending is cut off like every other.
func TestAClientThatLeavesItsPendingBytesIsCutOff(t *testing.T) {
	r, events := newRig(), new(tape)
	g, _ := r.joinHolding(events, patience())
	r.settle()
	g.setRoom(0)
	events.put("data: 1\n\n")
	events.finish(End{Ending: because("upstream"), Frame: []byte("end\n\n")})
	r.settle()
	assert.Empty(t, g.outcomes)
	r.pass(11 * time.Second)
	require.Len(t, g.outcomes, 1)
	assert.ErrorIs(t, g.outcomes[0].Err, errStalled)
	assert.Equal(t, []closing{atOnce}, g.closed)
}
