package frame

import (
	"sync"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/zstd"
)

// zstdWindow bounds how many bytes a decoder must keep. It is far below the 8 MiB that browsers accept (RFC 9659, 3). It is
// also the largest block: an event up to this size is one block, which states its length.
const zstdWindow = 128 << 10

// keptBuffer is the largest buffer that a compressor keeps for the next piece. Events of megabytes are rare.
const keptBuffer = 64 << 10

// compressors holds the compressors that are not in use. A compressor never waits, so there are hardly more of them than
// processors. The garbage collector frees unused ones. An encoder for zstd holds about 650 KiB. The deflate encoder pools its
// tables in the same way; they take about 270 KiB.
var compressors = sync.Pool{New: func() any { return new(compressor) }}

// compressor compresses one piece at a time, each independently of the pieces before it.
type compressor struct {
	out  []byte
	zstd *zstd.Encoder // nil until it is needed
}

func takeCompressor() *compressor { return compressors.Get().(*compressor) }

func (c *compressor) giveBack() {
	if cap(c.out) > keptBuffer {
		c.out = nil
	}
	compressors.Put(c)
}

// compress returns a non-empty piece in a coding other than Identity. Gzip may refer to the end of prev, the piece before it.
// The result is valid until the next call.
func (c *compressor) compress(e Encoding, piece, prev []byte) []byte {
	c.out = c.out[:0]
	if err := c.encode(e, piece, prev); err != nil {
		panic(err) // compressing from memory into memory cannot fail
	}
	return c.out
}

func (c *compressor) encode(e Encoding, piece, prev []byte) error {
	if e == Gzip {
		// StatelessDeflate keeps no state. On single events it is as fast as a writer at its fastest level, and the output is
		// as small.
		return flate.StatelessDeflate(c, piece, false, prev)
	}
	if c.zstd == nil {
		var err error
		if c.zstd, err = newZstdEncoder(); err != nil {
			return err
		}
	}
	// EncodeAll would use a channel of the encoder. A channel that was made within a synctest bubble cannot be used outside it,
	// but compressors are pooled across tests.
	c.zstd.Reset(c)
	if _, err := c.zstd.Write(piece); err != nil {
		return err
	}
	return c.zstd.Close()
}

// newZstdEncoder returns an encoder that starts no goroutine. It writes no checksum: a checksum would add 4 bytes to each
// event, and TCP and TLS have their own.
func newZstdEncoder() (*zstd.Encoder, error) {
	return zstd.NewWriter(nil,
		zstd.WithWindowSize(zstdWindow), zstd.WithEncoderLevel(zstd.SpeedFastest), // in this order: the level alone halves the block
		zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(false), zstd.WithLowerEncoderMem(true))
}

// Write appends to the output of the current piece. The encoders call it.
func (c *compressor) Write(p []byte) (int, error) {
	c.out = append(c.out, p...)
	return len(p), nil
}

// compressed returns a non-empty block in a coding other than Identity. See [compressor.compress].
func compressed(e Encoding, block, prev []byte) Piece {
	c := takeCompressor()
	defer c.giveBack()
	return newPiece(c.compress(e, block, prev))
}
