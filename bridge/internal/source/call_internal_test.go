package source

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A quiet stream does not hold the memory of its largest message.
func TestALargeBufferIsNotKept(t *testing.T) {
	encode := func(dst []byte, message any) ([]byte, error) {
		return append(dst, bytes.Repeat([]byte("x"), message.(int))...), nil
	}
	c := newCall(t.Context(), "x", nil, nil, encode)
	defer c.cancel()
	sizes := []int{10, 2 * keptBytes, 2 * keptBytes, 20, 30}
	sent := make(chan error, len(sizes))
	go func() {
		for _, size := range sizes {
			sent <- c.send(size)
		}
	}()
	for _, size := range sizes {
		wire, err := c.Recv()
		require.NoError(t, err)
		require.Len(t, wire, size)
		require.NoError(t, <-sent)
	}
	for _, buffer := range c.buffers {
		assert.LessOrEqual(t, cap(buffer), keptBytes)
	}
}
