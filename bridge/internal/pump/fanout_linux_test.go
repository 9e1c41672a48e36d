package pump

import (
	"fmt"
	"os"
	"runtime/debug"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/grpcsse/grpcsse/bridge/internal/uring"
)

// place is a cursor on a tape that costs as little as possible.
type place struct {
	*tape
	at int
}

func (p *place) Topic() Topic      { return p.tape }
func (p *place) Lag(time.Time) Lag { return Lag{} }

func (p *place) Peek(dst [][]byte, _ int) ([][]byte, *End) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append(dst, p.pieces[p.at:]...), nil
}

func (p *place) Advance(n int) int                   { p.at += n; return n }
func (p *place) Overdue(int, bool) bool              { return false }
func (p *place) Retry(d time.Duration) time.Duration { return d }
func (p *place) Interjected()                        {}

// BenchmarkFanOut sends 20 events a second to an audience. It measures the CPU time of a delivered event, and how late the
// event is: with loops, with a loop that writes by io_uring, and with a bare loop of writes to the same kind of socket. One
// operation is one event. A good number is -benchtime 100x. Where a machine is too busy for its audience, loops write several
// events at once, and a delivery costs less.
func BenchmarkFanOut(b *testing.B) { benchmarkFanOut(b, 5000) }

// BenchmarkFanOut1000 does the same as BenchmarkFanOut with an audience that a busy machine can serve too.
func BenchmarkFanOut1000(b *testing.B) { benchmarkFanOut(b, 1000) }

// BenchmarkFanOut100 does the same with an audience of which a step visits all.
func BenchmarkFanOut100(b *testing.B) { benchmarkFanOut(b, 100) }

func benchmarkFanOut(b *testing.B, size int) {
	b.Run("bare", func(b *testing.B) {
		a := gather(b, size)
		var fds []int
		for _, conn := range a.conns {
			raw, err := conn.SyscallConn()
			require.NoError(b, err)
			require.NoError(b, raw.Control(func(fd uintptr) { fds = append(fds, int(fd)) }))
		}
		a.measure(b, func(event []byte) {
			for _, fd := range fds {
				if _, err := unix.Write(fd, event); err != nil {
					b.Error(err)
				}
			}
		})
	})
	for _, n := range []int{1, 2} {
		b.Run("loops="+strconv.Itoa(n), func(b *testing.B) { benchmarkLoops(b, size, n, Writing{}) })
	}
	b.Run("io_uring", func(b *testing.B) { benchmarkLoops(b, size, 1, Writing{Ring: uring.New}) })
}

// benchmarkLoops sends to an audience with n loops.
func benchmarkLoops(b *testing.B, size, n int, how Writing) {
	a, events := gather(b, size), new(tape)
	l, err := NewLoops(n, nil, nil, how)
	require.NoError(b, err)
	require.Equal(b, how.Ring != nil, l.Together())
	defer l.Close()
	a.park(b, l, events)
	a.measure(b, func(event []byte) { events.put(string(event)) })
}

func (a *audience) park(t testing.TB, l *Loops, events *tape) {
	s := &Settings{Heartbeat: time.Hour, WriteTimeout: 10 * time.Second}
	for _, conn := range a.conns {
		require.NoError(t, Tune(conn, 128<<10, s.WriteTimeout))
		require.NoError(t, l.Park(conn, Subscriber{Cursor: &place{tape: events}, Settings: s, Done: func(Outcome) {}}))
	}
	a.conns = nil
}

// measure sends b.N events, and reports the cost of each delivery.
func (a *audience) measure(b *testing.B, send func([]byte)) {
	send(stamped()) // opens streams, warms up
	a.ask(b, a.size)
	before := cpu(b)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for b.Loop() {
		<-tick.C
		send(stamped())
	}
	want := b.N * a.size
	h := a.ask(b, want)
	used := cpu(b) - before
	if h.Events != want {
		b.Errorf("%d events of %d", h.Events, want)
	}
	b.ReportMetric(float64(used.Nanoseconds())/1000/float64(h.Events), "cpu-µs/delivery")
	b.ReportMetric(float64(h.P50.Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(h.P99.Microseconds())/1000, "p99-ms")
}

// cpu returns the CPU time that this process has used.
func cpu(t testing.TB) time.Duration {
	var u unix.Rusage
	require.NoError(t, unix.Getrusage(unix.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkIdle measures the memory of each of 15,000 connections to which nothing is written. It runs once.
func BenchmarkIdle(b *testing.B) {
	const n = 15_000
	before := resident(b)
	a := gather(b, n)
	b.ReportMetric(float64(resident(b)-before)/n, "B/accepted")
	l, err := NewLoops(1, nil, nil, Writing{})
	require.NoError(b, err)
	defer l.Close()
	last := len(a.conns) - 1
	farewell := a.conns[last]
	a.conns = a.conns[:last]
	a.park(b, l, new(tape))
	over, ended := new(tape), make(chan Outcome, 1)
	over.finish(End{Ending: because("over")})
	require.NoError(b, l.Park(farewell, Subscriber{Cursor: &head{tape: over}, Settings: new(Settings), Done: func(o Outcome) { ended <- o }}))
	<-ended // the loop has taken up those that came before
	b.ReportMetric(float64(resident(b)-before)/n, "B/parked")
}

// resident returns the resident memory of this process.
func resident(t testing.TB) int {
	debug.FreeOSMemory()
	statm, err := os.ReadFile("/proc/self/statm")
	require.NoError(t, err)
	var size, pages int
	_, err = fmt.Sscan(string(statm), &size, &pages)
	require.NoError(t, err)
	return pages * os.Getpagesize()
}
