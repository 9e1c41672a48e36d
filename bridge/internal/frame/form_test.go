package frame_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http/httputil"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/grpcsse/grpcsse/bridge/internal/frame"
)

func TestPlainForms(t *testing.T) {
	bare, chunked := frame.Form{}, frame.Form{Chunked: true}
	assert.Nil(t, bare.Preface())
	assert.Nil(t, chunked.Preface())
	assert.Equal(t, "x:\n", string(bare.Append([]byte("x"), []byte(":\n"))))
	assert.Equal(t, "x2\r\n:\n\r\n", string(chunked.Append([]byte("x"), []byte(":\n"))))
	assert.Equal(t, "ff\r\n", string(chunked.Append(nil, make([]byte, 255))[:4]))
	assert.Nil(t, bare.End())
	assert.Equal(t, "0\r\n\r\n", string(chunked.End()))
}

func TestCompressedForms(t *testing.T) {
	gz := frame.Form{Encoding: frame.Gzip}
	assert.Equal(t, "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff", string(gz.Preface()))
	assert.True(t, bytes.HasSuffix(gz.Append(nil, bytes.Repeat([]byte("data: 1\n"), 100)), []byte("\x00\x00\xff\xff")), "ends on a byte")
	assert.Equal(t, "\x00\x09\x00\xf6\xffdata: 1\n\n\x00\x00\x00\xff\xff", string(gz.Append(nil, []byte("data: 1\n\n"))), "what is short is stored")
	assert.Nil(t, gz.End(), "no trailer")
	assert.Nil(t, frame.Form{Encoding: frame.Zstd}.Preface())
	assert.True(t, bytes.HasPrefix(frame.Form{Encoding: frame.Zstd}.Append(nil, []byte(":\n")), []byte("\x28\xb5\x2f\xfd")))
	for _, form := range forms() {
		assert.Equal(t, "x", string(form.Append([]byte("x"), nil)), "%v: an empty chunk would end the body", form)
		assert.Less(t, len(form.Append(nil, []byte(":\n"))), 32, "%v: a heartbeat", form)
	}
}

func TestAppendingAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector has pools forget")
	}
	for _, s := range shapes(t, 1) {
		block := s.blocks[0]
		for _, form := range forms() {
			buf := form.Append(nil, block)
			// The garbage collector may take a compressor away, once in a while.
			assert.Less(t, testing.AllocsPerRun(100, func() { buf = form.Append(buf[:0], block) }), 1.0, "%s %v", s.name, form)
		}
	}
}

// decoder reads back what a form makes of a stream, by somebody else's code.
func decoder(t require.TestingT, form frame.Form, r io.Reader) io.Reader {
	if form.Chunked {
		r = httputil.NewChunkedReader(r)
	}
	switch form.Encoding {
	case frame.Gzip:
		g, err := gzip.NewReader(r)
		require.NoError(t, err)
		return g
	case frame.Zstd:
		z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(8<<20))
		require.NoError(t, err)
		return z
	}
	return r
}

// TestPiecesAreReadAtOnce sends a piece only when the one before has been decoded to its end: a decoder that needs more to go on
// blocks for ever, which synctest reports.
func TestPiecesAreReadAtOnce(t *testing.T) {
	pieces := [][]byte{[]byte(":\n"), []byte("retry: 2000\n")}
	for _, s := range shapes(t, 2) {
		pieces = append(pieces, s.blocks...)
	}
	pieces = append(pieces, bytes.Repeat(pieces[2], 3000), noise(300<<10), []byte(":\n"))
	for _, form := range forms() {
		t.Run(fmt.Sprint(form), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, w := io.Pipe()
				wire := make(chan []byte, 2)
				go func() {
					for bytes := range wire {
						w.Write(bytes)
					}
				}()
				wire <- form.Preface()
				d := decoder(t, form, r)
				for i, p := range pieces {
					wire <- form.Append(nil, p)
					got := make([]byte, len(p))
					_, err := io.ReadFull(d, got)
					require.NoError(t, err)
					require.True(t, bytes.Equal(p, got), "piece %d", i)
				}
				close(wire)
				r.Close()
			})
		})
	}
}

// noise is text that no coding makes smaller, and so takes the ways around compression.
func noise(n int) []byte {
	var b bytes.Buffer
	for x := uint64(1); b.Len() < n; x = x*6364136223846793005 + 1442695040888963407 {
		b.WriteByte(byte(x >> 56))
	}
	return b.Bytes()
}

// TestAnyStreamIsReadBack draws streams of shared frames and of pieces made for one connection, in any order. A frame that
// follows another directly may refer to it.
func TestAnyStreamIsReadBack(t *testing.T) {
	var blocks [][]byte
	for _, s := range shapes(t, 3) {
		blocks = append(blocks, s.blocks...)
	}
	blocks = append(blocks, noise(40<<10), []byte(":\n"))
	rapid.Check(t, func(t *rapid.T) {
		form := rapid.SampledFrom(forms()).Draw(t, "form")
		frames := make([]*frame.Frame, len(blocks))
		for i, b := range rapid.Permutation(blocks).Draw(t, "blocks") {
			frames[i] = frame.New(b, 0)
		}
		sent := form.Preface()
		var want []byte
		var prev *frame.Frame // whose block stood last
		for range rapid.IntRange(0, 12).Draw(t, "pieces") {
			if !rapid.Bool().Draw(t, "shared") {
				p := drawPiece(t)
				sent, want, prev = form.Append(sent, p), append(want, p...), nil
				continue
			}
			f := rapid.SampledFrom(frames).Draw(t, "frame")
			if prev != nil && rapid.Bool().Draw(t, "linked") {
				sent = append(sent, f.After(prev, form)...)
			} else {
				sent = append(sent, f.Bytes(form)...)
			}
			want, prev = append(want, f.Block()...), f
		}
		sent = append(sent, form.End()...)
		if len(sent) == 0 {
			return
		}
		got, err := io.ReadAll(decoder(t, form, bytes.NewReader(sent)))
		if form.Encoding == frame.Gzip {
			require.ErrorIs(t, err, io.ErrUnexpectedEOF, "there is no trailer")
		} else {
			require.NoError(t, err)
		}
		require.True(t, bytes.Equal(want, got))
	})
}

func drawPiece(t *rapid.T) []byte {
	switch rapid.IntRange(0, 3).Draw(t, "kind") {
	case 0:
		return rapid.SliceOfN(rapid.Byte(), 0, 600).Draw(t, "bytes")
	case 1:
		return []byte(strings.Repeat(rapid.StringN(1, 8, -1).Draw(t, "text"), rapid.IntRange(1, 30_000).Draw(t, "times")))
	case 2:
		return noise(rapid.IntRange(0, 200<<10).Draw(t, "length"))
	}
	return []byte(":\n")
}

// TestCompressorsAreSharedByGoroutines has as many at work as a busy server.
func TestCompressorsAreSharedByGoroutines(t *testing.T) {
	all := shapes(t, 1)
	var group sync.WaitGroup
	for i := range 16 {
		group.Go(func() {
			form := forms()[2+i%4]
			for j := range 40 {
				block := all[(i+j)%len(all)].blocks[0]
				sent := form.Append(form.Preface(), block)
				got := make([]byte, len(block))
				_, err := io.ReadFull(decoder(t, form, bytes.NewReader(sent)), got)
				assert.NoError(t, err)
				assert.True(t, bytes.Equal(block, got), "%v", form)
			}
		})
	}
	group.Wait()
}

// TestCompressingWithinABubble leaves compressors behind that must work outside it, and in the next one.
func TestCompressingWithinABubble(t *testing.T) {
	compressAll := func(t *testing.T) {
		for _, form := range forms() {
			require.NotEmpty(t, form.Append(nil, []byte(quoteBlock)))
		}
	}
	synctest.Test(t, compressAll)
	compressAll(t)
	synctest.Test(t, compressAll)
}
