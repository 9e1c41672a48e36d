package cluster_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/internal/cluster"
	"github.com/grpcsse/grpcsse/bridge/internal/cluster/clustertest"
	"github.com/grpcsse/grpcsse/bridge/internal/wire"
)

// errorsOf counts what the hooks of a node tell of messages.
type errorsOf struct {
	mu             sync.Mutex
	unread, unsent []error
}

func (e *errorsOf) hooks() cluster.Hooks {
	note := func(list *[]error) func(error) {
		return func(err error) {
			e.mu.Lock()
			defer e.mu.Unlock()
			*list = append(*list, err)
		}
	}
	return cluster.Hooks{Unread: note(&e.unread), Unsent: note(&e.unsent)}
}

func TestManyKeysOverABusWithSmallMessages(t *testing.T) {
	const keys = 200 // those of one shard need more than one message
	bubble(t, func(r *rig) {
		r.payload = 400
		var e errorsOf
		a, b := r.start(cluster.Options{Hooks: e.hooks()}), r.start(cluster.Options{Hooks: e.hooks()})
		for i := range keys {
			a.node.Enter(fmt.Sprint(i), clustertest.NewMember("a", r.up))
		}
		r.after(time.Second)
		for i := range keys {
			b.node.Enter(fmt.Sprint(i), clustertest.NewMember("b", r.up))
		}
		r.after(time.Minute)
		for _, s := range a.node.Streams() {
			require.Equal(t, []string{"r1"}, s.Followers, "it says so every 5 s, and counts as one for 15 s")
		}
		beats := a.bus.Sent("beat")
		r.send(1)
		r.after(time.Second)
		assert.Greater(t, a.bus.Sent("beat"), beats)
		assert.Empty(t, e.unread)
		assert.Empty(t, e.unsent)
	})
}

func TestWhatCannotBeReadOrWrittenIsTold(t *testing.T) {
	bubble(t, func(r *rig) {
		var e errorsOf
		s := r.stranger()
		a := r.start(cluster.Options{Hooks: e.hooks()})
		a.enter()
		r.after(10 * time.Millisecond)
		name := a.node.Streams()[0].Name
		for _, subject := range []string{"ev." + name, "log." + name, "in.r0", "beat"} {
			require.NoError(t, s.send(subject, []byte("another program")))
			r.after(time.Millisecond)
		}
		require.Len(t, e.unread, 4)
		for _, err := range e.unread {
			require.ErrorIs(t, err, wire.ErrForeign)
		}
		assert.Empty(t, e.unsent)
	})
	bubble(t, func(r *rig) { // an entry that another program has written, and then a reply
		var e errorsOf
		s := r.stranger()
		a := r.start(cluster.Options{Hooks: e.hooks()})
		_, err := a.bus.Create(t.Context(), s.codec.Name("key"), []byte("mine"))
		require.NoError(t, err)
		a.enter()
		r.after(2 * time.Second)
		assert.Equal(t, []*replica{a}, r.leaders(), "it serves alone")
		assert.Equal(t, []string{"alone"}, a.Calls())
		require.NotEmpty(t, e.unread)
		require.ErrorIs(t, e.unread[0], wire.ErrForeign)
	})
	bubble(t, func(r *rig) {
		var e errorsOf
		r.payload = 60
		a := r.start(cluster.Options{Hooks: e.hooks()})
		a.enter()
		r.after(2 * time.Second)
		assert.Equal(t, []string{"alone"}, a.Calls(), "no entry can be written")
		require.NotEmpty(t, e.unsent)
		assert.True(t, errors.Is(e.unsent[0], wire.ErrTooLarge))
	})
}
