package pump

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/frame"
	"github.com/grpcsse/grpcsse/bridge/internal/uring"
)

// site serves streams over real connections of one kind.
type site struct {
	server   *httptest.Server
	cursor   func() Cursor // returns the cursor of the next client
	settings Settings
	outcomes chan Outcome
	form     frame.Form
	secure   *tls.Config // of the clients; nil where there is no TLS
}

// sendBuffer is how many unsent bytes the kernel holds for a client of a site.
const sendBuffer = 64 << 10

type connKey struct{}

// eachWire runs a test over each kind of connection, from an HTTP server to a socket.
func eachWire(t *testing.T, test func(*testing.T, *site)) {
	t.Run("run", func(t *testing.T) {
		s := newSite(t, false, func(s *site, w http.ResponseWriter, r *http.Request) {
			wire := r.Context().Value(connKey{}).(net.Conn)
			assert.NoError(t, Tune(wire, sendBuffer, s.settings.WriteTimeout))
			conn := NewHTTPConn(w, s.settings.WriteTimeout).Over(wire)
			out := Run(r.Context(), conn, s.cursor(), &s.settings, nil)
			if out.Err == nil {
				conn.Release()
			}
			s.outcomes <- out
		})
		test(t, s)
	})
	eachParking(t, test)
}

// eachParking runs a test over each kind of connection that is parked.
func eachParking(t *testing.T, test func(*testing.T, *site)) {
	eachWriting(t, func(t *testing.T, how Writing) {
		t.Run("parked", func(t *testing.T) { test(t, newParkingSite(t, false, how)) })
		t.Run("parked, TLS", func(t *testing.T) { test(t, newParkingSite(t, true, how)) })
	})
}

// eachWriting runs a test with each way to write. Here a ring writes also what is alone.
func eachWriting(t *testing.T, test func(*testing.T, Writing)) {
	t.Run("write", func(t *testing.T) { test(t, Writing{}) })
	t.Run("io_uring", func(t *testing.T) { test(t, byRing(t)) })
}

// byRing has loops write by io_uring. Where the machine forbids io_uring, the test is skipped. .ci/run says so.
func byRing(t testing.TB) Writing {
	t.Helper()
	r, err := uring.New(flightsAtOnce)
	if err != nil {
		t.Skipf("this machine has no io_uring: %v", err)
	}
	r.Close()
	return Writing{Ring: uring.New, Alone: func(err error) { t.Errorf("the ring failed: %v", err) }, fewest: 1}
}

func newParkingSite(t testing.TB, secure bool, how Writing) *site {
	loops, err := NewLoops(2, nil, nil, how)
	require.NoError(t, err)
	require.Equal(t, how.Ring != nil, loops.Together())
	s := newSite(t, secure, func(s *site, w http.ResponseWriter, r *http.Request) {
		assert.NoError(t, Tune(r.Context().Value(connKey{}).(net.Conn), sendBuffer, s.settings.WriteTimeout))
		conn, _, err := http.NewResponseController(w).Hijack()
		subscriber := Subscriber{
			Head:   []byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
			Cursor: s.cursor(), Settings: &s.settings, Done: func(o Outcome) { s.outcomes <- o },
		}
		switch secured, _ := conn.(*tls.Conn); {
		case err != nil:
			t.Error(err)
		case secured != nil:
			tcp := CarrierOf(secured).Conn.(*net.TCPConn)
			assert.NoError(t, loops.ParkTLS(tcp, secured, subscriber))
		default:
			assert.NoError(t, loops.Park(conn.(*net.TCPConn), subscriber))
		}
	})
	s.form = frame.Form{Chunked: true}
	s.settings.Form = s.form
	t.Cleanup(loops.Close)
	return s
}

func newSite(t testing.TB, secure bool, handle func(*site, http.ResponseWriter, *http.Request)) *site {
	s := &site{outcomes: make(chan Outcome, 10_000), settings: Settings{
		Comment: []byte(":\n"), Heartbeat: time.Minute, WriteTimeout: time.Minute,
	}}
	s.server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handle(s, w, r) }))
	s.server.Config.ConnContext = func(ctx context.Context, conn net.Conn) context.Context {
		return context.WithValue(ctx, connKey{}, conn)
	}
	if secure {
		// Most handshakes resume a session, since many of them with a signature would take much of a test's time.
		s.secure = &tls.Config{InsecureSkipVerify: true, ServerName: "test", ClientSessionCache: tls.NewLRUClientSessionCache(0)}
		s.server.Listener = Carrying(s.server.Listener)
		s.server.StartTLS()
	} else {
		s.server.Start()
	}
	t.Cleanup(s.server.Close)
	return s
}

// visitor is a client with a connection of its own. It reads only what a test has it read, and what it writes itself goes past
// TLS.
type visitor struct {
	*net.TCPConn
	secured *tls.Conn // nil where there is no TLS
	body    io.Reader
}

// visit opens a stream and reads the header. window is about how many unread bytes the client's kernel holds; 0 is the kernel's
// own choice.
func (s *site) visit(t testing.TB, window int) *visitor {
	t.Helper()
	conn, err := net.Dial("tcp", s.server.Listener.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	if window > 0 {
		require.NoError(t, conn.(*net.TCPConn).SetReadBuffer(window))
	}
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(20*time.Second)))
	v, over := &visitor{TCPConn: conn.(*net.TCPConn)}, conn
	if s.secure != nil {
		v.secured = tls.Client(conn, s.secure)
		over = v.secured
	}
	_, err = io.WriteString(over, "GET / HTTP/1.1\r\nHost: test\r\n\r\n")
	require.NoError(t, err)
	res, err := http.ReadResponse(bufio.NewReader(over), nil)
	require.NoError(t, err)
	v.body = res.Body
	return v
}

// piece returns text in the form of the cursor's pieces.
func (s *site) piece(text string) []byte { return s.form.Append(nil, []byte(text)) }

func (s *site) outcome(t *testing.T) Outcome {
	t.Helper()
	select {
	case o := <-s.outcomes:
		return o
	case <-time.After(20 * time.Second):
		require.Fail(t, "the stream does not end")
	}
	return Outcome{}
}

// topic returns the one topic of all clients.
func (s *site) topic() *tape {
	events := new(tape)
	s.cursor = func() Cursor { return &head{tape: events} }
	return events
}

func (v *visitor) read(t *testing.T, want string) {
	t.Helper()
	require.NoError(t, v.SetReadDeadline(time.Now().Add(20*time.Second)))
	got := make([]byte, len(want))
	_, err := io.ReadFull(v.body, got)
	require.NoError(t, err)
	require.Equal(t, want, string(got))
}

// waitUntilFull waits until the kernel takes no more for a visitor that is sent more than it reads.
func (v *visitor) waitUntilFull(t *testing.T) {
	t.Helper()
	raw, err := v.SyscallConn()
	require.NoError(t, err)
	waiting := 0
	require.Eventually(t, func() bool {
		before := waiting
		_ = raw.Control(func(fd uintptr) { waiting, err = unix.IoctlGetInt(int(fd), unix.TIOCINQ) })
		return err == nil && waiting > 0 && waiting == before
	}, 20*time.Second, 5*time.Millisecond, "nothing comes: %v", err)
}

func (v *visitor) readToEnd(t *testing.T, want string) {
	t.Helper()
	require.NoError(t, v.SetReadDeadline(time.Now().Add(20*time.Second)))
	got, err := io.ReadAll(v.body)
	require.NoError(t, err, "the body is whole")
	require.True(t, want == string(got), "%d bytes of %d", len(got), len(want))
}

func TestOverTheWireAStreamIsServed(t *testing.T) {
	eachWire(t, func(t *testing.T, s *site) {
		events := s.topic()
		v := s.visit(t, 0)
		v.read(t, ":\n")
		events.put(string(s.piece("data: 1\n\n")))
		v.read(t, "data: 1\n\n")
		events.put(string(s.piece("data: 2\n\n")), string(s.piece("data: 3\n\n")))
		events.finish(End{Ending: because("upstream"), Frame: []byte("data: end\n\n")})
		v.readToEnd(t, "data: 2\n\ndata: 3\n\ndata: end\n\n")
		out := s.outcome(t)
		assert.Equal(t, ending.Reason("upstream"), out.Reason)
		assert.Equal(t, 3, out.Events)
		assert.NotNil(t, out.End)
	})
}

// Topics change while events come from another goroutine. Each burst must arrive without the help of a later one.
func TestOverTheWireTopicsMayChange(t *testing.T) {
	for _, withholds := range []bool{false, true} {
		t.Run(fmt.Sprintf("withholds: %v", withholds), func(t *testing.T) {
			eachWire(t, func(t *testing.T, s *site) {
				const bursts, burst = 200, 10
				cur := newTour(strings.Repeat("b.cab..d.a", bursts/10))
				cur.withholds = withholds
				s.cursor = func() Cursor { return cur }
				v := s.visit(t, 0)
				v.read(t, ":\n")
				var putting sync.WaitGroup
				for range bursts {
					putting.Go(func() {
						for i := range burst {
							cur.put(string(s.piece(strconv.Itoa(i))))
							runtime.Gosched()
						}
					})
					v.read(t, "0123456789")
				}
				putting.Wait()
				assert.Empty(t, cur.head.topics, "all changes have come")
				cur.finish(End{Ending: because("upstream")})
				v.readToEnd(t, "")
				assert.Equal(t, bursts*burst, s.outcome(t).Events)
				assert.NoError(t, cur.watched(0))
			})
		})
	}
}

func TestOverTheWireASlowReaderGetsAll(t *testing.T) {
	eachWire(t, func(t *testing.T, s *site) {
		events := s.topic()
		v := s.visit(t, 64<<10)
		v.read(t, ":\n")
		var want bytes.Buffer
		for i := range 2000 {
			text := bytes.Repeat([]byte{byte('a' + i%26)}, 1+i*7%1000)
			want.Write(text)
			events.put(string(s.piece(string(text))))
		}
		events.finish(End{Ending: because("upstream")})
		for range 20 {
			v.waitUntilFull(t)
			v.read(t, string(want.Next(1000)))
		}
		v.readToEnd(t, want.String())
		assert.Equal(t, 2000, s.outcome(t).Events)
	})
}

func TestOverTheWireALeavingClientIsNoticed(t *testing.T) {
	leave := map[string]func(*visitor){
		"it closes":        func(v *visitor) { v.Close() },
		"it closes a half": func(v *visitor) { v.CloseWrite() },
		"it resets":        func(v *visitor) { v.SetLinger(0); v.Close() },
	}
	for name, goes := range leave {
		t.Run(name, func(t *testing.T) { eachWire(t, func(t *testing.T, s *site) { noticed(t, s, goes) }) })
	}
	t.Run("it has sent bytes", func(t *testing.T) { // net/http would see only these bytes, and not that the client leaves
		eachParking(t, func(t *testing.T, s *site) {
			noticed(t, s, func(v *visitor) { v.Write([]byte("GET / HTTP/1.1")); v.Close() })
		})
	})
}

// noticed has two clients leave: one has received everything, the other takes nothing.
func noticed(t *testing.T, s *site, leave func(*visitor)) {
	for _, blocked := range []bool{false, true} {
		events := s.topic()
		v := s.visit(t, 8<<10)
		v.read(t, ":\n")
		if blocked {
			events.put(string(s.piece(string(make([]byte, 1<<20)))))
			v.waitUntilFull(t)
		}
		leave(v)
		assert.Equal(t, ending.ByGone, s.outcome(t).Reason, "blocked: %v", blocked)
	}
}

func TestOverTheWireAStalledReaderIsCutOff(t *testing.T) {
	eachWire(t, func(t *testing.T, s *site) {
		s.settings.WriteTimeout = 300 * time.Millisecond
		events := s.topic()
		v := s.visit(t, 8<<10)
		events.put(string(s.piece(string(make([]byte, 1<<20)))))
		began := time.Now()
		assert.Equal(t, ending.BySlow, s.outcome(t).Reason)
		assert.GreaterOrEqual(t, time.Since(began), 200*time.Millisecond)
		_, err := io.Copy(io.Discard, v.body)
		assert.Error(t, err, "what it has is not whole")
	})
}

func TestOverTheWireAnOverdueReaderIsCutOff(t *testing.T) {
	eachWire(t, func(t *testing.T, s *site) {
		events := new(tape)
		s.cursor = func() Cursor { return &head{tape: events, slack: 2} }
		v := s.visit(t, 8<<10)
		v.read(t, ":\n")
		tick := time.NewTicker(OverduePatience / 10)
		defer tick.Stop()
		events.put(string(s.piece(string(make([]byte, 1<<20)))))
		for deadline := time.After(20 * time.Second); ; {
			select {
			case out := <-s.outcomes:
				assert.Equal(t, ending.BySlow, out.Reason)
				return
			case <-tick.C:
				events.put(string(s.piece("data: 1\n\n")))
			case <-deadline:
				require.Fail(t, "the stream does not end")
			}
		}
	})
}

func TestOverTheWireManyShareATopic(t *testing.T) {
	eachWire(t, func(t *testing.T, s *site) {
		const clients, events = 500, 20
		topic := s.topic()
		visitors := make([]*visitor, 0, clients)
		for range clients {
			visitors = append(visitors, s.visit(t, 0))
		}
		for _, v := range visitors {
			v.read(t, ":\n")
		}
		var want bytes.Buffer
		for range events {
			want.WriteString("data: 1\n\n")
			topic.put(string(s.piece("data: 1\n\n")))
			visitors[0].read(t, "data: 1\n\n") // each event is on its way alone
		}
		topic.finish(End{Ending: because("upstream")})
		for i, v := range visitors {
			if i == 0 {
				v.readToEnd(t, "")
			} else {
				v.readToEnd(t, want.String())
			}
			assert.Equal(t, events, s.outcome(t).Events)
		}
	})
}
