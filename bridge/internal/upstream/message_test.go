package upstream

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/mem"
)

func TestMessageJoinsPieces(t *testing.T) {
	whole := bytes.Repeat([]byte("0123456789"), 1000)
	for _, sizes := range [][]int{{}, {10_000}, {1, 9_999}, {4096, 4096, 1808}, {0, 10_000}, {5000, 0, 5000}} {
		var pieces mem.BufferSlice
		rest := whole
		for _, size := range sizes {
			pieces = append(pieces, mem.Copy(rest[:size], mem.DefaultBufferPool()))
			rest = rest[size:]
		}
		want := pieces.Materialize()
		var message Message
		require.NoError(t, passThrough{}.Unmarshal(pieces, &message))
		pieces.Free() // as gRPC does
		require.True(t, bytes.Equal(want, message.Bytes()), "pieces of %v bytes", sizes)
		message.Release()
		require.Empty(t, message.Bytes())
	}
}

// Reference counts decide when gRPC uses a buffer again: a message keeps its own until it is released, and then no more.
func TestMessageHoldsItsBufferUntilReleased(t *testing.T) {
	pool := &recordingPool{}
	data := pool.Get(8 << 10)
	pieces := mem.BufferSlice{mem.NewBuffer(data, pool)}
	var message Message
	require.NoError(t, passThrough{}.Unmarshal(pieces, &message))
	pieces.Free()
	require.Empty(t, pool.returned)
	require.Same(t, &(*data)[0], &message.Bytes()[0], "one piece is not copied")
	message.Release()
	require.Equal(t, []*[]byte{data}, pool.returned)
}

type recordingPool struct{ returned []*[]byte }

func (p *recordingPool) Get(length int) *[]byte { b := make([]byte, length); return &b }
func (p *recordingPool) Put(b *[]byte)          { p.returned = append(p.returned, b) }

func TestCodecRefusesOtherTypes(t *testing.T) {
	_, err := passThrough{}.Marshal("text")
	require.ErrorContains(t, err, "found string")
	require.ErrorContains(t, passThrough{}.Unmarshal(nil, new(string)), "found *string")
}

// replay is the receiving side of a gRPC stream without gRPC.
type replay struct {
	grpc.ClientStream
	pieces mem.BufferSlice
}

func (r *replay) RecvMsg(m any) error { return passThrough{}.Unmarshal(r.pieces, m) }

func TestRecvAllocatesNothing(t *testing.T) {
	for name, pieces := range map[string]mem.BufferSlice{
		"one piece":    {mem.SliceBuffer(make([]byte, 100))},
		"three pieces": {mem.SliceBuffer(make([]byte, 9000)), mem.SliceBuffer(make([]byte, 9000)), mem.SliceBuffer(make([]byte, 10))},
	} {
		stream := &Stream{calls: &replay{pieces: pieces}, cancel: func() {}, limit: newMessageLimit(0)}
		allocations := testing.AllocsPerRun(1000, func() {
			message, err := stream.Recv()
			if err != nil || len(message.Bytes()) == 0 {
				t.Error("no message")
			}
			message.Release()
		})
		assert.Less(t, allocations, 0.5, name) // the race detector makes pools forget now and then
	}
}

func TestFixedMetadataIsNotChangedByACall(t *testing.T) {
	fixed, err := newFixedMetadata(map[string]string{"x-b": "2", "x-a": "1"}, nil, nil)
	require.NoError(t, err)
	fixed.attach(fixed.attach(t.Context()))
	require.Len(t, fixed.values, 2)
}

func TestMessageLimitStaysInRange(t *testing.T) {
	for _, bytes := range []int{0, 1, 1 << 20, 1<<31 - 1} {
		l := newMessageLimit(bytes)
		assert.Positive(t, l.bytes)
		assert.Greater(t, l.wire, l.bytes)
		assert.LessOrEqual(t, l.wire, 1<<31-1)
	}
}
