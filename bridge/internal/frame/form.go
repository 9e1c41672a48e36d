// Package frame finishes blocks of an event stream for the wire: plain or compressed, bare or as chunks of HTTP/1.1.
//
// A [Frame] is the event of a stream that many connections read: each form that any of them wants is made once, when the
// first one wants it, and shared. A [Form] alone serves what only one connection reads.
package frame

import "strconv"

// Encoding is a content coding (RFC 9110, 8.4).
type Encoding uint8

// The codings that a stream can have.
const (
	Identity Encoding = iota
	Gzip              // one header, then independent, sync-flushed deflate blocks, without a trailer
	Zstd              // one frame for each piece
)

// String returns the coding as Content-Encoding names it, "" for none.
func (e Encoding) String() string {
	switch e {
	case Gzip:
		return "gzip"
	case Zstd:
		return "zstd"
	}
	return ""
}

// Form is how a stream stands on one connection.
type Form struct {
	Encoding Encoding
	// Chunked makes each piece a chunk (RFC 9112, 7.1): for connections that were taken over from net/http, which does that
	// otherwise.
	Chunked bool
}

// Preface is what stands before the first piece of a stream; nil where nothing does.
func (f Form) Preface() []byte { return nil }

// Append appends a piece of a stream in this form. A piece is one or more whole blocks, or a line of one that is yet to come.
func (f Form) Append(dst, piece []byte) []byte {
	if !f.Chunked {
		return append(dst, piece...)
	}
	dst = strconv.AppendInt(dst, int64(len(piece)), 16)
	dst = append(dst, "\r\n"...)
	dst = append(dst, piece...)
	return append(dst, "\r\n"...)
}

// End is what stands after the last piece; nil where nothing does.
func (f Form) End() []byte {
	if f.Chunked {
		return []byte("0\r\n\r\n")
	}
	return nil
}
