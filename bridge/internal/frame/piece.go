package frame

import (
	"bytes"
	"strconv"
)

// crlf ends the lines of the framing of a chunk.
const crlf = "\r\n"

// Piece is a piece of a stream within the framing of a chunk, so that it stands ready for connections of both kinds:
//
//	1f\r\ndata: {"symbol":"AAPL"}\n\n\r\n
//
// The bytes of a piece never change.
type Piece struct {
	chunk []byte
	start int // where the content begins
}

// AppendPiece appends to dst a piece with a copy of content, which must not be empty. The piece shares the memory of dst.
func AppendPiece(dst, content []byte) ([]byte, Piece) {
	n := len(dst)
	dst = appendChunk(dst, content)
	chunk := dst[n:len(dst):len(dst)]
	return dst, Piece{chunk, len(chunk) - len(content) - len(crlf)}
}

// PieceIn returns the piece that [AppendPiece] has appended to an empty slice. It ends at end, and start is its [Piece.Start].
func PieceIn(all []byte, end, start int) Piece { return Piece{all[:end:end], start} }

// Start returns where the content begins in the piece.
func (p Piece) Start() int { return p.start }

// Block returns the content, without the framing.
func (p Piece) Block() []byte {
	end := len(p.chunk) - len(crlf)
	return p.chunk[p.start:end:end]
}

// Plain returns the piece for a connection without compression: with the framing of a chunk, or without it.
func (p Piece) Plain(chunked bool) []byte {
	if chunked {
		return p.chunk
	}
	return p.Block()
}

// linked is a piece in gzip that refers to the piece before it.
type linked struct {
	Piece
	prev []byte // the predecessor's chunk identifies it. A pointer to the frame would keep all earlier frames alive
}

// follows reports whether prev is the predecessor.
func (l *linked) follows(prev *Frame) bool { return &l.prev[0] == &prev.chunk[0] }

// newPiece returns a piece with a copy of content.
func newPiece(content []byte) Piece {
	_, p := AppendPiece(make([]byte, 0, PlainSize(len(content))), content)
	return p
}

// appendChunk appends content as one chunk (RFC 9112, 7.1). Content must not be empty: an empty chunk ends the body.
func appendChunk(dst, content []byte) []byte {
	dst = strconv.AppendInt(dst, int64(len(content)), 16)
	dst = append(dst, crlf...)
	dst = append(dst, content...)
	return append(dst, crlf...)
}

// Line returns the data of a block with its line end. data is the index in the block at which the data line begins. The result
// is nil where data is negative.
func (p Piece) Line(data int) []byte {
	if data < 0 {
		return nil
	}
	text := bytes.TrimPrefix(p.Block()[data:], []byte("data: "))
	if i := bytes.IndexByte(text, '\n'); i >= 0 {
		text = text[:i+1]
	}
	return text[:len(text):len(text)]
}
