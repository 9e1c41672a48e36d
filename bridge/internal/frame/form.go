package frame

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
	return appendChunk(dst, piece)
}

// End is what stands after the last piece; nil where nothing does.
func (f Form) End() []byte {
	if f.Chunked {
		return []byte("0\r\n\r\n")
	}
	return nil
}

// compress returns a block in a coding.
func compress(_ Encoding, block []byte) *piece {
	p := newPiece(block)
	return &p
}
