package frame

// gzipHeader begins a gzip member (RFC 1952, 2.3): deflate, no flags, no time, no system named.
const gzipHeader = "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"

// Form is how a stream stands on one connection. A stream is the form's preface, any number of pieces, each of which can be
// decoded as soon as it is there and whatever was before it, and the form's end. So what is shared and what is made for one
// connection may follow each other in any order.
type Form struct {
	Encoding Encoding
	// Chunked makes each piece a chunk (RFC 9112, 7.1): for connections that were taken over from net/http, which does that
	// otherwise.
	Chunked bool
}

// Preface is what stands before the first piece of a stream; nil where nothing does.
func (f Form) Preface() []byte {
	switch {
	case f.Encoding != Gzip:
		return nil
	case f.Chunked:
		return appendChunk(nil, []byte(gzipHeader))
	}
	return []byte(gzipHeader)
}

// Append appends a piece of a stream in this form. A piece is one or more whole blocks, or a line of one that is yet to come; an
// empty one is nothing. It allocates only where dst has no room. What is short hardly becomes shorter, and only one connection
// has anything of it: it is stored as it is.
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

// End is what stands after the last piece; nil where nothing does. A gzip stream ends without its trailer, which would hold a
// checksum of all that this one connection was sent; browsers take the end of the body for the end of the stream.
func (f Form) End() []byte {
	if f.Chunked {
		return []byte("0\r\n\r\n")
	}
	return nil
}
