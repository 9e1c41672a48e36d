package auth

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// pipes are connections in memory, so that fake time applies to both of their ends.
type pipes struct {
	accepted chan net.Conn
	closed   chan struct{}
	once     sync.Once
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.accepted:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

// dial connects to the server.
func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case p.accepted <- server:
		return client, nil
	case <-p.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// servePipes serves a handler in memory, and returns the way to it. The server closes when stop is called, which the test must
// do.
func servePipes(t *testing.T, handler http.Handler, settings func() *http.Transport) (way *http.Transport, stop func()) {
	t.Helper()
	p := &pipes{accepted: make(chan net.Conn), closed: make(chan struct{})}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: time.Hour}
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(p) }()
	way = settings()
	way.DialContext = p.dial
	return way, func() {
		way.CloseIdleConnections()
		_ = server.Close()
		<-done
		time.Sleep(time.Minute) // of the bubble, so that what was under way ends
	}
}

// bad are the ways in which a server may answer that is slow, lies, or is something else. None of them decides about anything.
func bad() map[string]http.HandlerFunc {
	hijacked := func(w http.ResponseWriter) net.Conn {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			panic(err)
		}
		return conn
	}
	// raw answers with bytes, and keeps the connection open until the other side gives up.
	raw := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			conn := hijacked(w)
			_, _ = io.WriteString(conn, text)
			_, _ = io.Copy(io.Discard, conn)
			_ = conn.Close()
		}
	}
	return map[string]http.HandlerFunc{
		"silent":            func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"half a header":     raw("HTTP/1.1 200 OK\r\nContent-Len"),
		"header bit by bit": func(w http.ResponseWriter, _ *http.Request) { trickle(hijacked(w), "HTTP/1.1 200 OK\r\nX-A: ") },
		"huge header":       raw("HTTP/1.1 200 OK\r\nX-A: " + strings.Repeat("x", 1<<20) + "\r\n\r\n{}"),
		"interim answers":   raw(strings.Repeat("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", 2_000)),
		"no HTTP":           raw("220 mail.example ESMTP secret of the provider\r\n"),
		"a broken header":   raw("HTTP/1.1 200 OK\r\nsecret of the provider\r\n\r\n"),
		"NUL in a header":   raw("HTTP/1.1 200 OK\r\nX-User-Id: a\x00secret of the provider\r\n\r\n"),
		"hangs up":          func(w http.ResponseWriter, _ *http.Request) { _ = hijacked(w).Close() },
		"redirects for ever": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, r.URL.Path+"x", http.StatusFound)
		},
		"redirects to another scheme": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://other.example/", http.StatusFound)
		},
		"redirects to nowhere": func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["Location"] = []string{"::"}
			w.WriteHeader(http.StatusFound)
		},
		"an error": func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "secret of the provider", http.StatusBadGateway)
		},
	}
}

// trickle writes a beginning, and then one byte a second until the other side gives up.
func trickle(w io.WriteCloser, beginning string) {
	_, err := io.WriteString(w, beginning)
	for err == nil {
		<-time.After(time.Second)
		_, err = io.WriteString(w, "x")
	}
	_ = w.Close()
}

// badBodies are bad answers that begin well: the status is 200.
func badBodies() map[string]http.HandlerFunc {
	good := func(body func(w http.ResponseWriter, r *http.Request)) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-User-Id", "alice")
			w.WriteHeader(http.StatusOK)
			_ = http.NewResponseController(w).Flush()
			body(w, r)
		}
	}
	return map[string]http.HandlerFunc{
		"no body follows": good(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }),
		"body byte by byte": good(func(w http.ResponseWriter, _ *http.Request) {
			for err := error(nil); err == nil; <-time.After(time.Second) {
				if _, err = io.WriteString(w, " "); err == nil {
					err = http.NewResponseController(w).Flush()
				}
			}
		}),
		"body without end": good(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write(endless())
		}),
		"body breaks off": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			w.Header().Set("X-User-Id", "alice")
			_, _ = io.WriteString(w, "{")
		},
		"another body": good(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "<html>secret of the provider")
		}),
		"empty body": good(func(http.ResponseWriter, *http.Request) {}),
	}
}

// endless is more than a document may have.
var endless = sync.OnceValue(func() []byte { return make([]byte, 3*maxDocument) })
