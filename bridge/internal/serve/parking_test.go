package serve

import (
	"bufio"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/frame"
	"github.com/grpcsse/grpcsse/bridge/internal/pump"
	"github.com/grpcsse/grpcsse/bridge/internal/request"
	"github.com/grpcsse/grpcsse/bridge/internal/stream"
)

// hijackable is a writer whose connection can be taken over.
type hijackable struct {
	recorder

	deadline, flush, hijack error // what the methods return
	conn                    net.Conn
}

func (h *hijackable) SetWriteDeadline(time.Time) error { return h.deadline }
func (h *hijackable) FlushError() error                { return h.flush }

func (h *hijackable) Hijack() (net.Conn, *bufio.ReadWriter, error) { return h.conn, nil, h.hijack }

// covered is a writer with middleware around it. The middleware would not see what a loop writes to the connection.
type covered struct{ *hijackable }

func (c covered) Unwrap() http.ResponseWriter { return c.hijackable }

func TestOnlyAnEventStreamOverPlainHTTP1IsParked(t *testing.T) {
	r := newRig(t, config.Server{})
	defer r.close()
	over := func(conn net.Conn, request *http.Request) *http.Request {
		return request.WithContext(ConnContext(request.Context(), conn))
	}
	plain := over(&net.TCPConn{}, eventSource())
	assert.False(t, r.parks(&hijackable{}, request.New(plain)), "no loops were started")
	require.NoError(t, r.StartLoops())
	if r.loops.Load() == nil {
		t.Skip("no connection is parked on this system")
	}
	lines := get()
	lines.Header.Set("Accept", "application/x-ndjson")
	secured := over(&net.TCPConn{}, eventSource())
	secured.TLS = &tls.ConnectionState{}
	old := over(&net.TCPConn{}, eventSource())
	old.ProtoMinor = 0
	for name, tt := range map[string]struct {
		request *http.Request
		writer  http.ResponseWriter
		want    bool
	}{
		"an event stream":               {plain, &hijackable{}, true},
		"an event stream for a program": {over(&net.TCPConn{}, get()), &hijackable{}, true},
		"lines":                         {over(&net.TCPConn{}, lines), &hijackable{}, false},
		"TLS":                           {secured, &hijackable{}, false},
		"HTTP/1.0":                      {old, &hijackable{}, false},
		"HTTP/2":                        {over(&net.TCPConn{}, overHTTP2()), &hijackable{}, false},
		"a wrapper that hands over":     {over(new(wrapper), eventSource()), &hijackable{}, true},
		"a wrapper that does not":       {over(struct{ net.Conn }{&net.TCPConn{}}, eventSource()), &hijackable{}, false},
		"no TCP":                        {over(&net.UnixConn{}, eventSource()), &hijackable{}, false},
		"a connection unknown":          {eventSource(), &hijackable{}, false},
		"a writer without Hijack":       {plain, &recorder{}, false},
		"middleware":                    {plain, covered{&hijackable{}}, false},
	} {
		assert.Equal(t, tt.want, r.parks(tt.writer, request.New(tt.request)), name)
	}
}

// wrapper is a connection that wraps one of TCP, and counts how often it has ended.
type wrapper struct {
	net.Conn

	tcp   *net.TCPConn
	ended int
}

func (w *wrapper) HandOver() (*net.TCPConn, func()) { return w.tcp, func() { w.ended++ } }

// rigThatParks returns a rig with loops, and a connection of a client. It skips the test where the system has no loops.
func rigThatParks(t *testing.T) (*rig, net.Conn) {
	t.Helper()
	r := newRig(t, config.Server{})
	require.NoError(t, r.StartLoops())
	if r.loops.Load() == nil {
		t.Skip("no connection is parked on this system")
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	conn, err := net.Dial("tcp", listener.Addr().String())
	require.NoError(t, err)
	return r, conn
}

// Where a connection was handed over and cannot be used, the listener that wraps it is told of its end all the same.
func TestAConnectionThatWasHandedOverInVainHasEnded(t *testing.T) {
	for name, closed := range map[string]bool{"it broke meanwhile": true, "the bridge is closed": false, "it was closed before": true} {
		t.Run(name, func(t *testing.T) {
			r, conn := rigThatParks(t)
			w := &wrapper{Conn: conn, tcp: conn.(*net.TCPConn)}
			if closed {
				require.NoError(t, conn.Close())
			}
			if name == "it was closed before" {
				w.tcp = nil
			}
			require.Nil(t, r.drain.enter(0))
			r.drain.admitted.Done()
			s := &visit{handler: r.Handler, rt: routeTo(t, silent, nil), sub: &place{}, control: pump.Control{Began: time.Now()}}
			settings := r.settingsFor(s.rt, frame.Form{Chunked: true}, request.EventStream, false)
			r.close()
			s.park(&hijackable{recorder: recorder{httptest.NewRecorder()}, conn: w}, nil, settings)
			assert.Equal(t, 1, w.ended)
			assert.ErrorIs(t, conn.Close(), net.ErrClosed, "the connection is closed")
			requireIdle(t, r)
		})
	}
}

// A connection that cannot be taken over is still net/http's, which writes the header that is set. An EventSource comes back where
// the type of the content is its own.
func TestAResponseThatCannotBeTakenOverHasATypeOfItsContent(t *testing.T) {
	r, conn := rigThatParks(t)
	defer func() { _ = conn.Close() }()
	require.Nil(t, r.drain.enter(0))
	r.drain.admitted.Done()
	v := &visit{handler: r.Handler, rt: routeTo(t, silent, nil), sub: &place{}, control: pump.Control{Began: time.Now()}}
	w := httptest.NewRecorder() // which no one can hijack
	v.park(w, []byte("HTTP/1.1 200 OK"), r.settingsFor(v.rt, frame.Form{Chunked: true}, request.EventStream, false))
	assert.Equal(t, "text/event-stream", w.Header().Get("Content-Type"))
	r.close()
	requireIdle(t, r)
}

// touchyConn is a connection whose methods for parking panic, each where it is asked to.
type touchyConn struct {
	net.Conn

	tcp     *net.TCPConn
	atOnce  bool
	reached atomic.Bool // the function that tells the end was called
}

func (e *touchyConn) HandOver() (*net.TCPConn, func()) {
	if e.atOnce {
		panic("in HandOver")
	}
	return e.tcp, func() { e.reached.Store(true); panic("at the end") }
}

func TestAPanicOfAParkableConnectionCostsThatConnectionOnly(t *testing.T) {
	for name, atOnce := range map[string]bool{"while it is handed over": true, "when it has ended": false} {
		t.Run(name, func(t *testing.T) {
			r, conn := rigThatParks(t)
			e := &touchyConn{Conn: conn, tcp: conn.(*net.TCPConn), atOnce: atOnce}
			require.Nil(t, r.drain.enter(0))
			r.drain.admitted.Done()
			s := &visit{handler: r.Handler, rt: routeTo(t, silent, nil), sub: &place{}, control: pump.Control{Began: time.Now()}}
			settings := r.settingsFor(s.rt, frame.Form{Chunked: true}, request.EventStream, false)
			r.close()
			assert.NotPanics(t, func() { s.park(&hijackable{recorder: recorder{httptest.NewRecorder()}, conn: e}, nil, settings) })
			requireIdle(t, r)
			assert.Equal(t, !atOnce, e.reached.Load())
			assert.ErrorIs(t, conn.Close(), net.ErrClosed, "the connection is closed")
		})
	}
}

// place is a subscription that counts the calls.
type place struct {
	stream.Subscription

	detached, closed int
}

func (p *place) Detach() { p.detached++ }
func (p *place) Close()  { p.closed++ }
func (p *place) Leave(then func()) {
	p.Close()
	go then()
}

func (*place) Cursor() pump.Cursor { return pump.NewQueue(0) }

// Where a connection cannot be taken over, the visit ends, and the subscription is closed.
func TestAVisitEndsWhereItsConnectionCannotBeTakenOver(t *testing.T) {
	broken := errors.New("broken")
	for name, writer := range map[string]*hijackable{
		"no deadline":   {deadline: broken},
		"no flush":      {flush: broken},
		"no connection": {hijack: broken},
		"no TCP":        {},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, config.Server{})
			defer r.close()
			near, far := net.Pipe()
			writer.recorder, writer.conn = recorder{httptest.NewRecorder()}, near
			require.Nil(t, r.drain.enter(0))
			r.drain.admitted.Done()
			sub := &place{}
			s := &visit{handler: r.Handler, rt: routeTo(t, silent, nil), sub: sub, control: pump.Control{Began: time.Now()}}
			s.park(writer, nil, r.settingsFor(s.rt, frame.Form{Chunked: true}, request.EventStream, false))
			assert.Equal(t, 1, sub.closed)
			assert.Zero(t, sub.detached, "the subscription still ends with the context of the request")
			assert.Equal(t, []ending.Code{ending.Canceled}, r.counts.ended)
			requireIdle(t, r)
			if name == "no TCP" {
				_ = far.SetDeadline(time.Now().Add(time.Minute))
				_, err := far.Read(make([]byte, 1))
				assert.Error(t, err, "the connection is closed")
			}
			_, _ = near.Close(), far.Close()
		})
	}
}

// A subscription that is not closed would keep its shared stream for ever.
func TestACallerThatLeavesClosesItsSubscription(t *testing.T) {
	r := newRig(t, config.Server{})
	defer r.close()
	require.Nil(t, r.drain.enter(0))
	r.drain.admitted.Done()
	sub := &place{}
	(&visit{handler: r.Handler, sub: sub}).cancel()
	assert.Equal(t, 1, sub.closed)
	requireIdle(t, r)
}

func TestTheCodeOfAVisit(t *testing.T) {
	end := pump.NewEnd(ending.Refuse(ending.NotFound, ending.ByUpstream, ""), 0)
	for want, out := range map[ending.Code]pump.Outcome{
		ending.NotFound:          {Reason: ending.ByUpstream, End: &end},
		ending.Canceled:          {Reason: ending.ByGone},
		ending.ResourceExhausted: {Reason: ending.BySlow},
	} {
		assert.Equal(t, want, codeOf(out))
	}
}

// Closing may wait for the upstream. That time does not belong to the visit.
func TestAVisitLastsUntilItsLastWrite(t *testing.T) {
	r := newRig(t, config.Server{})
	defer r.close()
	lasted := make(chan time.Duration, 1)
	r.Handler.observer = durations(lasted)
	require.Nil(t, r.drain.enter(0))
	r.drain.admitted.Done()
	s := &visit{handler: r.Handler, rt: routeTo(t, silent, nil), control: pump.Control{Began: time.Now()}}
	var closed time.Duration
	s.sub = &slowly{close: func() { time.Sleep(10 * time.Millisecond); closed = time.Since(s.control.Began) }}
	s.finish(pump.Outcome{Reason: ending.ByGone})
	assert.Less(t, <-lasted, closed)
	requireIdle(t, r)
}

// durations is an observer that records how long streams lasted.
type durations chan time.Duration

func (durations) StreamOpened(Opening) {}
func (d durations) StreamEnded(s Opening, _ ending.Code, _ pump.Outcome) {
	d <- s.After
}
func (durations) Delivered(Opening, pump.Sample) {}
func (durations) ClientLeft(Opening)             {}
func (durations) Refused(string, *ending.Ending) {}

// slowly is a subscription with a slow Close.
type slowly struct {
	stream.Subscription

	close func()
}

func (s *slowly) Close() { s.close() }
