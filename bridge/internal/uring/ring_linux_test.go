package uring

import (
	"bytes"
	"errors"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
	"pgregory.net/rapid"
)

const testEntries = 8

// newRing returns a ring. Where the machine forbids io_uring, the test is skipped. .ci/run says so.
func newRing(t testing.TB) *Ring {
	t.Helper()
	r, err := New(testEntries)
	if err != nil {
		t.Skipf("this machine has no io_uring: %v", err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

// socket is one end of a connection, whose other end a test reads. tcp is true for a connection over loopback.
type socket struct {
	fd  int
	far *os.File
}

func newSocket(t require.TestingT, tcp bool, buffer int) *socket {
	p, err := newPair()
	if tcp {
		p, err = tcpPair()
	}
	require.NoError(t, err)
	if buffer > 0 {
		require.NoError(t, unix.SetsockoptInt(p.near, unix.SOL_SOCKET, unix.SO_SNDBUF, buffer))
	}
	return &socket{fd: p.near, far: os.NewFile(uintptr(p.far), "far")}
}

func tcpPair() (p pair, err error) {
	listener, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return p, err
	}
	defer listener.Close()
	far, err := net.DialTCP("tcp", nil, listener.Addr().(*net.TCPAddr))
	if err != nil {
		return p, err
	}
	defer far.Close()
	near, err := listener.AcceptTCP()
	if err != nil {
		return p, err
	}
	defer near.Close()
	dup := func(conn *net.TCPConn) (fd int) {
		raw, rawErr := conn.SyscallConn()
		err = errors.Join(err, rawErr)
		err = errors.Join(err, raw.Control(func(old uintptr) { fd, _ = unix.FcntlInt(old, unix.F_DUPFD_CLOEXEC, 0) }))
		return fd
	}
	return pair{dup(near), dup(far)}, err
}

func (s *socket) close() {
	_ = unix.Close(s.fd)
	_ = s.far.Close()
}

// read reads what has come, and no more than most bytes.
func (s *socket) read(most int) []byte {
	got, all := make([]byte, 64<<10), []byte(nil)
	for len(all) < most {
		_ = s.far.SetReadDeadline(time.Now().Add(10 * time.Second))
		n, err := s.far.Read(got[:min(len(got), most-len(all))])
		if all = append(all, got[:n]...); err != nil {
			break
		}
	}
	return all
}

func TestManySendsAreOneCall(t *testing.T) {
	r := newRing(t)
	calls := 0
	r.shared.enter = func(n int) error {
		calls++
		return r.shared.enterKernel(n)
	}
	var sockets []*socket
	for range testEntries {
		s := newSocket(t, true, 0)
		defer s.close()
		sockets = append(sockets, s)
	}
	for round := range 5 {
		var sends []Send
		for i, s := range sockets {
			pieces := [][]byte{[]byte("one")}
			if i%2 == 1 {
				pieces = append(pieces, nil, []byte(strings.Repeat("two", round+1)))
			}
			sends = append(sends, Send{FD: s.fd, Pieces: pieces})
		}
		require.NoError(t, r.Send(sends))
		for i, s := range sockets {
			want := bytes.Join(sends[i].Pieces, nil)
			require.NoError(t, sends[i].Err)
			require.Equal(t, len(want), sends[i].Taken)
			require.Equal(t, string(want), string(s.read(len(want))))
		}
	}
	assert.Equal(t, 5, calls)
}

func TestASendTakesWhatFits(t *testing.T) {
	for name, pieces := range map[string][][]byte{
		"one piece":      {make([]byte, 8<<20)},
		"several pieces": {make([]byte, 4<<20), make([]byte, 4<<20)},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRing(t)
			full, other := newSocket(t, true, 8<<10), newSocket(t, true, 0)
			defer full.close()
			defer other.close()
			sends := []Send{{FD: full.fd, Pieces: pieces}, {FD: other.fd, Pieces: [][]byte{[]byte("a")}}}
			require.NoError(t, r.Send(sends))
			assert.NoError(t, sends[0].Err)
			taken := sends[0].Taken
			assert.Positive(t, taken)
			assert.Less(t, taken, 8<<20)
			assert.Equal(t, 1, sends[1].Taken)
			for filled := false; !filled; { // the far end's kernel takes some more for a moment
				require.NoError(t, r.Send(sends))
				require.NoError(t, sends[0].Err)
				taken += sends[0].Taken
				filled = sends[0].Taken == 0
			}
			assert.Len(t, full.read(taken), taken)
		})
	}
}

func TestABrokenSocketDoesNotDisturbOthers(t *testing.T) {
	r := newRing(t)
	left, closed, good := newSocket(t, false, 0), newSocket(t, false, 0), newSocket(t, false, 0)
	defer left.close()
	defer good.close()
	require.NoError(t, left.far.Close())
	closed.close()
	text := [][]byte{[]byte("a")}
	sends := []Send{{FD: left.fd, Pieces: text}, {FD: closed.fd, Pieces: text}, {FD: good.fd, Pieces: text}}
	require.NoError(t, r.Send(sends))
	assert.ErrorIs(t, sends[0].Err, unix.EPIPE)
	assert.ErrorIs(t, sends[1].Err, unix.EBADF)
	assert.NoError(t, sends[2].Err)
	assert.Equal(t, "a", string(good.read(1)))
}

// A send with too many pieces is an error. A send that left out pieces would look as if the socket were full.
func TestWhatDoesNotFitIsNotSent(t *testing.T) {
	r := newRing(t)
	var sends []Send
	for _, pieces := range []int{0, 1, mostPieces + 1, vectorsPerEntry*testEntries - 2, 3, 2} {
		s := newSocket(t, false, 0)
		defer s.close()
		var all [][]byte
		for range pieces {
			all = append(all, []byte("a"))
		}
		sends = append(sends, Send{FD: s.fd, Pieces: all})
	}
	for range 2 {
		require.NoError(t, r.Send(sends))
		for i, want := range []bool{false, true, false, true, false, true} {
			if want {
				assert.NoError(t, sends[i].Err, i)
				assert.Len(t, sends[i].Pieces, sends[i].Taken)
			} else {
				assert.ErrorIs(t, sends[i].Err, ErrNotSent, i)
			}
		}
	}
	assert.Zero(t, r.used)
	for _, v := range r.vectors {
		assert.Nil(t, v.Base, "a piece is kept")
	}
}

// After a failure each send is known to be sent, or not to be sent, or not to be known.
func TestAfterAFailureItIsKnownWhatWasSent(t *testing.T) {
	text := [][]byte{[]byte("a")}
	for name, tt := range map[string]struct {
		breaks func(*Ring)
		want   []error
	}{
		"the kernel refuses": {
			breaks: func(r *Ring) { r.shared.enter = func(int) error { return unix.EBUSY } },
			want:   []error{ErrNotSent, ErrNotSent, ErrNotSent},
		},
		"the kernel begins some": {
			breaks: func(r *Ring) { r.shared.enter = func(int) error { return r.shared.enterKernel(2) } },
			want:   []error{nil, nil, ErrNotSent},
		},
		"the kernel begins some and fails": {
			breaks: func(r *Ring) {
				r.shared.enter = func(int) error { return errors.Join(r.shared.enterKernel(1), unix.ENOMEM) }
			},
			want: []error{nil, ErrNotSent, ErrNotSent},
		},
		"answers are missing": {
			breaks: func(r *Ring) {
				tail := *r.shared.answerTail + 1
				r.shared.answerTail = &tail
			},
			want: []error{nil, ErrUnknown, ErrUnknown},
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRing(t)
			var sends []Send
			var sockets []*socket
			for range tt.want {
				s := newSocket(t, false, 0)
				defer s.close()
				sockets = append(sockets, s)
				sends = append(sends, Send{FD: s.fd, Pieces: text})
			}
			tt.breaks(r)
			require.Error(t, r.Send(sends))
			for i, want := range tt.want {
				if want != nil {
					assert.ErrorIs(t, sends[i].Err, want, i)
					continue
				}
				assert.NoError(t, sends[i].Err, i)
				assert.Equal(t, 1, sends[i].Taken)
				assert.Equal(t, "a", string(sockets[i].read(1)))
			}
		})
	}
}

// Whatever is sent at once, each socket gets its bytes once and in order, as many as are said to be taken.
func TestWhateverIsSentArrivesOnce(t *testing.T) {
	r := newRing(t)
	rapid.Check(t, func(t *rapid.T) {
		sockets := make([]*socket, rapid.IntRange(1, testEntries).Draw(t, "sockets"))
		left := make([][]byte, len(sockets))
		got := make([][]byte, len(sockets))
		for i := range sockets {
			sockets[i] = newSocket(t, rapid.Bool().Draw(t, "TCP"), rapid.SampledFrom([]int{0, 4 << 10}).Draw(t, "buffer"))
			defer sockets[i].close()
			left[i] = bytes.Repeat([]byte("0123456789abcdefghijklm"), rapid.IntRange(1, 5000).Draw(t, "size"))
		}
		want := make([][]byte, len(sockets))
		copy(want, left)
		for round := 0; ; round++ {
			var sends []Send
			var of []int
			for i := range sockets {
				if len(left[i]) == 0 {
					continue
				}
				cut := len(left[i]) / rapid.IntRange(1, 3).Draw(t, "cut")
				sends, of = append(sends, Send{FD: sockets[i].fd, Pieces: [][]byte{left[i][:cut], left[i][cut:]}}), append(of, i)
				if cut == len(left[i]) {
					sends[len(sends)-1].Pieces = [][]byte{left[i]}
				}
			}
			if len(sends) == 0 {
				break
			}
			require.NoError(t, r.Send(sends))
			runtime.GC()
			for k, i := range of {
				require.NoError(t, sends[k].Err)
				left[i] = left[i][sends[k].Taken:]
				got[i] = append(got[i], sockets[i].read(sends[k].Taken)...)
			}
		}
		for i := range sockets {
			require.True(t, bytes.Equal(want[i], got[i]), "%d of %d bytes", len(got[i]), len(want[i]))
		}
	})
}

func TestARingGivesBackWhatItHas(t *testing.T) {
	newRing(t)
	open := func() int {
		fds, err := os.ReadDir("/proc/self/fd")
		require.NoError(t, err)
		return len(fds)
	}
	mappings := func() int {
		maps, err := os.ReadFile("/proc/self/maps")
		require.NoError(t, err)
		return strings.Count(string(maps), "io_uring")
	}
	fds, mapped := open(), mappings()
	for range 20 {
		r, err := New(testEntries)
		require.NoError(t, err)
		assert.Equal(t, fds+1, open())
		r.Close()
	}
	assert.Equal(t, fds, open())
	assert.Equal(t, mapped, mappings())
}

func TestARingThatCannotBeIsAnError(t *testing.T) {
	_, err := New(0)
	assert.Error(t, err)
	_, err = New(1 << 20)
	assert.ErrorContains(t, err, "io_uring_setup")
}
