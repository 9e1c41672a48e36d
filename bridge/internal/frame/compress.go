package frame

import (
	"sync"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/zstd"
)

// zstdWindow bounds what a decoder must keep, in bytes: far below the 8 MiB that browsers accept (RFC 9659, 3). It is the
// largest block, so an event up to this size is one block, and carries its length.
const zstdWindow = 128 << 10

// keptBuffer is the largest buffer that a compressor keeps for the next piece: an event of megabytes is rare.
const keptBuffer = 64 << 10

// compressors are those at rest. A compressor never waits for anything, so there are hardly more than processors, and the
// garbage collector takes back those that nobody needs: an encoder for zstd has about 650 KiB, the tables that the
// deflate encoder keeps for itself in the same way about 270 KiB.
var compressors = sync.Pool{New: func() any { return new(compressor) }}

// compressor compresses one piece at a time, each independent of those before.
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

// compress returns a piece, which is not empty, in a coding other than Identity. Gzip may refer to the end of prev, which stands
// before it. The result is valid until the next call.
func (c *compressor) compress(e Encoding, piece, prev []byte) []byte {
	c.out = c.out[:0]
	if err := c.encode(e, piece, prev); err != nil {
		panic(err) // compressing memory into memory
	}
	return c.out
}

func (c *compressor) encode(e Encoding, piece, prev []byte) error {
	if e == Gzip {
		// Without a state to reset it is as fast and as small on single events as a writer at its fastest level, and keeps less.
		return flate.StatelessDeflate(c, piece, false, prev)
	}
	if c.zstd == nil {
		var err error
		if c.zstd, err = newZstdEncoder(); err != nil {
			return err
		}
	}
	// Not EncodeAll, which goes through a channel of the encoder's own: one that is made within a synctest bubble cannot be used
	// outside, and compressors are.
	c.zstd.Reset(c)
	if _, err := c.zstd.Write(piece); err != nil {
		return err
	}
	return c.zstd.Close()
}

// newZstdEncoder returns an encoder that starts no goroutine. A checksum would be 4 bytes of each event, for what TCP and TLS
// check already.
func newZstdEncoder() (*zstd.Encoder, error) {
	return zstd.NewWriter(nil,
		zstd.WithWindowSize(zstdWindow), zstd.WithEncoderLevel(zstd.SpeedFastest), // in this order: the level alone halves the block
		zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(false), zstd.WithLowerEncoderMem(true))
}

// Write takes what an encoder has for the current piece.
func (c *compressor) Write(p []byte) (int, error) {
	c.out = append(c.out, p...)
	return len(p), nil
}

// compressed returns a block, which is not empty, in a coding other than Identity. See [compressor.compress].
func compressed(e Encoding, block, prev []byte) piece {
	c := takeCompressor()
	defer c.giveBack()
	return newPiece(c.compress(e, block, prev))
}
