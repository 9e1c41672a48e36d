package wire

import (
	"fmt"
	"time"
)

// maxMessage bounds a message in bytes.
const maxMessage = 128 << 20

// Codec writes and reads the messages of the replicas of one cluster. Its methods may be called concurrently. A process needs
// one Codec: the pieces that come of a message are kept there until the message is whole.
type Codec struct {
	keys  *keys
	own   *sender
	parts parts
}

// Settings are what all replicas of a cluster must have in common.
type Settings struct {
	Name string // of the cluster
	// Secret has at least [MinSecret] bytes. It names keys, so that a reader of names cannot find out what is behind them,
	// and seals messages.
	Secret []byte
	Seal   bool // messages are encrypted and authenticated
}

// NewCodec returns a codec.
func NewCodec(s Settings) (*Codec, error) {
	keys, err := newKeys(s)
	if err != nil {
		return nil, err
	}
	own, err := keys.newSender()
	if err != nil {
		return nil, err
	}
	return &Codec{keys: keys, own: own, parts: parts{most: maxMessage, open: map[partOf]*unfinished{}}}, nil
}

// Name returns the name of a key in subjects and entries: 26 lower-case letters and digits.
func (c *Codec) Name(key string) string { return c.keys.name(key) }

// Encode returns a message as pieces of at most limit bytes, to be sent in their order. The message is bound to a subject.
// A [Page], a [Beat] and a [Following] are cut into several pieces where they are over the limit; another message is [ErrTooLarge]
// then. Those others have at most [MaxWhole] bytes.
func (c *Codec) Encode(subject string, m Message, limit int) ([][]byte, error) {
	body, err := appendMessage(make([]byte, headerBytes, headerBytes+likelySize(m)+sealBytes), m, time.Now())
	if err != nil {
		return nil, err
	}
	size := len(body) - headerBytes
	switch {
	case size > c.parts.most:
		return nil, fmt.Errorf("%w: expected at most %d bytes, found %d", ErrTooLarge, c.parts.most, size)
	case size <= limit-headerBytes-sealBytes:
		return [][]byte{c.seal(body, subject, c.own.numbers(1), false)}, nil
	case !cuttable(m.Body) || limit < minLimit:
		return nil, fmt.Errorf("%w: a piece may have %d bytes, found %d", ErrTooLarge, limit, size)
	}
	return c.cut(body[headerBytes:], subject, limit), nil
}

// MaxWhole is more than any message has that is one piece: a request, a reply, or the value of an entry.
const MaxWhole = 1 << 10

func cuttable(b Body) bool {
	switch b.(type) {
	case Page, Beat, Following:
		return true
	}
	return false
}

// cut returns the pieces of a message.
func (c *Codec) cut(body []byte, subject string, limit int) [][]byte {
	room := limit - headerBytes - sealBytes - partBytes
	n := (len(body) + room - 1) / room
	pieces := make([][]byte, 0, n)
	number := c.own.numbers(uint64(n))
	for i := range uint64(n) {
		share := body[:min(room, len(body))]
		body = body[len(share):]
		piece := make([]byte, headerBytes, headerBytes+partBytes+len(share)+sealBytes)
		piece = appendUint(appendUint(piece, i), uint64(n))
		pieces = append(pieces, c.seal(append(piece, share...), subject, number+i, true))
	}
	return pieces
}

// Decode returns the message of a piece that came on a subject. It returns nil without an error where other pieces of the
// message are still to come. The error is one of those of this package. The message does not refer to the piece. Messages
// that come again are not told from others: what the replicas say to one another may be said twice.
func (c *Codec) Decode(subject string, piece []byte) (*Message, error) {
	h, body, err := c.open(subject, piece)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	if h.part {
		body, err = c.parts.add(subject, h, body, now)
		if err != nil || body == nil {
			return nil, err
		}
	}
	return readMessage(body, now.Add(-h.way(now)))
}

// likelySize returns about how many bytes a message takes.
func likelySize(m Message) int {
	const event, other = 64, 512
	size := other
	switch b := m.Body.(type) {
	case Page:
		if b.Page == nil {
			return size
		}
		for _, e := range b.Page.Events {
			size += event + len(e.Block())
		}
		for _, e := range b.Page.Values {
			size += event + len(e.Block())
		}
	case Beat:
		size += event * len(b.Ends)
	case Following:
		size += event * len(b.Names)
	}
	return size
}
