package schema

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/internal/loopback"
)

// What a watcher told, for a test to wait on.
type news struct {
	snapshot *Snapshot
	err      error
}

func watch(t *testing.T, address string) <-chan news {
	t.Helper()
	conn := connect(t, address)
	told := make(chan news, 10)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		NewWatcher(conn, func(s *Snapshot, err error) { told <- news{s, err} }).Run(ctx)
	}()
	t.Cleanup(func() { cancel(); <-done })
	return told
}

func next(t *testing.T, told <-chan news) news {
	t.Helper()
	select {
	case n := <-told:
		return n
	case <-time.After(20 * time.Second):
		require.Fail(t, "the watcher said nothing")
		return news{}
	}
}

// nextSnapshot skips errors: whether one is told in passing depends on timing.
func nextSnapshot(t *testing.T, told <-chan news) *Snapshot {
	t.Helper()
	for {
		if n := next(t, told); n.err == nil {
			return n.snapshot
		}
	}
}

func TestRedeployedServerNeedsNoRestart(t *testing.T) {
	before := registry(t, compileFiles(t, map[string]string{
		"a.proto": `syntax="proto3"; package a; message M {} service S { rpc Old(M) returns (stream M); }`,
	}))
	after := registry(t, compileFiles(t, map[string]string{
		"a.proto": `syntax="proto3"; package a; message M { string name = 1; } service S { rpc New(M) returns (stream M); }`,
	}))
	address, stop := serveGRPC(t, loopback.Own(), reflecting(before, "a.S"))
	told := watch(t, address)
	old := nextSnapshot(t, told)
	_, err := old.Method("a.S", "Old")
	require.NoError(t, err)

	stop()
	_, stop = serveGRPC(t, address, reflecting(after, "a.S"))
	fresh := nextSnapshot(t, told)
	_, err = fresh.Method("a.S", "New")
	require.NoError(t, err)
	_, err = fresh.Method("a.S", "Old")
	require.Error(t, err)
	_, err = old.Method("a.S", "Old")
	require.NoError(t, err, "a snapshot never changes")

	stop()
	serveGRPC(t, address, reflecting(before, "a.S"))
	require.Equal(t, old.Hash(), nextSnapshot(t, told).Hash())
}

func TestServerThatIsDownAtStartIsFoundLater(t *testing.T) {
	files := registry(t, compileFiles(t, map[string]string{
		"a.proto": `syntax="proto3"; package a; message M {} service S { rpc R(M) returns (stream M); }`,
	}))
	address, stop := serveGRPC(t, loopback.Own(), reflecting(files, "a.S"))
	stop()
	told := watch(t, address)
	require.ErrorContains(t, next(t, told).err, "the server cannot be reached")
	serveGRPC(t, address, reflecting(files, "a.S"))
	require.True(t, nextSnapshot(t, told).HasService("a.S"))
}
