package peer

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// batch is how many sends one system call does.
const batch = 64

// ring sends the same bytes to many sockets by io_uring, [batch] of them with one system call. One goroutine at a time may use it.
//
// The program and the kernel share two queues in memory: entries that say what is to be sent, and results. The layout is that of
// the kernel's header linux/io_uring.h. This file needs package unsafe for three things: to give the kernel the parameters, to see
// structures in the memory that the kernel has mapped, and to tell the kernel the address of the bytes. The mapped memory is not
// Go's and does not move until close unmaps it. The bytes are pinned until the kernel has read them.
type ring struct {
	fd      int
	queues  []byte // the heads and tails of both queues, and the results
	mapped  []byte // the entries
	entries []ringEntry
	results []ringResult

	entryTail              *uint32 // moved by the program
	resultHead, resultTail *uint32 // the head is moved by the program, the tail by the kernel
}

// ringEntry is struct io_uring_sqe.
type ringEntry struct {
	operation uint8
	_         [3]uint8
	fd        int32
	_         uint64
	address   uint64
	size      uint32
	flags     uint32 // MSG_*
	id        uint64
	_         [3]uint64
}

// ringResult is struct io_uring_cqe.
type ringResult struct {
	id     uint64
	result int32 // the number of bytes, or a negative error number
	_      uint32
}

// ringParameters is struct io_uring_params. The numbers of the two structures at its end say where in the mapped memory things are.
type ringParameters struct {
	entries, results, flags, _, _, features uint32
	_                                       [4]uint32
	entry                                   struct{ head, tail, mask, _, _, _, order, _, _, _ uint32 }
	result                                  struct{ head, tail, mask, _, _, results, _, _, _, _ uint32 }
}

// These are of linux/io_uring.h.
const (
	ringSend       = 26      // IORING_OP_SEND
	ringSubmitAll  = 1 << 7  // IORING_SETUP_SUBMIT_ALL: an entry that fails does not hold up those behind it; Linux 5.18
	ringOneMapping = 1       // IORING_FEAT_SINGLE_MMAP
	ringGetEvents  = 1       // IORING_ENTER_GETEVENTS
	ringQueuesAt   = 0       // IORING_OFF_SQ_RING
	ringEntriesAt  = 1 << 28 // IORING_OFF_SQES
)

// ProbeUring returns why this machine has no io_uring that RawUring can use, or nil.
func ProbeUring() error {
	r, err := newRing()
	if err != nil {
		return err
	}
	r.close()
	return nil
}

// newRing returns a ring. The error says what the kernel forbids or lacks.
func newRing() (*ring, error) {
	p := ringParameters{flags: ringSubmitAll}
	fd, _, errno := unix.Syscall(unix.SYS_IO_URING_SETUP, batch, uintptr(unsafe.Pointer(&p)), 0)
	if errno != 0 {
		return nil, os.NewSyscallError("io_uring_setup", errno)
	}
	r := &ring{fd: int(fd)}
	if err := r.share(&p); err != nil {
		r.close()
		return nil, err
	}
	return r, nil
}

// share maps the memory that the kernel has described.
func (r *ring) share(p *ringParameters) (err error) {
	if p.features&ringOneMapping == 0 {
		return errors.New("the kernel's io_uring is too old")
	}
	size := max(p.entry.order+p.entries*uint32(unsafe.Sizeof(uint32(0))), p.result.results+p.results*uint32(unsafe.Sizeof(ringResult{})))
	const access, how = unix.PROT_READ | unix.PROT_WRITE, unix.MAP_SHARED | unix.MAP_POPULATE
	if r.queues, err = unix.Mmap(r.fd, ringQueuesAt, int(size), access, how); err != nil {
		return os.NewSyscallError("mmap", err)
	}
	r.mapped, err = unix.Mmap(r.fd, ringEntriesAt, int(p.entries)*int(unsafe.Sizeof(ringEntry{})), access, how)
	if err != nil {
		return os.NewSyscallError("mmap", err)
	}
	number := func(at uint32) *uint32 { return (*uint32)(unsafe.Pointer(&r.queues[at])) }
	r.entryTail, r.resultHead, r.resultTail = number(p.entry.tail), number(p.result.head), number(p.result.tail)
	r.entries = unsafe.Slice((*ringEntry)(unsafe.Pointer(&r.mapped[0])), p.entries)
	r.results = unsafe.Slice((*ringResult)(unsafe.Pointer(&r.queues[p.result.results])), p.results)
	for i, order := 0, unsafe.Slice(number(p.entry.order), p.entries); i < len(order); i++ {
		order[i] = uint32(i) // entry i is at index i
	}
	return nil
}

// close gives back the memory and the descriptor.
func (r *ring) close() {
	if r.mapped != nil {
		_ = unix.Munmap(r.mapped)
	}
	if r.queues != nil {
		_ = unix.Munmap(r.queues)
	}
	_ = unix.Close(r.fd)
}

// send sends p, which is not empty, to all browsers. It notes who has failed: their sockets took less than all. After an error the
// ring is of no more use.
func (r *ring) send(browsers []browser, p []byte) error {
	var pin runtime.Pinner
	pin.Pin(&p[0])
	defer pin.Unpin()
	for len(browsers) > 0 {
		n := min(batch, len(browsers))
		if err := r.sendBatch(browsers[:n], p); err != nil {
			return err
		}
		browsers = browsers[n:]
	}
	return nil
}

// sendBatch sends p, which is pinned, to at most as many browsers as the queue has entries. No send waits for a socket, so all
// results are there when the system call returns.
func (r *ring) sendBatch(browsers []browser, p []byte) error {
	tail := *r.entryTail
	for i := range browsers {
		browsers[i].failed = true
		r.entries[int(tail+uint32(i))%len(r.entries)] = ringEntry{
			operation: ringSend, fd: int32(browsers[i].socket), flags: unix.MSG_DONTWAIT | unix.MSG_NOSIGNAL, id: uint64(i),
			address: uint64(uintptr(unsafe.Pointer(&p[0]))), size: uint32(len(p)),
		}
	}
	// The kernel may read the entries from here on.
	atomic.StoreUint32(r.entryTail, tail+uint32(len(browsers)))
	n := uintptr(len(browsers))
	if _, _, errno := unix.Syscall6(unix.SYS_IO_URING_ENTER, uintptr(r.fd), n, n, ringGetEvents, 0, 0); errno != 0 {
		return os.NewSyscallError("io_uring_enter", errno)
	}
	head, end := *r.resultHead, atomic.LoadUint32(r.resultTail)
	if int(end-head) != len(browsers) {
		return fmt.Errorf("io_uring has done %d of %d sends", end-head, len(browsers))
	}
	for ; head != end; head++ {
		done := r.results[int(head)%len(r.results)]
		browsers[done.id].failed = int(done.result) != len(p)
	}
	// The kernel may write over the results from here on.
	atomic.StoreUint32(r.resultHead, head)
	return nil
}
