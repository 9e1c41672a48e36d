package uring

import (
	"errors"
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"
)

// Ring sends to many sockets at once. One goroutine at a time may use it, on any thread.
type Ring struct {
	shared   *shared
	messages []unix.Msghdr // for sends of several pieces, one for each entry
	vectors  []unix.Iovec  // the pieces of messages
	used     int           // how many vectors the present sends have
	queued   []int         // which of the present sends are in the queue, in its order

	lasting runtime.Pinner // of messages and vectors, until Close
	pins    runtime.Pinner // of the present pieces
	pinned  *byte          // the last piece that was pinned
}

// vectorsPerEntry is how many pieces the sends of one call have on average at most. Further ones are not sent.
const vectorsPerEntry = 16

// New returns a ring for so many sends at once. It tries the ring on a pair of sockets, since a system may have io_uring and
// forbid it, or lack a part of it. Linux 5.18 is the oldest kernel that has all that is needed. The error says what is missing.
func New(entries int) (*Ring, error) {
	if entries < 2 {
		return nil, fmt.Errorf("a ring for %d sends", entries)
	}
	s, err := share(entries)
	if err != nil {
		return nil, err
	}
	r := &Ring{
		shared: s, messages: make([]unix.Msghdr, entries), vectors: make([]unix.Iovec, vectorsPerEntry*entries),
	}
	r.lasting.Pin(&r.messages[0])
	r.lasting.Pin(&r.vectors[0])
	if err := r.try(); err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

// Close frees the ring. It may be called once.
func (r *Ring) Close() {
	r.shared.close()
	r.pins.Unpin()
	r.lasting.Unpin()
}

// Send does all sends, which are at most as many as New was told, and each to another socket. It notes in each what came of it.
// After an error the ring must not be used any more, except for Close. What came of each send is noted then too, and some may
// have [ErrNotSent] or [ErrUnknown].
func (r *Ring) Send(sends []Send) error {
	r.queued = r.queued[:0]
	for i := range sends {
		sends[i].Taken, sends[i].Err = 0, ErrNotSent
		if r.prepare(len(r.queued), &sends[i]) {
			sends[i].Err = ErrUnknown
			r.queued = append(r.queued, i)
		}
	}
	begun, err := r.shared.submit(len(r.queued))
	said := r.note(sends)
	runtime.KeepAlive(sends)
	for _, i := range r.queued[begun:] {
		sends[i].Err = ErrNotSent
	}
	if said < begun { // what was pinned stays pinned, since the kernel may still read it
		return errors.Join(fmt.Errorf("io_uring has done %d of %d sends", said, begun), err)
	}
	r.release()
	if err == nil && begun < len(r.queued) {
		err = fmt.Errorf("io_uring has begun %d of %d sends", begun, len(r.queued))
	}
	return err
}

// prepare writes an entry of the queue for a send, as the one after so many others. It reports false where there is no room for
// the pieces.
func (r *Ring) prepare(after int, s *Send) bool {
	e := entry{code: opSend, fd: int32(s.FD), flags: unix.MSG_DONTWAIT | unix.MSG_NOSIGNAL, id: uint64(after)}
	if len(s.Pieces) == 1 {
		piece := s.Pieces[0]
		if len(piece) == 0 || len(piece) > mostBytes {
			return false
		}
		r.pin(piece)
		e.addr, e.size = addressOf(piece), uint32(len(piece))
	} else {
		vectors := r.take(s.Pieces)
		if vectors == nil {
			return false
		}
		message := &r.messages[after]
		*message = unix.Msghdr{Iov: &vectors[0]}
		message.SetIovlen(len(vectors))
		e.code, e.addr, e.size = opSendMessage, addressOfMessage(message), 1
	}
	r.shared.queue(after, &e)
	return true
}

// These are limits of the kernel for one send. Less than all must not be sent where the socket would take more.
const (
	mostBytes  = 1 << 30
	mostPieces = 1024 // UIO_MAXIOV
)

// take returns vectors of pieces, nil where there is no room for them.
func (r *Ring) take(pieces [][]byte) []unix.Iovec {
	if n := len(pieces); n == 0 || n > mostPieces || n > len(r.vectors)-r.used {
		return nil
	}
	vectors, size := r.vectors[r.used:][:len(pieces)], 0
	for i, piece := range pieces {
		vectors[i] = unix.Iovec{}
		if len(piece) > 0 {
			r.pin(piece)
			vectors[i].Base = &piece[0]
			vectors[i].SetLen(len(piece))
			size += len(piece)
		}
	}
	r.used += len(vectors)
	if size == 0 || size > mostBytes {
		return nil
	}
	return vectors
}

// pin has the garbage collector leave a piece where it is. Mostly a piece is the same as the one before: a shared stream.
func (r *Ring) pin(piece []byte) {
	if first := &piece[0]; first != r.pinned {
		r.pinned = first
		r.pins.Pin(first)
	}
}

// release forgets the pieces of the last sends.
func (r *Ring) release() {
	clear(r.vectors[:r.used])
	r.used, r.pinned = 0, nil
	r.pins.Unpin()
}

// note notes what the kernel says about sends, and returns about how many.
func (r *Ring) note(sends []Send) (said int) {
	r.shared.completed(func(id uint64, result int32) {
		if id >= uint64(len(r.queued)) || sends[r.queued[id]].Err != ErrUnknown { //nolint:errorlint // it is not wrapped
			return
		}
		said++
		s := &sends[r.queued[id]]
		switch code := unix.Errno(-result); {
		case result >= 0:
			s.Taken, s.Err = int(result), nil
		case code == unix.EAGAIN:
			s.Err = nil
		case code == unix.EINTR: // nothing was taken
			s.Err = ErrNotSent
		default:
			s.Err = code
		}
	})
	return said
}
