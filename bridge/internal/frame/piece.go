package frame

import (
	"bytes"
	"strconv"
)

// crlf ends the lines of the framing of a chunk.
const crlf = "\r\n"

// piece is a piece of a stream within the framing of a chunk, as one allocation:
//
//	1f\r\ndata: {"symbol":"AAPL"}\n\n\r\n
type piece struct {
	chunk []byte
	start int // where the content begins
}

// linked is a piece in gzip that refers to the piece before it.
type linked struct {
	piece
	prev []byte // the predecessor's chunk identifies it. A pointer to the frame would keep all earlier frames alive
}

// follows reports whether prev is the predecessor.
func (l *linked) follows(prev *Frame) bool { return &l.prev[0] == &prev.chunk[0] }

// newPiece returns a piece with a copy of content.
func newPiece(content []byte) piece {
	var size [2 * 8]byte
	hex := strconv.AppendInt(size[:0], int64(len(content)), 16)
	start := len(hex) + len(crlf)
	chunk := make([]byte, 0, start+len(content)+len(crlf))
	return piece{chunk: appendChunk(chunk, content), start: start}
}

// bare returns the piece without the framing.
func (p piece) bare() []byte {
	end := len(p.chunk) - len(crlf)
	return p.chunk[p.start:end:end]
}

// appendChunk appends content as one chunk (RFC 9112, 7.1). Content must not be empty: an empty chunk ends the body.
func appendChunk(dst, content []byte) []byte {
	dst = strconv.AppendInt(dst, int64(len(content)), 16)
	dst = append(dst, crlf...)
	dst = append(dst, content...)
	return append(dst, crlf...)
}

// line returns the text behind "data: ", up to the first line end and including it.
func line(data []byte) []byte {
	data = bytes.TrimPrefix(data, []byte("data: "))
	if i := bytes.IndexByte(data, '\n'); i >= 0 {
		data = data[:i+1]
	}
	return data[:len(data):len(data)]
}
