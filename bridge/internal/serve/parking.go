package serve

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/frame"
	"github.com/grpcsse/grpcsse/bridge/internal/pump"
	"github.com/grpcsse/grpcsse/bridge/internal/request"
	"github.com/grpcsse/grpcsse/bridge/internal/route"
)

// connKey is the key of the connection in the contexts that ConnContext returns.
type connKey struct{}

// ConnContext returns a context that carries the connection, for the requests that arrive on it.
func ConnContext(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, c)
}

// connOf returns the connection of a request, nil where it is unknown.
func connOf(r *http.Request) net.Conn {
	conn, _ := r.Context().Value(connKey{}).(net.Conn)
	return conn
}

// connOfHTTP1 returns the connection of a request over HTTP/1, which carries one response at a time. It returns nil for HTTP/2,
// and where the connection is unknown.
func connOfHTTP1(r *http.Request) net.Conn {
	if r.ProtoMajor != 1 {
		return nil
	}
	return connOf(r)
}

// parkable is a connection that wraps a TCP connection and can give it away. See bridge.Parkable.
type parkable interface {
	net.Conn
	HandOver() (conn *net.TCPConn, ended func())
}

// below returns the connection that is parked for conn, which net/http serves, the carrier that stands for it, and the TLS on it. The
// last two are nil where there is none. The connection is nil where TLS cannot be parked.
func below(conn net.Conn) (carried net.Conn, carrier *pump.Carrier, secured *tls.Conn) {
	carrier, _ = conn.(*pump.Carrier)
	if secured, _ = conn.(*tls.Conn); secured != nil {
		carrier, conn = pump.CarrierOf(secured), nil
	}
	if carrier != nil {
		conn = carrier.Conn
	}
	return conn, carrier, secured
}

// canPark reports whether the connection of a request can be parked.
func canPark(r *http.Request) bool {
	conn, _, secured := below(connOf(r))
	if (secured != nil) != (r.TLS != nil) {
		return false // something else does TLS
	}
	switch conn.(type) {
	case *net.TCPConn, parkable:
		return true
	}
	return false
}

// loops is the number of loops that write to parked connections.
const loops = 1

// StartLoops starts the loops that serve parked connections. Where the system has no support for them, and after
// [Handler.Close], it does nothing. The error comes from the system. Further calls do nothing.
func (h *Handler) StartLoops() error {
	h.starting.Lock()
	defer h.starting.Unlock()
	if h.closed || h.loops.Load() != nil {
		return nil
	}
	var running atomic.Bool
	started, err := pump.NewLoops(loops, h.drain.begun, h.drain.deadline, pump.Writing{Ring: h.ring, Alone: func(err error) {
		if running.Load() {
			h.log.Warn("io_uring is not used any more", "error", err)
			return
		}
		h.log.Info("io_uring is not used", "reason", err)
	}})
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		return nil
	case err != nil:
		return err
	}
	running.Store(true)
	h.loops.Store(started)
	switch {
	case h.ring == nil:
		h.log.Info("io_uring is not used", "reason", "server.io_uring is off")
	case started.Together():
		h.log.Info("io_uring is used")
	}
	return nil
}

// WritesTogether reports whether many parked connections are written to with one system call.
func (h *Handler) WritesTogether() bool {
	l := h.loops.Load()
	return l != nil && l.Together()
}

// parks reports whether the caller's connection can be taken over from net/http. That is possible for event streams over
// HTTP/1.1, on a ResponseWriter that no middleware wraps. TLS must be on a [pump.Carrier].
func (h *Handler) parks(w http.ResponseWriter, req *request.Request) bool {
	r := req.HTTP
	if h.loops.Load() == nil || r.ProtoMajor != 1 || r.ProtoMinor != 1 || req.Format != request.EventStream {
		return false
	}
	_, hijacks := w.(http.Hijacker)
	_, wrapped := w.(interface{ Unwrap() http.ResponseWriter })
	return hijacks && !wrapped && canPark(r)
}

// tune bounds how much the kernel buffers for a connection that is not parked. A connection that serves several streams has the
// bounds of the newest one.
func tune(rt *route.Route, r *http.Request) {
	if conn := connOf(r); conn != nil {
		_ = pump.Tune(conn, int(rt.Config.SendBuffer), rt.Config.WriteTimeout) // the first write reports a connection that broke
	}
}

// park takes the connection over from net/http, and hands it to a loop. No goroutine belongs to the connection afterwards. The
// header of the response was not written. head is the header as bytes; where it is nil, the header is set in w.
func (v *visit) park(w http.ResponseWriter, head []byte, settings *pump.Settings) {
	taken, err := v.takeOver(w, head)
	if err != nil {
		if head != nil { // without a type of the content, an EventSource would not come back
			setStreamHeader(w.Header(), request.EventStream, frame.Form{}, nil)
		}
		v.finish(pump.Outcome{Reason: ending.ByGone, Err: err})
		return
	}
	v.sub.Detach()
	over, ended := v.handler.loops.Load(), taken.ended
	done := func(out pump.Outcome) { v.leave(out, ended) }
	s := pump.Subscriber{Head: taken.head, Cursor: v.sub.Cursor(), Settings: settings, Control: &v.control, Done: done}
	if taken.secured == nil {
		err = over.Park(taken.tcp, s)
	} else {
		err = over.ParkTLS(taken.tcp, taken.secured, s)
	}
	if err != nil {
		_ = taken.tcp.Close() // no one else will close the connection
		ended()
		v.finish(pump.Outcome{Reason: ending.ByGone, Err: err})
	}
}

// takenOver is a connection that was taken over from net/http.
type takenOver struct {
	tcp     *net.TCPConn
	secured *tls.Conn // on tcp; nil where there is no TLS
	head    []byte    // the header of the response where net/http did not write it
	ended   func()    // to be called when the connection has ended
}

// takeOver takes the connection over. The loop is to write the header with the first events, unless w is middleware: that must
// see the header. head is as for park. takeOver drops what the client has sent ahead, since the connection carries no further response.
func (v *visit) takeOver(w http.ResponseWriter, head []byte) (*takenOver, error) {
	if head == nil && ofNetHTTP(w) {
		head = headOf(w.Header(), time.Now())
	}
	if head == nil {
		if err := v.writeHead(w); err != nil {
			return nil, err
		}
	}
	hijacked, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil, err
	}
	conn, carrier, secured := below(hijacked)
	taken := &takenOver{secured: secured, head: head, ended: func() {}}
	switch c := conn.(type) {
	case *net.TCPConn:
		taken.tcp = c
	case parkable:
		if taken.tcp, taken.ended = v.handler.handOver(c); taken.tcp == nil {
			_ = conn.Close()
			taken.ended()
			return nil, net.ErrClosed
		}
	default:
		_ = hijacked.Close() // net/http wrote a header for a stream that cannot follow
		return nil, http.ErrNotSupported
	}
	_ = carrier.Tune(taken.tcp, int(v.rt.Config.SendBuffer), v.rt.Config.WriteTimeout) // see tune
	return taken, nil
}

// writeHead writes the header of the response and flushes it.
func (v *visit) writeHead(w http.ResponseWriter) error {
	w.WriteHeader(http.StatusOK)
	controller := http.NewResponseController(w)
	if err := controller.SetWriteDeadline(time.Now().Add(v.rt.Config.WriteTimeout)); err != nil {
		return err
	}
	return controller.Flush()
}

// handOver takes the TCP connection from a connection of the program. A panic of the program's code is logged: it costs the
// connection, but not the bridge. tcp is nil after a panic of HandOver. ended may be called on any goroutine.
func (h *Handler) handOver(c parkable) (tcp *net.TCPConn, ended func()) {
	guard := func(call func()) {
		defer func() {
			if p := recover(); p != nil {
				h.log.Error("a parkable connection panicked", "panic", p, "stack", string(debug.Stack()))
			}
		}()
		call()
	}
	told := func() {}
	guard(func() { tcp, told = c.HandOver() })
	return tcp, func() { guard(told) }
}
