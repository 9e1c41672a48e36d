package bridge_test

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A browser that has said goodbye does not hold its upstream stream, whether its TCP connection ends or not.
func TestAGoodbyeOverTLSCancelsTheUpstream(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", untilCancelled)
	st := startTLS(t, s, routeFile("open_wait: 1ms", "heartbeat: 1h"))
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		st.config.MaxVersion = version
		g := st.visit(t, 0, get)
		g.requireParked(t)
		s.requireStreams(t, 1)
		require.NoError(t, g.CloseWrite())
		s.requireStreams(t, 0)
	}
}

// What a client sends on a parked connection is neither read nor answered. So a flood stops when the kernel's buffer is full, the
// client still gets its events, and its end is noticed.
func TestAFloodOverTLSIsNotRead(t *testing.T) {
	for name, what := range map[string][]byte{
		"requests":      []byte(strings.Repeat(get, 200)),
		"small records": []byte("\r\n"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // the flood lasts for a time
			p := newTopic()
			s := startServer(t, "127.0.0.1:0", p.watch)
			st := startTLS(t, s, resumable())
			g := st.visit(t, 0, get)
			g.requireParked(t)
			require.NoError(t, g.SetWriteDeadline(time.Now().Add(500*time.Millisecond)))
			sent, err := 0, error(nil)
			for n := 0; err == nil; sent += n {
				n, err = g.Write(what)
			}
			require.ErrorIs(t, err, os.ErrDeadlineExceeded)
			assert.Less(t, sent, 32<<20, "the kernel has it, and the bridge has not read it")
			p.send(t, 1, 2)
			requireIDs(t, g.reader, "1", "2")
			assert.EqualValues(t, 1, s.opened.Load(), "no other request is answered")
			require.NoError(t, g.tcp.SetLinger(0))
			require.NoError(t, g.tcp.Close())
			s.requireStreams(t, 0)
		})
	}
}

// The kernel takes records in parts, and the client reads them in parts.
func TestASlowReaderOverTLSGetsEveryByte(t *testing.T) {
	const events = 100
	s := startServer(t, "127.0.0.1:0", new(sendCounter).count(events))
	st := startTLS(t, s, resumable("send_buffer: 16KiB"))
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		st.config.MaxVersion = version
		g := st.visit(t, 8<<10, get)
		g.requireParked(t)
		var text bytes.Buffer
		for size := 1; ; size = size*7%4001 + 1 {
			n, err := io.CopyN(&text, g.resp.Body, int64(size))
			if errors.Is(err, io.EOF) {
				break
			}
			require.NoError(t, err, "after %d bytes", text.Len()+int(n))
		}
		assert.Equal(t, events, strings.Count(text.String(), strings.Repeat("x", 2000)))
		r := &reader{body: g.resp.Body, lines: newReader(g.resp).lines}
		r.lines.Reset(&text)
		assert.Len(t, r.all(t), events+1)
	}
	s.requireStreams(t, 0)
}

// The client takes a part of a record and is gone, or has sent a part of one.
func TestAConnectionThatBreaksInsideARecordCancelsTheUpstream(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", new(sendCounter).count(1<<40))
	st := startTLS(t, s, routeFile())
	for name, end := range map[string]func(*guest) error{
		"a reset": func(g *guest) error { return errors.Join(g.tcp.SetLinger(0), g.tcp.Close()) },
		"an end":  func(g *guest) error { return g.tcp.Close() },
		"a reset behind a part of a record": func(g *guest) error {
			_, err := g.tcp.Write([]byte{23, 3, 3, 0, 19, 1, 2})
			return errors.Join(err, g.tcp.SetLinger(0), g.tcp.Close())
		},
		"an end of one side behind a part of a record": func(g *guest) error {
			_, err := g.tcp.Write([]byte{23, 3, 3, 0, 19, 1, 2})
			return errors.Join(err, g.tcp.CloseWrite())
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := st.visit(t, 4<<10, get)
			g.requireParked(t)
			s.requireStreams(t, 1)
			_, err := io.ReadFull(g.tcp, make([]byte, 777))
			require.NoError(t, err)
			require.NoError(t, end(g))
			s.requireStreams(t, 0)
		})
	}
}

// Whatever way 500 clients come and go, nothing of them is left.
func TestNothingIsLeftOfConnectionsOverTLS(t *testing.T) {
	const clients = 500
	p := newTopic()
	s := startServer(t, "127.0.0.1:0", p.watch)
	f := startFront(t, s, sharedRoute("none"))
	st := serveTLS(t, f, nil)
	st.config.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	first := st.visit(t, 0, get) // what the first client needs is not what a client costs
	descriptors, goroutines, memory := openDescriptors(t), runtime.NumGoroutine(), heap()
	func() { // nothing outside of it refers to the clients
		var all []*guest
		defer func() {
			for _, g := range all {
				_ = g.tcp.Close()
			}
		}()
		for i := range clients {
			g := st.visit(t, 0, get)
			g.requireParked(t)
			if all = append(all, g); i%100 == 0 {
				p.send(t, int64(i+1))
			}
		}
		for i, g := range all {
			switch i % 4 {
			case 0:
				_ = g.tcp.SetLinger(0)
				_ = g.tcp.Close()
			case 1:
				_ = g.Conn.Close()
			case 2:
				_ = g.CloseWrite()
			case 3:
				_, _ = g.tcp.Write([]byte("garbage"))
				_ = g.tcp.Close()
			}
		}
		require.Eventually(t, func() bool { return len(slices.Collect(f.bridge.Streams(0))) == 1 }, patience, 10*time.Millisecond)
	}()
	require.Eventually(t, func() bool {
		return openDescriptors(t) <= descriptors+5 && runtime.NumGoroutine() <= goroutines+5
	}, patience, 10*time.Millisecond, "%d descriptors and %d goroutines before", descriptors, goroutines)
	assert.Less(t, heap()-memory, int64(clients*2<<10), "crypto/tls has more than 7 KiB for a connection")
	p.send(t, 1000)
	for e, err := first.next(); e.id != "1000"; e, err = first.next() {
		require.NoError(t, err)
	}
}

// heap returns the bytes of live objects.
func heap() int64 {
	runtime.GC()
	runtime.GC() // what the first one has found in pools
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// openDescriptors returns how many descriptors the process has, or 0 where the system does not tell.
func openDescriptors(t *testing.T) int {
	t.Helper()
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		require.NotEqual(t, "linux", runtime.GOOS, "%v", err)
	}
	return len(open)
}
