package wire

import (
	"encoding/binary"
	"fmt"
	"math"
)

// reader reads what the writers have appended. The first error stays: after it, all results are zero. The bytes may be
// hostile: no result takes more memory than a small multiple of the bytes that are there.
type reader struct {
	rest []byte
	size int // of the whole message
	err  error
}

// fail records what was expected at the present place.
func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		at := r.size - len(r.rest)
		r.err = fmt.Errorf("%w: at byte %d of %d: %s", ErrMalformed, at, r.size, fmt.Sprintf(format, args...))
	}
	r.rest = nil
}

// end returns the first error. Bytes that are left are an error.
func (r *reader) end() error {
	if r.err == nil && len(r.rest) > 0 {
		r.fail("expected the end of the message, found %d more bytes", len(r.rest))
	}
	return r.err
}

func (r *reader) byte(what string) byte {
	if len(r.rest) == 0 {
		r.fail("expected %s, found the end", what)
		return 0
	}
	b := r.rest[0]
	r.rest = r.rest[1:]
	return b
}

// uint reads a varint that is in its shortest form, and at most limit.
func (r *reader) uint(what string, limit uint64) uint64 {
	n, length := binary.Uvarint(r.rest)
	switch {
	case length <= 0:
		r.fail("expected %s, found no number", what)
		return 0
	case length > 1 && r.rest[length-1] == 0:
		r.fail("expected %s in its shortest form", what)
		return 0
	case n > limit:
		r.fail("expected %s up to %d, found %d", what, limit, n)
		return 0
	}
	r.rest = r.rest[length:]
	return n
}

// number reads any 64-bit number.
func (r *reader) number(what string) uint64 { return r.uint(what, math.MaxUint64) }

func (r *reader) int(what string) int64 {
	n := r.number(what)
	return int64(n>>1) ^ -int64(n&1) // the zigzag of binary.AppendVarint
}

// bytes reads at most limit bytes that have their length in front. The result is part of the message.
func (r *reader) bytes(what string, limit int) []byte {
	return r.take(what, r.uint(what, uint64(limit)))
}

// take reads n bytes. The result is part of the message.
func (r *reader) take(what string, n uint64) []byte {
	if n > uint64(len(r.rest)) {
		r.fail("expected %s of %d bytes, found %d bytes", what, n, len(r.rest))
		return nil
	}
	b := r.rest[:n:n]
	r.rest = r.rest[n:]
	return b
}

func (r *reader) text(what string, limit int) string { return string(r.bytes(what, limit)) }

// count reads how many things follow, at most limit, where each has at least size bytes.
func (r *reader) count(what string, size, limit int) int {
	n := r.uint(what, uint64(limit))
	if n > uint64(len(r.rest)/size) {
		r.fail("expected %d %s, found room for %d", n, what, len(r.rest)/size)
		return 0
	}
	return int(n)
}

// flags reads a byte of n flags.
func (r *reader) flags(what string, n int) (set [8]bool) {
	b := r.byte(what)
	if b>>n != 0 {
		r.fail("expected %s of %d bits, found %#x", what, n, b)
		return set
	}
	for i := range set {
		set[i] = b&(1<<i) != 0
	}
	return set
}
