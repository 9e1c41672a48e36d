package pump

import (
	"crypto/tls"
	"io"
	"net"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/grpcsse/grpcsse/bridge/internal/ending"
)

// Closing a socket that holds unread bytes resets the connection, and the end of the stream may be lost.
func TestBytesThatAClientSendsEarlyDoNotCostItTheEnd(t *testing.T) {
	eachParking(t, bytesThatAClientSendsEarlyDoNotCostItTheEnd)
}

func bytesThatAClientSendsEarlyDoNotCostItTheEnd(t *testing.T, s *site) {
	for range 50 {
		events := s.topic()
		v := s.visit(t, 0)
		v.read(t, ":\n")
		_, err := v.Write(make([]byte, 64<<10))
		require.NoError(t, err)
		long := strings.Repeat("x", 100<<10)
		events.put(string(s.piece(long)))
		events.finish(End{Ending: because(""), Frame: []byte("end\n\n")})
		v.readToEnd(t, long+"end\n\n")
	}
}

// A machine that has vanished takes nothing, but a send buffer has room for a long time.
func TestAClientThatAcknowledgesNothingIsCutOff(t *testing.T) {
	eachParking(t, aClientThatAcknowledgesNothingIsCutOff)
}

func aClientThatAcknowledgesNothingIsCutOff(t *testing.T, s *site) {
	s.settings.WriteTimeout = time.Second
	events := s.topic()
	v := s.visit(t, 0)
	v.read(t, ":\n")
	raw, err := v.SyscallConn()
	require.NoError(t, err)
	dropAll := unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K}
	require.NoError(t, raw.Control(func(fd uintptr) {
		err = unix.SetsockoptSockFprog(int(fd), unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: 1, Filter: &dropAll})
	}))
	require.NoError(t, err)
	events.put(string(s.piece("data: 1\n\n")))
	out := s.outcome(t)
	assert.Equal(t, ending.BySlow, out.Reason)
	assert.ErrorIs(t, out.Err, unix.ETIMEDOUT)
}

// Descriptors and slots are used again at once. No client gets bytes of another client.
func TestClientsThatComeAndGoDoNotDisturbOthers(t *testing.T) {
	eachParking(t, clientsThatComeAndGoDoNotDisturbOthers)
}

func clientsThatComeAndGoDoNotDisturbOthers(t *testing.T, s *site) {
	events := s.topic()
	constant := make([]*visitor, 0, 20)
	for range cap(constant) {
		v := s.visit(t, 0)
		v.read(t, ":\n")
		constant = append(constant, v)
	}
	before := descriptorsOpen(t)
	var all sync.WaitGroup
	came := make(chan struct{})
	for range 4 {
		all.Go(func() {
			for i := range 100 {
				v := s.visit(t, 0)
				if i%2 == 0 {
					v.SetLinger(0)
				}
				v.Close()
				came <- struct{}{}
			}
		})
	}
	for range 100 {
		events.put(string(s.piece("data: 1\n\n")))
		for range 4 {
			<-came
		}
	}
	all.Wait()
	for range 400 {
		assert.Equal(t, ending.ByGone, s.outcome(t).Reason)
	}
	assert.InDelta(t, before, descriptorsOpen(t), 3)
	events.finish(End{Ending: because("upstream"), Frame: []byte("end\n\n")})
	for _, v := range constant {
		v.readToEnd(t, strings.Repeat("data: 1\n\n", 100)+"end\n\n")
		assert.Equal(t, ending.Reason("upstream"), s.outcome(t).Reason)
	}
}

func descriptorsOpen(t *testing.T) int {
	open, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	return len(open)
}

func TestLoopsThatAreClosedTakeNoConnection(t *testing.T) {
	l, err := NewLoops(1, nil, nil, Writing{})
	require.NoError(t, err)
	server, client := pair(t)
	ended := make(chan Outcome, 1)
	require.NoError(t, l.Park(server, Subscriber{Cursor: NewQueue(1), Settings: new(Settings), Done: func(o Outcome) { ended <- o }}))
	l.Close()
	l.Close()
	assert.Equal(t, ending.ByGone, (<-ended).Reason)
	_, err = client.Read(make([]byte, 1))
	assert.Error(t, err, "the connection is closed")

	server, client = pair(t)
	require.ErrorIs(t, l.Park(server, Subscriber{Cursor: NewQueue(1), Settings: new(Settings), Done: func(Outcome) { t.Error("it was not parked") }}), ErrClosed)
	_, err = server.Write([]byte("x"))
	require.NoError(t, err, "it is still the caller's")
	_, err = client.Read(make([]byte, 1))
	assert.NoError(t, err)
}

func TestAConnectionThatIsClosedCannotBeParked(t *testing.T) {
	l, err := NewLoops(1, nil, nil, Writing{})
	require.NoError(t, err)
	defer l.Close()
	server, _ := pair(t)
	server.Close()
	assert.Error(t, l.Park(server, Subscriber{Cursor: NewQueue(1), Settings: new(Settings), Done: func(Outcome) { t.Error("it was not parked") }}))
}

func TestAConnectionIsParkedWithoutADescriptorToSpare(t *testing.T) {
	l, err := NewLoops(1, nil, nil, Writing{})
	require.NoError(t, err)
	defer l.Close()
	server, client := pair(t)
	var limit unix.Rlimit
	require.NoError(t, unix.Getrlimit(unix.RLIMIT_NOFILE, &limit))
	none := limit
	none.Cur = 1
	require.NoError(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &none))
	ended := make(chan Outcome, 1)
	q := NewQueue(10)
	err = l.Park(server, Subscriber{Cursor: q, Settings: new(Settings), Done: func(o Outcome) { ended <- o }})
	require.NoError(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &limit))
	require.NoError(t, err)
	q.End(End{Ending: because(""), Frame: []byte("end")})
	got, err := io.ReadAll(client)
	require.NoError(t, err)
	assert.Equal(t, "end", string(got))
	<-ended
	_, err = server.Write([]byte("x"))
	assert.ErrorIs(t, err, net.ErrClosed)
}

func TestAClientThatIsCutOffLeavesNothingInTheKernel(t *testing.T) {
	eachWire(t, func(t *testing.T, s *site) {
		s.settings.WriteTimeout = 300 * time.Millisecond
		events := s.topic()
		v := s.visit(t, 8<<10)
		events.put(string(s.piece(string(make([]byte, 1<<20)))))
		require.Equal(t, ending.BySlow, s.outcome(t).Reason)
		_, err := io.Copy(io.Discard, v.body)
		assert.ErrorIs(t, err, unix.ECONNRESET)
	})
}

// A connection of net/http serves more than one response. What was set for one response must not harm the next one.
func TestAConnectionThatIsReleasedServesOn(t *testing.T) {
	server, client := pair(t)
	conn := NewHTTPConn(httptest.NewRecorder(), time.Second).Over(server)
	_, err := server.Write(make([]byte, 1000))
	require.NoError(t, err)
	assert.Eventually(t, func() bool { return conn.Taken() == 0 }, 10*time.Second, time.Millisecond, "the client's kernel has it")
	conn.Release()
	server.Close()
	got, err := io.ReadAll(client)
	require.NoError(t, err)
	assert.Len(t, got, 1000)
}

func TestWhatTheClientHasNotAcknowledgedIsNotTaken(t *testing.T) {
	server, client := pair(t)
	conn := NewHTTPConn(httptest.NewRecorder(), time.Second).Over(tls.Server(server, new(tls.Config)))
	require.NoError(t, server.SetWriteBuffer(64<<10))
	require.NoError(t, client.SetReadBuffer(4<<10))
	require.NoError(t, server.SetWriteDeadline(time.Now().Add(200*time.Millisecond)))
	n, err := server.Write(make([]byte, 1<<20))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded, "it is full")
	assert.Less(t, conn.Taken(), -n/4)
	assert.Zero(t, NewHTTPConn(httptest.NewRecorder(), time.Second).Over(nil).Taken(), "an unknown one holds nothing")
}
