package uring

import (
	"errors"
	"os"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// These are of linux/io_uring.h.
const (
	opSend        = 26 // IORING_OP_SEND
	opSendMessage = 9  // IORING_OP_SENDMSG

	setupSubmitAll = 1 << 7 // IORING_SETUP_SUBMIT_ALL: an entry that fails does not hold up those behind it
	oneMapping     = 1 << 0 // IORING_FEAT_SINGLE_MMAP
	enterGetEvents = 1 << 0 // IORING_ENTER_GETEVENTS
	offRings       = 0      // IORING_OFF_SQ_RING
	offEntries     = 0x10000000
)

// entry is struct io_uring_sqe.
type entry struct {
	code   uint8
	_      uint8
	_      uint16
	fd     int32
	_      uint64
	addr   uint64
	size   uint32
	flags  uint32 // MSG_*
	id     uint64
	_, _   uint16
	_      int32
	_, pad uint64
}

// completion is struct io_uring_cqe.
type completion struct {
	id     uint64
	result int32
	_      uint32
}

// queueOffsets is struct io_sqring_offsets.
type queueOffsets struct {
	head, tail, mask, entries, flags, dropped, array, _ uint32
	_                                                   uint64
}

// completionOffsets is struct io_cqring_offsets.
type completionOffsets struct {
	head, tail, mask, entries, overflow, completions, flags, _ uint32
	_                                                          uint64
}

// parameters is struct io_uring_params.
type parameters struct {
	entries, completions, flags, threadCPU, threadIdle, features, queueFD uint32

	_      [3]uint32
	queue  queueOffsets
	answer completionOffsets
}

// shared is the memory that a ring shares with the kernel, and the descriptor of the ring.
type shared struct {
	fd      int
	rings   []byte
	entries []byte
	enter   func(n int) error // has the kernel do the next n entries; tests replace it

	queueHead, queueTail   *uint32
	queueMask              uint32
	sends                  []entry
	answerHead, answerTail *uint32
	answerMask             uint32
	answers                []completion
}

// share sets up a ring of so many entries.
func share(entries int) (*shared, error) {
	p := parameters{flags: setupSubmitAll}
	fd, _, errno := unix.Syscall(unix.SYS_IO_URING_SETUP, uintptr(entries), uintptr(unsafe.Pointer(&p)), 0)
	if errno != 0 {
		return nil, os.NewSyscallError("io_uring_setup", errno)
	}
	s := &shared{fd: int(fd)}
	s.enter = s.enterKernel
	if err := s.mapMemory(&p); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// mapMemory maps what the kernel has described.
func (s *shared) mapMemory(p *parameters) (err error) {
	if p.features&oneMapping == 0 {
		return errors.New("io_uring of this kernel is too old")
	}
	size := max(int(p.queue.array)+int(p.entries)*4, int(p.answer.completions)+int(p.completions)*int(unsafe.Sizeof(completion{})))
	const protection, how = unix.PROT_READ | unix.PROT_WRITE, unix.MAP_SHARED | unix.MAP_POPULATE
	if s.rings, err = unix.Mmap(s.fd, offRings, size, protection, how); err != nil {
		return os.NewSyscallError("mmap", err)
	}
	if s.entries, err = unix.Mmap(s.fd, offEntries, int(p.entries)*int(unsafe.Sizeof(entry{})), protection, how); err != nil {
		return os.NewSyscallError("mmap", err)
	}
	word := func(at uint32) *uint32 { return (*uint32)(unsafe.Pointer(&s.rings[at])) }
	s.queueHead, s.queueTail, s.queueMask = word(p.queue.head), word(p.queue.tail), *word(p.queue.mask)
	s.answerHead, s.answerTail, s.answerMask = word(p.answer.head), word(p.answer.tail), *word(p.answer.mask)
	s.sends = unsafe.Slice((*entry)(unsafe.Pointer(&s.entries[0])), p.entries)
	s.answers = unsafe.Slice((*completion)(unsafe.Pointer(&s.rings[p.answer.completions])), p.completions)
	for i, order := 0, unsafe.Slice(word(p.queue.array), p.entries); i < len(order); i++ {
		order[i] = uint32(i) // the entries are used in their order
	}
	return nil
}

// close gives back the memory and the descriptor.
func (s *shared) close() {
	if s.entries != nil {
		_ = unix.Munmap(s.entries)
	}
	if s.rings != nil {
		_ = unix.Munmap(s.rings)
	}
	_ = unix.Close(s.fd)
}

// queue writes the entry that follows so many others of the next submit.
func (s *shared) queue(after int, e *entry) {
	s.sends[(*s.queueTail+uint32(after))&s.queueMask] = *e
}

// submit has the kernel do the first n entries, and waits until all of these are done. It returns how many were begun.
func (s *shared) submit(n int) (begun int, err error) {
	tail := *s.queueTail
	atomic.StoreUint32(s.queueTail, tail+uint32(n))
	err = s.enter(n)
	return int(atomic.LoadUint32(s.queueHead) - tail), err
}

// enterKernel does not tell Go's scheduler of the system call, for the reason that package rawio gives: no entry waits.
func (s *shared) enterKernel(n int) error {
	_, _, errno := unix.RawSyscall6(unix.SYS_IO_URING_ENTER, uintptr(s.fd), uintptr(n), uintptr(n), enterGetEvents, 0, 0)
	if errno != 0 {
		return os.NewSyscallError("io_uring_enter", errno)
	}
	return nil
}

// completed calls said for each entry that is done, with its result.
func (s *shared) completed(said func(id uint64, result int32)) {
	head := *s.answerHead
	for tail := atomic.LoadUint32(s.answerTail); head != tail; head++ {
		c := &s.answers[head&s.answerMask]
		said(c.id, c.result)
	}
	atomic.StoreUint32(s.answerHead, head)
}

// addressOf returns the address of a piece that is pinned. It must not be empty.
func addressOf(piece []byte) uint64 { return uint64(uintptr(unsafe.Pointer(&piece[0]))) }

// addressOfMessage returns the address of a message that is pinned.
func addressOfMessage(m *unix.Msghdr) uint64 { return uint64(uintptr(unsafe.Pointer(m))) }
