package pump

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// audience is another process with many clients in one thread. Every event is stampedSize bytes and holds the time at which it
// was made.
type audience struct {
	size    int
	conns   []*net.TCPConn // the server's ends
	words   *bufio.Writer
	answers *bufio.Scanner
}

// heard is what an audience has received since the last question.
type heard struct {
	Events        int
	P50, P99, Max time.Duration // from the making of an event to its reading
}

const stampedSize = 200

// askPatience is how long an audience waits for the events that it was asked about.
const askPatience = 20 * time.Second

// stamped returns an event that holds the present time.
func stamped() []byte {
	event := fmt.Appendf(nil, "data: %016x ", time.Now().UnixNano())
	event = append(event, strings.Repeat("x", stampedSize-len(event)-2)...)
	return append(event, '\n', '\n')
}

// gather starts a process with n clients of this process.
func gather(t testing.TB, n int) *audience {
	t.Helper()
	listener, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(t, err)
	defer listener.Close()
	require.NoError(t, listener.SetDeadline(time.Now().Add(time.Minute)))
	process := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestBeAnAudience$")
	process.Env = append(os.Environ(), "AUDIENCE="+strconv.Itoa(n), "ADDR="+listener.Addr().String())
	process.Stderr = os.Stderr
	in, err := process.StdinPipe()
	require.NoError(t, err)
	out, err := process.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, process.Start())
	t.Cleanup(func() { in.Close(); process.Wait() })
	a := &audience{size: n, words: bufio.NewWriter(in), answers: bufio.NewScanner(out)}
	for range n {
		conn, err := listener.AcceptTCP()
		require.NoError(t, err)
		a.conns = append(a.conns, conn)
	}
	t.Cleanup(func() {
		for _, conn := range a.conns {
			conn.Close()
		}
	})
	return a
}

// ask returns what was heard since the last question, once these are so many events. It waits no longer than askPatience.
func (a *audience) ask(t testing.TB, events int) (h heard) {
	t.Helper()
	fmt.Fprintln(a.words, events)
	require.NoError(t, a.words.Flush())
	require.True(t, a.answers.Scan())
	require.NoError(t, json.Unmarshal(a.answers.Bytes(), &h))
	return h
}

// TestBeAnAudience runs in the process of an audience. Elsewhere it does nothing.
func TestBeAnAudience(t *testing.T) {
	if os.Getenv("AUDIENCE") == "" {
		t.Skip("a benchmark starts it")
	}
	n, err := strconv.Atoi(os.Getenv("AUDIENCE"))
	require.NoError(t, err)
	poll, err := unix.EpollCreate1(0)
	require.NoError(t, err)
	watch := func(fd int) {
		require.NoError(t, unix.EpollCtl(poll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)}))
	}
	watch(0)
	for range n {
		conn, err := net.Dial("tcp", os.Getenv("ADDR"))
		require.NoError(t, err)
		file, err := conn.(*net.TCPConn).File() // blocking, and not Go's: one thread reads all
		require.NoError(t, err)
		defer file.Close()
		conn.Close()
		watch(int(file.Fd()))
	}
	r := &recipients{buffer: make([]byte, 64<<10), held: make(map[int][]byte)}
	for events := make([]unix.EpollEvent, 512); ; {
		n, err := unix.EpollWait(poll, events, 1000)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		require.NoError(t, err)
		for _, e := range events[:n] {
			switch fd := int(e.Fd); {
			case fd != 0:
				require.NoError(t, r.read(fd))
			case !r.asked():
				return
			}
		}
		r.report()
	}
}

// recipients read the events of all clients.
type recipients struct {
	buffer []byte
	held   map[int][]byte // the beginnings of events that have not come whole
	late   []time.Duration

	wanted int       // events that the answer waits for
	since  time.Time // when that was asked; zero without a question
}

// asked reads a question. It reports false where none follows.
func (r *recipients) asked() bool {
	n, err := unix.Read(0, r.buffer)
	if n <= 0 || err != nil {
		return false
	}
	r.since = time.Now()
	r.wanted, err = strconv.Atoi(strings.TrimSpace(string(r.buffer[:n])))
	return err == nil
}

func (r *recipients) read(fd int) error {
	n, err := unix.Read(fd, r.buffer)
	if err != nil || n == 0 {
		return unix.Close(fd)
	}
	got := r.buffer[:n]
	if rest := r.held[fd]; len(rest) > 0 {
		got = append(rest, got...)
	}
	for now := time.Now(); len(got) >= stampedSize; got = got[stampedSize:] {
		made, err := strconv.ParseInt(string(got[6:22]), 16, 64)
		if err != nil {
			return err
		}
		r.late = append(r.late, now.Sub(time.Unix(0, made)))
	}
	if len(got) > 0 || len(r.held[fd]) > 0 {
		r.held[fd] = bytes.Clone(got)
	}
	return nil
}

// report answers the question, once what it asks for has come.
func (r *recipients) report() {
	if r.since.IsZero() || len(r.late) < r.wanted && time.Since(r.since) < askPatience {
		return
	}
	r.since = time.Time{}
	slices.Sort(r.late)
	h := heard{Events: len(r.late)}
	if n := len(r.late); n > 0 {
		h.P50, h.P99, h.Max = r.late[n/2], r.late[n*99/100], r.late[n-1]
	}
	_ = json.NewEncoder(os.Stdout).Encode(h)
	r.late = r.late[:0]
}
