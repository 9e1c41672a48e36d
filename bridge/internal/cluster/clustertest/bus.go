package clustertest

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/internal/cluster"
)

const (
	patience = 15 * time.Second // how long a test waits for what must come
	poll     = 10 * time.Millisecond
)

// Bus tests a bus. join returns the connected bus of one replica more, of the same cluster within one test.
func Bus(t *testing.T, join func(t *testing.T) cluster.Bus) {
	for name, test := range map[string]func(*testing.T, func(*testing.T) cluster.Bus){
		"entries":              testEntries,
		"one claim succeeds":   testClaims,
		"revisions grow":       testRevisions,
		"messages":             testMessages,
		"requests":             testRequests,
		"connection":           testConnection,
		"a message is bounded": testPayload,
	} {
		t.Run(name, func(t *testing.T) { test(t, join) })
	}
}

// limited returns a context for one request.
func limited(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

func testEntries(t *testing.T, join func(*testing.T) cluster.Bus) {
	a, b, ctx := join(t), join(t), limited(t)
	_, _, err := a.Get(ctx, "none1")
	require.ErrorIs(t, err, cluster.ErrNoEntry)
	_, err = a.Update(ctx, "none1", nil, 1)
	require.ErrorIs(t, err, cluster.ErrConflict)
	require.ErrorIs(t, a.Delete(ctx, "none1", 1), cluster.ErrConflict)
	first, err := a.Create(ctx, "key1", []byte("one"))
	require.NoError(t, err)
	require.Positive(t, first)
	_, err = b.Create(ctx, "key1", []byte("two"))
	require.ErrorIs(t, err, cluster.ErrExists)
	value, revision, err := b.Get(ctx, "key1")
	require.NoError(t, err)
	assert.Equal(t, "one", string(value))
	assert.Equal(t, first, revision)
	second, err := b.Update(ctx, "key1", []byte("two"), first)
	require.NoError(t, err)
	assert.Greater(t, second, first)
	_, err = a.Update(ctx, "key1", []byte("three"), first)
	require.ErrorIs(t, err, cluster.ErrConflict)
	require.ErrorIs(t, a.Delete(ctx, "key1", first), cluster.ErrConflict)
	require.NoError(t, b.Delete(ctx, "key1", second))
	_, _, err = a.Get(ctx, "key1")
	require.ErrorIs(t, err, cluster.ErrNoEntry)
}

func testClaims(t *testing.T, join func(*testing.T) cluster.Bus) {
	const keys = 50
	buses := []cluster.Bus{join(t), join(t), join(t)}
	ctx := limited(t)
	var mu sync.Mutex
	winners := map[string]int{}
	var all sync.WaitGroup
	for _, b := range buses {
		all.Go(func() {
			for i := range keys {
				name := fmt.Sprintf("claim%d", i)
				_, err := b.Create(ctx, name, []byte("x"))
				if err != nil {
					assert.ErrorIs(t, err, cluster.ErrExists) //nolint:testifylint // not the goroutine of the test
					continue
				}
				mu.Lock()
				winners[name]++
				mu.Unlock()
			}
		})
	}
	all.Wait()
	require.Len(t, winners, keys)
	for name, n := range winners {
		assert.Equal(t, 1, n, name)
	}
}

func testRevisions(t *testing.T, join func(*testing.T) cluster.Bus) {
	a, ctx := join(t), limited(t)
	var last uint64
	for range 3 {
		revision, err := a.Create(ctx, "again1", []byte("x"))
		require.NoError(t, err)
		require.Greater(t, revision, last, "also of an entry that was deleted")
		require.NoError(t, a.Delete(ctx, "again1", revision))
		last = revision
	}
}

// inbox keeps what a subscription has brought.
type inbox struct {
	mu  sync.Mutex
	got []string
}

func (i *inbox) handle(d *cluster.Delivery) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.got = append(i.got, d.Subject+" "+string(d.Data))
}

func (i *inbox) all() []string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return append([]string{}, i.got...)
}

// reach publishes until a subscription of another replica is known, as one may take a while to be.
func reach(t *testing.T, from cluster.Bus, subject string, in *inbox) {
	t.Helper()
	require.Eventually(t, func() bool {
		_ = from.Publish(subject, []byte("0"))
		return len(in.all()) > 0
	}, patience, poll)
}

func testMessages(t *testing.T, join func(*testing.T) cluster.Bus) {
	const messages = 200
	a, b := join(t), join(t)
	var own, other, foreign inbox
	for _, s := range []struct {
		bus     cluster.Bus
		subject string
		in      *inbox
	}{{a, "ev.one", &own}, {b, "ev.one", &other}, {b, "ev.two", &foreign}} {
		stop, err := s.bus.Subscribe(s.subject, s.in.handle)
		require.NoError(t, err)
		t.Cleanup(stop)
	}
	reach(t, a, "ev.one", &other)
	var want []string
	for i := 1; i <= messages; i++ {
		text := fmt.Sprint(i)
		require.NoError(t, a.Publish("ev.one", []byte(text)))
		want = append(want, "ev.one "+text)
	}
	require.Eventually(t, func() bool {
		got := other.all()
		return got[len(got)-1] == want[messages-1]
	}, patience, poll)
	got := other.all()
	assert.Equal(t, want, got[len(got)-messages:], "in their order")
	assert.Empty(t, own.all(), "a replica does not receive its own messages")
	assert.Empty(t, foreign.all(), "a message is for its subject only")
}

func testRequests(t *testing.T, join func(*testing.T) cluster.Bus) {
	a, b := join(t), join(t)
	_, err := a.Request(limited(t), "log.none", nil)
	require.ErrorIs(t, err, cluster.ErrNoResponders)
	reply := func(d *cluster.Delivery) {
		if d.Reply != nil {
			assert.NoError(t, d.Reply(append([]byte("re: "), d.Data...)))
		}
	}
	stop, err := a.Subscribe("log.own", reply)
	require.NoError(t, err)
	t.Cleanup(stop)
	_, err = a.Request(limited(t), "log.own", nil)
	require.ErrorIs(t, err, cluster.ErrNoResponders, "nor does it answer its own requests")
	stop, err = b.Subscribe("log.key", reply)
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		answer, err := a.Request(limited(t), "log.key", []byte("x"))
		return err == nil && string(answer) == "re: x"
	}, patience, poll)
	stop()
	require.Eventually(t, func() bool {
		_, err := a.Request(limited(t), "log.key", []byte("x"))
		return err != nil
	}, patience, poll, "a subscription that has ended does not answer")
	silent, err := b.Subscribe("log.silent", func(*cluster.Delivery) {})
	require.NoError(t, err)
	t.Cleanup(silent)
	require.Eventually(t, func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		_, err := a.Request(ctx, "log.silent", nil)
		return assert.Error(t, err) && ctx.Err() != nil // the error comes at once until the subscription is known
	}, patience, poll)
}

func testConnection(t *testing.T, join func(*testing.T) cluster.Bus) {
	told := make(chan bool, 1)
	stop := join(t).Watch(func(connected bool) { told <- connected })
	defer stop()
	select {
	case connected := <-told:
		assert.True(t, connected)
	default:
		t.Error("a watcher is told at once how it is now")
	}
}

func testPayload(t *testing.T, join func(*testing.T) cluster.Bus) {
	a, b := join(t), join(t)
	var in inbox
	stop, err := b.Subscribe("ev.large", in.handle)
	require.NoError(t, err)
	t.Cleanup(stop)
	reach(t, a, "ev.large", &in)
	most := a.MaxPayload()
	require.Positive(t, most)
	require.NoError(t, a.Publish("ev.large", make([]byte, most)))
	require.Eventually(t, func() bool {
		got := in.all()
		return len(got[len(got)-1]) == most+len("ev.large ")
	}, patience, poll)
	require.Error(t, a.Publish("ev.large", make([]byte, most+1)))
}
