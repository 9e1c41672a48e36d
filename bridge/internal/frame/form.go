package frame

// gzipHeader begins a gzip member (RFC 1952, 2.3): deflate, no flags, no time, no system named.
const gzipHeader = "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"

// Form is how a stream is written to one connection: the form's preface, any number of pieces, and the form's end. Each piece
// can be decoded as soon as it arrives, independently of the pieces before it. So shared pieces and pieces of one connection
// may follow each other in any order.
type Form struct {
	Encoding Encoding
	// Chunked makes each piece a chunk (RFC 9112, 7.1). It is for connections that were taken over from net/http, which would
	// otherwise make the chunks.
	Chunked bool
}

// Preface returns what stands before the first piece of a stream, or nil.
func (f Form) Preface() []byte {
	switch {
	case f.Encoding != Gzip:
		return nil
	case f.Chunked:
		return appendChunk(nil, []byte(gzipHeader))
	}
	return []byte(gzipHeader)
}

// Append appends a piece of a stream in this form. A piece is one or more whole blocks, or a line of a block whose rest
// follows. An empty piece appends nothing. Append allocates only where dst has no room. Short pieces are stored and not
// compressed: compressing them gains little, and only one connection would profit.
func (f Form) Append(dst, piece []byte) []byte {
	if len(piece) == 0 {
		return dst
	}
	if f.Encoding != Identity {
		c := takeCompressor()
		defer c.giveBack()
		if len(piece) < worthwhile {
			piece = c.store(f.Encoding, piece)
		} else {
			piece = c.compress(f.Encoding, piece, nil)
		}
	}
	if f.Chunked {
		return appendChunk(dst, piece)
	}
	return append(dst, piece...)
}

// End returns what stands after the last piece, or nil. A gzip stream ends without its trailer, which would hold a checksum of
// everything that this one connection was sent. Browsers take the end of the body as the end of the stream.
func (f Form) End() []byte {
	if f.Chunked {
		return []byte("0\r\n\r\n")
	}
	return nil
}
