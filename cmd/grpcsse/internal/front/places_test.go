package front

import (
	"math"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// guest is a connection of a test.
type guest struct {
	*place

	closed bool
}

func (g *guest) Close() error {
	g.closed = true
	return nil
}

// hotel is places with their guests.
type hotel struct{ *places }

// arrive has a guest take a place, which may be none.
func (h hotel) arrive() (*guest, time.Duration) {
	g := new(guest)
	var wait time.Duration
	g.place, wait = h.take(g)
	return g, wait
}

// seat has a guest take a place that is not in the lobby.
func (h hotel) seat(t *testing.T) *guest {
	t.Helper()
	g, _ := h.arrive()
	require.NotNil(t, g.place)
	require.False(t, g.turnedAway)
	return g
}

func TestAnIdleConnectionMakesRoomAtOnceAndANewOneAfterATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := hotel{newPlaces(Room{Connections: 4, Lobby: 1})}
		working, first, second, silent := h.seat(t), h.seat(t), h.seat(t), h.seat(t)
		working.enter(busy)
		first.enter(idle)
		time.Sleep(time.Millisecond)
		second.enter(idle)
		h.seat(t).enter(busy)
		assert.True(t, first.closed, "of two idle connections, the one that has waited longer")
		assert.False(t, second.closed)
		h.seat(t).enter(busy)
		assert.True(t, second.closed)

		waiting, _ := h.arrive()
		assert.True(t, waiting.turnedAway, "the request of the silent connection may be on its way")
		waiting.leave()
		assert.False(t, silent.closed)
		time.Sleep(firstRequest)
		h.seat(t).enter(busy)
		assert.True(t, silent.closed, "it has had its time")
		assert.False(t, working.closed, "a request is never cut off")
		assert.Equal(t, 4, h.open())
	})
}

func TestIdleConnectionsBecomeFewerWhenFewPlacesAreLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := hotel{newPlaces(Room{Connections: 16, Lobby: 1})}
		var resting []*guest
		for range 8 {
			g := h.seat(t)
			g.enter(idle)
			resting = append(resting, g)
		}
		closed := func() (n int) {
			for _, g := range resting {
				if g.closed {
					n++
				}
			}
			return n
		}
		for range 6 {
			h.seat(t).enter(busy)
		}
		time.Sleep(nearIdle - 1)
		h.seat(t).enter(busy)
		assert.Zero(t, closed(), "an idle connection may be used again at once")
		time.Sleep(time.Nanosecond)
		for range 3 {
			h.seat(t).enter(busy)
		}
		assert.Positive(t, closed())
		assert.Less(t, h.open(), 16, "there is room without closing a connection for each newcomer")
	})
}

func TestTheLobbyIsForAnswersOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := hotel{newPlaces(Room{Connections: 1, Lobby: 2})}
		h.seat(t).enter(busy)
		silent, _ := h.arrive()
		answered, _ := h.arrive()
		require.True(t, silent.turnedAway && answered.turnedAway)
		answered.enter(busy)
		answered.enter(idle)
		late, wait := h.arrive()
		assert.Nil(t, late.place)
		assert.Positive(t, wait)
		for late.place == nil {
			time.Sleep(wait)
			late, wait = h.arrive()
		}
		assert.True(t, answered.closed, "its answer was written a moment ago")
		assert.False(t, silent.closed, "its request may be on its way")
		late.enter(busy)
		next, wait := h.arrive()
		for next.place == nil {
			time.Sleep(wait)
			next, wait = h.arrive()
		}
		assert.True(t, silent.closed)
		next.enter(busy)
		time.Sleep(lobbyBusy)
		last, _ := h.arrive()
		require.NotNil(t, last.place, "no connection stays in a full lobby for ever")
		assert.True(t, late.closed)
	})
}

func TestAPlaceIsGivenUpOnce(t *testing.T) {
	h := hotel{newPlaces(Room{Connections: 2, Lobby: 2})}
	g, other := h.seat(t), h.seat(t)
	ended := g.handOver()
	assert.Equal(t, 2, h.open(), "the connection is still open")
	ended()
	g.leave()
	g.enter(idle)
	assert.Equal(t, 1, h.open())
	other.leave()
	assert.Zero(t, h.open())
	select {
	case <-h.freed:
	default:
		t.Error("a listener that waits for a place is not told")
	}
	assert.False(t, h.evictIdle())
}

// What was closed for another connection must not be used: its descriptor may be that of the other one already.
func TestAConnectionThatWasClosedForAnotherIsNotHandedOver(t *testing.T) {
	h := hotel{newPlaces(Room{Connections: 1, Lobby: 1})}
	g := h.seat(t)
	c := &connection{tcp: new(net.TCPConn), place: g.place}
	g.enter(idle)
	require.True(t, h.evictIdle())
	g.enter(busy) // its request came at the same moment
	conn, ended := c.HandOver()
	assert.Nil(t, conn)
	ended()
	assert.Zero(t, h.open())
}

// Whatever connections do, there are never more than the room has, those with a request keep their places, and no place is lost.
func TestPlacesKeepTheirBounds(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		room := Room{
			Connections: rapid.IntRange(1, 20).Draw(r, "connections"), Lobby: rapid.IntRange(1, 4).Draw(r, "lobby"),
		}
		actions := rapid.SliceOfN(rapid.IntRange(0, 7), 0, 200).Draw(r, "actions")
		choices := rapid.SliceOfN(rapid.Uint16(), len(actions), len(actions)).Draw(r, "choices")
		synctest.Test(t, func(*testing.T) {
			h := hotel{newPlaces(room)}
			var guests []*guest
			doing := map[*guest]state{}
			for i, action := range actions {
				time.Sleep(time.Duration(choices[i]) * time.Millisecond / 20)
				if action < 3 || len(guests) == 0 {
					if g, _ := h.arrive(); g.place != nil {
						guests = append(guests, g)
					}
				} else {
					n := int(choices[i]) % len(guests)
					g := guests[n]
					switch {
					case action < 5 && !g.closed:
						g.enter(busy)
						doing[g] = busy
					case action < 6 && !g.closed:
						g.enter(idle)
						doing[g] = idle
					case action < 7 && !g.closed && !g.turnedAway:
						h.checkEnd(r, g.handOver())
						guests = append(guests[:n], guests[n+1:]...)
					default:
						g.leave()
						guests = append(guests[:n], guests[n+1:]...)
					}
				}
				open := 0
				for _, g := range guests {
					if !g.closed {
						open++
					} else if doing[g] == busy && !g.turnedAway {
						r.Fatalf("a connection with a request was closed")
					}
				}
				if h.open() != open {
					r.Fatalf("expected %d open connections, found %d", open, h.open())
				}
				if h.taken > room.Connections || h.lobby.Len() > room.Lobby {
					r.Fatalf("%d places are taken and %d are in the lobby, of %+v", h.taken, h.lobby.Len(), room)
				}
			}
		})
	})
}

// checkEnd calls ended, which gives up exactly one place.
func (h hotel) checkEnd(r *rapid.T, ended func()) {
	before := h.open()
	ended()
	if h.open() != before-1 {
		r.Fatalf("%d places before the end, and %d after it", before, h.open())
	}
}

func TestTheRoomLeavesAReserve(t *testing.T) {
	for name, tt := range map[string]struct {
		descriptors, configured, upstreams int
		want                               Room
	}{
		"few descriptors":                    {255, 0, 16, Room{255, 200, 7}},
		"many":                               {20_000, 0, 16, Room{20_000, 19_440, 512}},
		"many upstreams":                     {1024, 0, 5000, Room{1024, 736, 32}},
		"hardly any":                         {16, 0, 16, Room{16, 8, 4}},
		"none":                               {4, 0, 16, Room{4, 1, 4}},
		"fewer connections are wanted":       {20_000, 100, 16, Room{20_000, 100, 512}},
		"more are wanted than there can be":  {255, 10_000, 16, Room{255, 200, 7}},
		"unknown":                            {0, 0, 16, Room{0, math.MaxInt, 512}},
		"unknown, and connections are given": {0, 100, 16, Room{0, 100, 512}},
	} {
		assert.Equal(t, tt.want, RoomFor(tt.descriptors, tt.configured, tt.upstreams), name)
	}
}
