package upstream

import (
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What a connection is dialled with shows up only after minutes, or on a network that is not there: gRPC's own record has it.
func TestWhatConnectionsAreDialledWith(t *testing.T) {
	c, err := Dial(Config{Target: "127.0.0.1:1", Keepalive: Keepalive{Time: 30 * time.Second, Timeout: 5 * time.Second}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	options := reflect.ValueOf(c.Conn()).Elem().FieldByName("dopts")
	require.True(t, options.IsValid(), "gRPC keeps its options elsewhere now")
	transport := options.FieldByName("copts")

	assert.True(t, options.FieldByName("disableServiceConfig").Bool(), "no time-outs and balancing from DNS records")
	assert.Zero(t, options.FieldByName("idleTimeout").Int(), "a connection without streams stays")
	assert.EqualValues(t, streamWindow, transport.FieldByName("InitialWindowSize").Int())
	assert.EqualValues(t, connectionWindow, transport.FieldByName("InitialConnWindowSize").Int())
	assert.True(t, transport.FieldByName("StaticWindowSize").Bool(), "no window grows with a fast server")
	assert.EqualValues(t, maxMetadata, transport.FieldByName("MaxHeaderListSize").Elem().Uint())
	keepalive := transport.FieldByName("KeepaliveParams")
	assert.EqualValues(t, 30*time.Second, keepalive.FieldByName("Time").Int())
	assert.EqualValues(t, 5*time.Second, keepalive.FieldByName("Timeout").Int())
}

func TestAProbeThatIsGivenUpLetsOthersProbe(t *testing.T) {
	p := readyPool(t)
	c := p.connections[0]
	p.most, c.open, c.limit = 1, 1, 1 // full, and no other may be added
	for range 2 {
		w := p.newWaiter(time.Now(), true)
		w.join()
		require.True(t, p.probing)
		require.Nil(t, w.element, "it has a place to try")
		w.leave()
		w.end()
		assert.False(t, p.probing)
		assert.Zero(t, c.pending)
	}
	assert.Zero(t, p.waiting)
	c.open = 0
}
