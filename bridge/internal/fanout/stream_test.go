package fanout_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/internal/fanout"
)

func TestSubscribersShareOneUpstreamStream(t *testing.T) {
	inWorld(t, fanout.Settings{}, func(w *world) {
		first, second := w.join(fanout.Newcomer{}), w.join(fanout.Newcomer{})
		up := w.upstream.next()
		require.NotNil(t, up)
		assert.Empty(t, first.read())
		require.NoError(t, up.send("a", "b"))
		assert.Equal(t, []string{"a", "b"}, first.read())
		require.NoError(t, up.send("c"))
		assert.Equal(t, []string{"c"}, first.read())
		assert.Equal(t, []string{"a", "b", "c"}, second.read())
		up.end(fanout.Over, "done")
		assert.Equal(t, []string{"end: done"}, first.read())
		assert.Equal(t, []string{"end: done"}, second.read())
		assert.Nil(t, w.upstream.next())
		assert.Equal(t, 1, w.opens)
		first.Close()
		second.Close()
	})
}
