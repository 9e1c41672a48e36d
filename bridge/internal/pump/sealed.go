package pump

import (
	"bytes"
	"crypto/tls"
	"net"
	"time"
)

// sealed is a socket that carries TLS. Records are made when they are to be sent, and what the socket does not take of them is
// pending. Of what the client sends, only an alert is read that comes before anything else. So a key update or a renegotiation of
// the client changes nothing.
type sealed struct {
	transport

	conn   *tls.Conn
	made   *records
	tail   []byte // records, or the rest of one, that the socket has not taken
	fd     int32  // the descriptor of the transport, or noDescriptor
	alerts uint8  // how many alerts were read; maxAlerts where no more are read
}

var _ companion = (*sealed)(nil)

// seal has the records of a parked TLS connection go to sock. The carrier passes nothing to its connection any more.
func seal(sock transport, conn *tls.Conn, carrier *Carrier, made *records) *sealed {
	carrier.Conn = made
	carrier.parked = sealed{transport: sock, conn: conn, made: made, fd: noDescriptor}
	if sock, ok := sock.(companion); ok {
		carrier.parked.fd = sock.descriptor()
	}
	return &carrier.parked
}

// Write implements [socket]. It seals as much as one record holds, and sends that, until the socket takes no more. So at most
// one record is pending, whatever the size of an event.
func (s *sealed) Write(pieces [][]byte, last bool) (n int, pending bool, err error) {
	if len(s.tail) > 0 {
		if err := s.send(s.tail, true); err != nil || len(s.tail) > 0 {
			return 0, true, err
		}
	}
	return s.writeFrom(pieces, position{}, last)
}

// writeFrom writes what is behind a place in the pieces. Nothing is pending.
func (s *sealed) writeFrom(pieces [][]byte, at position, last bool) (n int, pending bool, err error) {
	for {
		var text []byte
		text, at = s.made.textFrom(pieces, at)
		over := last && at.piece == len(pieces)
		if len(text) == 0 && !over {
			return n, false, nil
		}
		if err := s.seal(text, over); err != nil {
			return n, false, err
		}
		n += len(text)
		err := s.send(s.made.bytes, false)
		if err != nil || len(s.tail) > 0 || over {
			return n, len(s.tail) > 0, err
		}
	}
}

// seal makes the records that carry text. Where the text is the last one, the alert close_notify follows.
func (s *sealed) seal(text []byte, last bool) error {
	s.made.bytes = s.made.bytes[:0]
	if len(text) > 0 {
		if _, err := s.conn.Write(text); err != nil {
			return err
		}
	}
	if last {
		return s.conn.CloseWrite()
	}
	return nil
}

// send sends records, and keeps what the socket does not take. kept says that the records lie in memory of their own.
func (s *sealed) send(made []byte, kept bool) error {
	s.made.one[0] = made
	n, _, err := s.transport.Write(s.made.one[:], false)
	switch rest := made[n:]; {
	case len(rest) == 0:
		s.tail = nil
	case kept:
		s.tail = rest
	default:
		s.tail = bytes.Clone(rest)
	}
	return err
}

// load implements [companion]. It makes one record, in memory of the flight. Nothing is pending: a visit begins with that.
func (s *sealed) load(f *flight) (pieces [][]byte) {
	text, behind := s.made.textFrom(f.batch.pieces, position{})
	over := f.last && behind.piece == len(f.batch.pieces)
	s.made.bytes, f.record = f.record, s.made.bytes
	f.err = s.seal(text, over)
	s.made.bytes, f.record = f.record, s.made.bytes
	f.text, f.behind = len(text), behind
	f.one[0] = f.record
	return f.one[:]
}

// descriptor implements [companion].
func (s *sealed) descriptor() int32 { return s.fd }

// transmit implements [companion].
func (s *sealed) transmit(pieces [][]byte) (n int, err error) {
	n, _, err = s.transport.Write(pieces, false)
	return n, err
}

// landed implements [companion]. Where the record went out and was not all, the rest follows.
func (s *sealed) landed(f *flight, n int, err error) {
	if f.n, f.pending, f.err = 0, false, err; err != nil {
		return
	}
	f.n = f.text
	switch {
	case n < len(f.record):
		s.tail = bytes.Clone(f.record[n:])
		f.pending = true
	case f.behind.piece < len(f.batch.pieces):
		var more int
		more, f.pending, f.err = s.writeFrom(f.batch.pieces, f.behind, f.last)
		f.n += more
	}
}

// Waiting implements [socket].
func (s *sealed) Waiting() int { return s.transport.Waiting() + len(s.tail) }

// records is what the parked TLS connections of one loop write to. Only the loop uses it, and one is enough for all of them: the
// loop takes the bytes of one connection before the next one writes. An error of a write is final for crypto/tls. So records
// takes everything, and the socket below reports that it broke.
type records struct {
	net.Conn // nil: crypto/tls calls only the methods below when it writes

	bytes []byte    // finished records
	alert []byte    // an alert that was received, for crypto/tls to read
	text  []byte    // the text of a record that several pieces share
	one   [1][]byte // what one call sends
}

// recordText is how many bytes of text are sealed at once. One record holds no more (RFC 8446, 5.1).
const recordText = 16 << 10

func (r *records) Write(p []byte) (int, error) {
	r.bytes = append(r.bytes, p...)
	return len(p), nil
}

// SetWriteDeadline does nothing, since no write waits. crypto/tls sets a deadline for close_notify.
func (*records) SetWriteDeadline(time.Time) error { return nil }

// position is a byte of one of several pieces.
type position struct{ piece, byte int }

// textFrom returns the text of the next record, and the position behind it. The text is valid until the next call.
func (r *records) textFrom(pieces [][]byte, from position) (text []byte, next position) {
	if from.piece < len(pieces) { // mostly one piece is all, and need not be copied
		rest := pieces[from.piece][from.byte:]
		switch {
		case len(rest) > recordText:
			return rest[:recordText], position{from.piece, from.byte + recordText}
		case len(rest) == recordText || from.piece == len(pieces)-1:
			return rest, position{piece: from.piece + 1}
		}
	}
	r.text = r.text[:0]
	for next = from; next.piece < len(pieces) && len(r.text) < recordText; {
		rest := pieces[next.piece][next.byte:]
		n := min(len(rest), recordText-len(r.text))
		r.text = append(r.text, rest[:n]...)
		if next.byte += n; n == len(rest) {
			next = position{piece: next.piece + 1}
		}
	}
	return r.text, next
}
