package wire

import (
	"encoding/binary"
	"fmt"
	"time"
)

// A piece is a header, and behind it a message or a part of one:
//
//	magic "gsc" · version · flags · sender (16) · number (8) · sent (8) · key (4)
//
// The sender is a random text of a process, and the number counts its pieces. Together they are the nonce of a sealed piece.
// The key tells whether the replicas have the same secret; it is zero in a piece without a seal. A part has its index and the
// number of parts in front.
const (
	magic   = "gsc"
	version = 1

	senderBytes = 16
	keyBytes    = 4
	headerBytes = len(magic) + 2 + senderBytes + 8 + 8 + keyBytes
	sealBytes   = 16 // of the tag; room for it stays without a seal too
	partBytes   = 10 // at most, of the index and the number of parts

	// minLimit is the least size of pieces into which a message is cut.
	minLimit = 256
	maxParts = uint64(maxMessage / (minLimit - headerBytes - sealBytes - partBytes))
)

// The flags of a piece.
const (
	flagSealed byte = 1 << iota
	flagPart
)

// header is what stands before a message.
type header struct {
	sealed, part bool
	sender       [senderBytes]byte
	number       uint64
	sent         int64 // when the piece was made, in nanoseconds since 1970 by the clock of the sender
	key          [keyBytes]byte
}

// put writes the header over the first bytes of a piece.
func (h *header) put(piece []byte) {
	dst := append(piece[:0], magic...)
	var flags byte
	if h.sealed {
		flags |= flagSealed
	}
	if h.part {
		flags |= flagPart
	}
	dst = append(dst, version, flags)
	dst = append(dst, h.sender[:]...)
	dst = binary.BigEndian.AppendUint64(dst, h.number)
	dst = binary.BigEndian.AppendUint64(dst, uint64(h.sent))
	_ = append(dst, h.key[:]...)
}

// readHeader reads the header of a piece.
func readHeader(piece []byte) (h header, err error) {
	switch {
	case len(piece) <= len(magic) || string(piece[:len(magic)]) != magic:
		return h, fmt.Errorf("%w: %d bytes without the mark of one", ErrForeign, len(piece))
	case piece[len(magic)] != version:
		return h, fmt.Errorf("%w: expected %d, found %d", ErrVersion, version, piece[len(magic)])
	case len(piece) < headerBytes:
		return h, fmt.Errorf("%w: expected a header of %d bytes, found %d", ErrMalformed, headerBytes, len(piece))
	}
	rest := piece[len(magic)+1:]
	flags := rest[0]
	if flags&^(flagSealed|flagPart) != 0 {
		return h, fmt.Errorf("%w: expected flags of 2 bits, found %#x", ErrMalformed, flags)
	}
	h.sealed, h.part = flags&flagSealed != 0, flags&flagPart != 0
	rest = rest[1:]
	rest = rest[copy(h.sender[:], rest):]
	h.number, rest = binary.BigEndian.Uint64(rest), rest[8:]
	h.sent, rest = int64(binary.BigEndian.Uint64(rest)), rest[8:]
	copy(h.key[:], rest)
	return h, nil
}

// mostWay is how long a message counts as having been on its way at most. Clocks of replicas differ: an event that looks much older
// than it is would leave the log of a replica too early.
const mostWay = 5 * time.Second

// way returns how long a piece was on its way, from 0 to mostWay.
func (h *header) way(now time.Time) time.Duration {
	return min(max(0, now.Sub(time.Unix(0, h.sent))), mostWay)
}
