package serve

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/pump"
	"github.com/grpcsse/grpcsse/bridge/internal/request"
	"github.com/grpcsse/grpcsse/bridge/internal/route"
)

// connKey is the key under which connContext keeps a connection.
type connKey struct{}

// ConnContext returns a context that shows the connection of its requests.
func ConnContext(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, c)
}

// connOf returns the connection behind a request; nil where it is not known.
func connOf(r *http.Request) net.Conn {
	conn, _ := r.Context().Value(connKey{}).(net.Conn)
	return conn
}

// connOfHTTP1 returns the connection that carries one response at a time; nil where it is not known or carries several.
func connOfHTTP1(r *http.Request) net.Conn {
	if r.ProtoMajor != 1 {
		return nil
	}
	return connOf(r)
}

// loops is how many loops write to parked connections.
const loops = 1

// StartLoops starts what parked connections need, where there is such a thing. After [Handler.Close] it starts nothing.
func (h *Handler) StartLoops() error {
	h.starting.Lock()
	defer h.starting.Unlock()
	if h.closed || h.loops.Load() != nil {
		return nil
	}
	started, err := pump.NewLoops(loops, h.drain.begun, h.drain.deadline)
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		return nil
	case err != nil:
		return err
	}
	h.loops.Store(started)
	return nil
}

// parks reports whether the caller's connection can be taken over from net/http: event streams over plain HTTP/1.1, on a
// ResponseWriter that nothing wraps.
func (h *Handler) parks(w http.ResponseWriter, req *request.Request) bool {
	r := req.HTTP
	if h.loops.Load() == nil || r.TLS != nil || r.ProtoMajor != 1 || r.ProtoMinor != 1 || req.Format != request.EventStream {
		return false
	}
	_, hijacks := w.(http.Hijacker)
	_, wrapped := w.(interface{ Unwrap() http.ResponseWriter })
	_, tcp := connOf(r).(*net.TCPConn)
	return hijacks && !wrapped && tcp
}

// tune bounds what a stream may leave in the kernel where its connection is not parked. A connection that serves several streams has the bounds of the last one.
func tune(rt *route.Route, r *http.Request) {
	if conn := connOf(r); conn != nil {
		_ = pump.Tune(conn, int(rt.Config.SendBuffer), rt.Config.WriteTimeout) // one that broke is found by the first write
	}
}

// park takes the connection over from net/http, and leaves it to the loops: from then on no goroutine belongs to it. The
// response's header has been written.
func (s *visit) park(w http.ResponseWriter, settings *pump.Settings) {
	conn, err := s.takeOver(w)
	if err != nil {
		s.over(pump.Outcome{Reason: ending.ByGone, Err: err})
		return
	}
	s.sub.Detach()
	err = s.handler.loops.Load().Park(conn, s.sub.Cursor(), settings, func(out pump.Outcome) {
		s.handler.visits.Go(func() { s.over(out) }) // it may wait for the stream's reader, and the loop must not
	})
	if err != nil {
		_ = conn.Close() // nobody else has it
		s.over(pump.Outcome{Reason: ending.ByGone, Err: err})
	}
}

// takeOver flushes the header, and returns the connection. What the client has sent early is dropped: its response is the last.
func (s *visit) takeOver(w http.ResponseWriter) (*net.TCPConn, error) {
	controller := http.NewResponseController(w)
	if err := controller.SetWriteDeadline(time.Now().Add(s.rt.Config.WriteTimeout)); err != nil {
		return nil, err
	}
	if err := controller.Flush(); err != nil {
		return nil, err
	}
	conn, _, err := controller.Hijack()
	if err != nil {
		return nil, err
	}
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		_ = conn.Close() // whose bytes nobody knows the form of any more
		return nil, http.ErrNotSupported
	}
	return tcp, tcp.SetDeadline(time.Time{})
}
