package upstream

import (
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/connectivity"
)

// readyPool has one connection, to a server without methods. Attempts are looked at only by the test.
func readyPool(t testing.TB) *pool {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := grpc.NewServer()
	done := make(chan error, 1)
	go func() { done <- server.Serve(listener) }()
	t.Cleanup(func() {
		server.Stop()
		require.NoError(t, <-done)
	})
	client, err := Dial(Config{Target: listener.Addr().String()})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, client.Close()) })
	for state := client.Conn().GetState(); state != connectivity.Ready; state = client.Conn().GetState() {
		require.True(t, client.Conn().WaitForStateChange(t.Context(), state))
	}
	client.pool.lookEvery = time.Hour
	return client.pool
}

func begin(t *testing.T, p *pool) (a *attempt, cancelled *bool) {
	t.Helper()
	at, free := p.take()
	require.True(t, free)
	cancelled = new(bool)
	return p.watch(at, func() { *cancelled = true }), cancelled
}

func TestAttemptIsGivenUpWhereNothingHappens(t *testing.T) {
	p := readyPool(t)
	for range 3 {
		a, _ := begin(t, p)
		require.NoError(t, a.finish(nil))
	}
	a, cancelled := begin(t, p)
	a.look()
	require.False(t, *cancelled, "one look is not enough: the process may have been held up")
	a.look()
	require.True(t, *cancelled)
	require.ErrorIs(t, a.finish(assert.AnError), errElsewhere)
	c := p.connections[0]
	assert.Equal(t, 3, c.limit)
	assert.Equal(t, 3, c.open)
	assert.Zero(t, c.pending)
	_, free := p.take()
	require.False(t, free)
	p.release(c)
	_, free = p.take()
	require.True(t, free)
}

// A thousand streams at once are slow on a small machine, but do not wait for a slot: their number grows.
func TestAttemptIsSlowWhereOthersGetThrough(t *testing.T) {
	p := readyPool(t)
	a, cancelled := begin(t, p)
	for range 10 {
		other, _ := begin(t, p)
		require.NoError(t, other.finish(nil))
		a.look()
	}
	require.False(t, *cancelled)
	// Where one comes for one that goes, the connection is full.
	for range 2 {
		other, _ := begin(t, p)
		require.NoError(t, other.finish(nil))
		p.release(p.connections[0])
		a.look()
	}
	require.True(t, *cancelled)
	require.ErrorIs(t, a.finish(nil), errElsewhere)
	assert.Equal(t, noLimit, p.connections[0].limit, "it got through after all")
}

func TestLimitIsRaisedByAStreamThatGetsPastIt(t *testing.T) {
	for name, test := range map[string]struct{ left, want int }{
		"nobody left":    {0, 12},
		"somebody's gap": {1, 6},
	} {
		t.Run(name, func(t *testing.T) {
			p := readyPool(t)
			c := p.connections[0]
			c.open, c.limit = 5, 5
			if test.left > 0 {
				c.open++ // by the server's count it has ended already
			}
			p.probing = true
			c.pending++
			a := p.watch(place{connection: c, probe: true}, func() {})
			for range test.left {
				p.release(c)
			}
			require.NoError(t, a.finish(nil))
			assert.Equal(t, test.want, c.limit)
			assert.False(t, p.probing)
			c.open = 0
		})
	}
}

// The streams of a server that went down were closed while others waited; these find out one by one.
func TestLimitIsForgottenWithTheServer(t *testing.T) {
	p := readyPool(t)
	c := p.connections[0]
	c.limit = 5
	a, _ := begin(t, p)
	require.ErrorIs(t, a.finish(assert.AnError), assert.AnError)
	require.Equal(t, noLimit, c.limit)
}

// An attempt whose timer has fired may still be looked at, so no later stream gets it.
func TestAnAttemptThatMayBeLookedAtIsNotUsedAgain(t *testing.T) {
	p := readyPool(t)
	a, _ := begin(t, p)
	require.True(t, a.timer.Stop(), "as where it has fired")
	require.NoError(t, a.finish(nil))
	assert.Nil(t, p.attempts.Get())

	a, cancelled := begin(t, p)
	p.lookEvery = time.Millisecond
	for range 100 { // some of them are used again
		other, _ := begin(t, p)
		require.NoError(t, other.finish(nil))
	}
	assert.False(t, *cancelled)
	assert.Same(t, p, a.pool)
	require.NoError(t, a.finish(nil))
	p.connections[0].open = 0
}

// What a stream costs where a slot is free, without gRPC's own work.
func BenchmarkSlot(b *testing.B) {
	p := readyPool(b)
	b.ReportAllocs()
	for b.Loop() {
		at, _ := p.take()
		a := p.watch(at, func() {})
		if err := a.finish(nil); err != nil {
			b.Fatal(err)
		}
		p.release(at.connection)
	}
}
