package frame_test

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/internal/frame"
)

const quoteBlock = "event: quote\ndata: {\"symbol\":\"AAPL\"}\nid: 7\n\n"

// forms are all that there are.
func forms() []frame.Form {
	var all []frame.Form
	for _, e := range []frame.Encoding{frame.Identity, frame.Gzip, frame.Zstd} {
		all = append(all, frame.Form{Encoding: e}, frame.Form{Encoding: e, Chunked: true})
	}
	return all
}

func TestFrameOfABlock(t *testing.T) {
	block := []byte(quoteBlock)
	f := frame.New(block, len("event: quote\n"))
	clear(block) // the frame has its own
	assert.Equal(t, quoteBlock, string(f.Block()))
	assert.Equal(t, 13, f.Data())
	assert.Equal(t, "{\"symbol\":\"AAPL\"}\n", string(f.Piece().Line(f.Data())))
	assert.Equal(t, quoteBlock, string(f.Bytes(frame.Form{})))
	assert.Equal(t, "2c\r\n"+quoteBlock+"\r\n", string(f.Bytes(frame.Form{Chunked: true})))
}

func TestLine(t *testing.T) {
	for _, tt := range []struct {
		block string
		data  int
		want  string
	}{
		{"data: {}\n\n", 0, "{}\n"},
		{"data: {}\nid: 1\n\n", 0, "{}\n"},
		{"retry: 500\nevent: x\ndata: 1\n\n", 20, "1\n"},
		{"data: \n\n", 0, "\n"},
		{":\n", -1, ""},
	} {
		line := frame.New([]byte(tt.block), tt.data).Piece().Line(tt.data)
		assert.Equal(t, tt.want, string(line))
		assert.Equal(t, tt.data < 0, line == nil)
		assert.Equal(t, len(line), cap(line), "appending must not write into the frame")
	}
}

func TestBytesAreShared(t *testing.T) {
	for _, s := range shapes(t, 1) {
		f := frame.New(s.blocks[0], s.data)
		for _, form := range forms() {
			first := f.Bytes(form)
			got := make([]byte, len(s.blocks[0]))
			_, err := io.ReadFull(decoder(t, form, bytes.NewReader(append(form.Preface(), first...))), got)
			require.NoError(t, err)
			assert.Equal(t, string(s.blocks[0]), string(got), "%v", form)
			again := f.Bytes(form)
			assert.Same(t, unsafe.SliceData(first), unsafe.SliceData(again), "made once: %v", form)

			bare, chunk := f.Bytes(frame.Form{Encoding: form.Encoding}), f.Bytes(frame.Form{Encoding: form.Encoding, Chunked: true})
			within := uintptr(unsafe.Pointer(unsafe.SliceData(bare))) - uintptr(unsafe.Pointer(unsafe.SliceData(chunk)))
			assert.Less(t, within, uintptr(10), "one allocation: %v", form.Encoding)
			assert.Equal(t, len(bare), cap(bare), "appending must not write into the chunk")
		}
		assert.Same(t, unsafe.SliceData(f.Block()), unsafe.SliceData(f.Bytes(frame.Form{})))
	}
}

func TestAfterIsSharedToo(t *testing.T) {
	bare, chunked := frame.Form{Encoding: frame.Gzip}, frame.Form{Encoding: frame.Gzip, Chunked: true}
	for _, s := range shapes(t, 2) {
		prev, other, f := frame.New(s.blocks[0], s.data), frame.New(s.blocks[0], s.data), frame.New(s.blocks[1], s.data)
		var log atomic.Int64
		f.Hold(&log)
		first := f.After(prev, bare)
		assert.Less(t, len(first), len(f.Bytes(bare)), s.name)
		assert.Same(t, unsafe.SliceData(first), unsafe.SliceData(f.After(prev, bare)), "made once")
		assert.Equal(t, fmt.Sprintf("%x\r\n%s\r\n", len(first), first), string(f.After(prev, chunked)))
		assert.EqualValues(t, f.Size(), log.Load(), "and counted")
		assert.Equal(t, len(f.Block())+len(f.Bytes(bare))+len(first), f.Size()-framing(len(f.Block()), len(f.Bytes(bare)), len(first)))

		assert.Same(t, unsafe.SliceData(f.Bytes(bare)), unsafe.SliceData(f.After(other, bare)), "another predecessor, although an equal one")
		for _, form := range []frame.Form{{}, {Encoding: frame.Zstd}, {Encoding: frame.Zstd, Chunked: true}} {
			assert.Same(t, unsafe.SliceData(f.Bytes(form)), unsafe.SliceData(f.After(prev, form)), "%v refers to nothing", form)
		}
	}
}

// framing is what the chunks of pieces take besides the pieces.
func framing(pieces ...int) int {
	n := 0
	for _, p := range pieces {
		n += len(fmt.Sprintf("%x\r\n\r\n", p))
	}
	return n
}

func TestAllocationsOfAFrame(t *testing.T) {
	block := []byte(quoteBlock)
	identity := testing.AllocsPerRun(100, func() {
		f := frame.New(block, 13)
		_, _, _ = f.Bytes(frame.Form{}), f.Bytes(frame.Form{Chunked: true}), f.Piece()
	})
	assert.LessOrEqual(t, identity, 2.0, "the frame, and its bytes")

	f := frame.New(block, 13)
	for _, form := range forms() {
		f.Bytes(form)
		assert.Zero(t, testing.AllocsPerRun(100, func() { f.Bytes(form) }), "%v", form)
	}
}

func TestSizeIsWhatWasMade(t *testing.T) {
	f := frame.New([]byte(quoteBlock), 13)
	want := 0
	for _, e := range []frame.Encoding{frame.Identity, frame.Gzip, frame.Zstd} {
		want += len(f.Bytes(frame.Form{Encoding: e, Chunked: true}))
		assert.Equal(t, want, f.Size())
		f.Bytes(frame.Form{Encoding: e})
		assert.Equal(t, want, f.Size())
	}
}

func TestHoldAndRelease(t *testing.T) {
	var log, cache atomic.Int64
	f := frame.New([]byte(quoteBlock), 13)
	f.Bytes(frame.Form{Encoding: frame.Gzip})
	f.Hold(&log)
	assert.EqualValues(t, f.Size(), log.Load(), "with the forms that it has")
	f.Bytes(frame.Form{Encoding: frame.Zstd, Chunked: true})
	assert.EqualValues(t, f.Size(), log.Load(), "and those made later")
	f.Hold(&cache)
	assert.EqualValues(t, f.Size(), cache.Load())

	f.Release(&log)
	f.Release(&log)
	assert.Zero(t, log.Load())
	assert.EqualValues(t, f.Size(), cache.Load(), "somebody else holds it")
	f.Release(&cache)
	assert.Zero(t, cache.Load())
}

func TestReleasedFramesKeepNoNewForms(t *testing.T) {
	var log, cache atomic.Int64
	gzip, zstd := frame.Form{Encoding: frame.Gzip}, frame.Form{Encoding: frame.Zstd}
	long := strings.Repeat(quoteBlock, 20) // as long as one that is not stored
	f := frame.New([]byte(long), 13)
	f.Hold(&log)
	made := f.Bytes(gzip)
	f.Release(&log)
	size := f.Size()
	assert.Equal(t, string(zstd.Append(nil, []byte(long))), string(f.Bytes(zstd)))
	assert.Equal(t, size, f.Size(), "not kept")
	assert.Zero(t, log.Load(), "not counted")
	assert.Same(t, unsafe.SliceData(made), unsafe.SliceData(f.Bytes(gzip)), "what there was stays")

	f.Hold(&cache)
	f.Bytes(zstd)
	assert.Greater(t, f.Size(), size, "held again")
	assert.EqualValues(t, f.Size(), cache.Load())
}

// TestAFrameIsMadeOnceForAll has many ask for all forms at once, while the log that holds the frame lets it go.
func TestAFrameIsMadeOnceForAll(t *testing.T) {
	for range 20 {
		var log atomic.Int64
		f := frame.New([]byte(strings.Repeat(quoteBlock, 50)), 13)
		f.Hold(&log)
		prev := frame.New([]byte(quoteBlock), 13)
		var mu sync.Mutex
		var group sync.WaitGroup
		seen, linked := map[frame.Form][]*byte{}, map[frame.Form][]*byte{}
		for range 8 {
			group.Go(func() {
				for _, form := range forms() {
					bytes, after := unsafe.SliceData(f.Bytes(form)), unsafe.SliceData(f.After(prev, form))
					mu.Lock()
					seen[form] = append(seen[form], bytes)
					linked[form] = append(linked[form], after)
					mu.Unlock()
					f.Size()
				}
			})
		}
		group.Wait()
		for _, form := range forms() {
			require.Len(t, slices.Compact(seen[form]), 1, "%v", form)
			require.Len(t, slices.Compact(linked[form]), 1, "%v", form)
		}
		require.EqualValues(t, f.Size(), log.Load())
		for range 4 {
			group.Go(func() { f.Release(&log) })
			group.Go(func() { f.Bytes(frame.Form{Encoding: frame.Zstd}) })
		}
		group.Wait()
		require.Zero(t, log.Load())
	}
}

// TestReleaseMeetsNewForms has forms made while the frame is let go: whatever comes first, nothing stays counted.
func TestReleaseMeetsNewForms(t *testing.T) {
	for range 200 {
		var log atomic.Int64
		f := frame.New([]byte(quoteBlock), 13)
		f.Hold(&log)
		var group sync.WaitGroup
		for _, form := range forms() {
			group.Go(func() { f.Bytes(form) })
		}
		group.Go(func() { f.Release(&log) })
		group.Wait()
		require.Zero(t, log.Load())
	}
}

func TestPlainSize(t *testing.T) {
	for _, n := range []int{1, 15, 16, 255, 256, 4095, 4096, 65_535, 65_536} {
		assert.Equal(t, frame.New(make([]byte, n), -1).Size(), frame.PlainSize(n), n)
	}
}
