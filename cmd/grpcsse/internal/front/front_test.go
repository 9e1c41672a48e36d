package front

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/config"
)

// With all places taken by streams, a browser gets an answer after which it comes back, and its connection is closed.
func TestEveryBrowserHasAnAnswerWhereAllPlacesAreTaken(t *testing.T) {
	eachKind(t, func(t *testing.T, p protocol, change func(*Front)) {
		r := start(t, func(f *Front) {
			change(f)
			f.Room = Room{Connections: 4, Lobby: 2}
		})
		first := r.client(t, p, "")
		held := r.hold(t, first)
		for range 3 {
			r.hold(t, r.client(t, p, ""))
		}
		for range 20 {
			response := r.get(t, r.client(t, p, ""), "/watch")
			assert.Equal(t, http.StatusOK, response.StatusCode, "another status would close an EventSource for good")
			text := textOf(t, response)
			assert.Contains(t, text, `"message":"too many connections are open"`)
			assert.Contains(t, text, `"retry":true,"reason":"limit"`)
		}
		client := r.client(t, p, "")
		assert.Equal(t, http.StatusNotFound, r.get(t, client, "/nowhere").StatusCode, "only a stream needs a place")
		require.Eventually(t, func() bool {
			response, fresh := r.dialled(t, client, "/nowhere")
			_ = textOf(t, response)
			return fresh
		}, lobbyIdle, time.Millisecond, "the connection is closed behind the answer")
		_ = held.Body.Close()
		first.CloseIdleConnections()
		require.Eventually(t, func() bool {
			response := r.get(t, r.client(t, p, ""), "/watch")
			_ = response.Body.Close()
			return response.Header.Get("Grpc-Status") == "" // it has none before a stream has ended
		}, patience, 10*time.Millisecond, "the place of a connection that was closed is free")
	})
}

func TestIdleConnectionsMakeRoom(t *testing.T) {
	r := start(t, func(f *Front) { f.Room = Room{Connections: 8, Lobby: 4} })
	for range 40 { // each leaves an idle connection behind
		response := r.get(t, r.client(t, http1, ""), "/nowhere")
		assert.Equal(t, http.StatusNotFound, response.StatusCode)
		assert.False(t, response.Close, "it has a place")
		_ = textOf(t, response)
	}
}

// Connections that send nothing take no place from a browser for long, however many there are.
func TestSilentConnectionsMakeRoomAfterATime(t *testing.T) {
	const places = 8
	r := start(t, func(f *Front) {
		f.Room = Room{Connections: places, Lobby: 4}
		f.Server.HeaderTimeout = time.Minute
	})
	var silent []net.Conn
	for range places {
		conn, err := net.Dial("tcp", r.address)
		require.NoError(t, err)
		defer func() { _ = conn.Close() }()
		silent = append(silent, conn)
	}
	response := r.get(t, r.client(t, http1, ""), "/watch")
	assert.Contains(t, textOf(t, response), `"reason":"limit"`, "the requests of silent connections may be on their way")
	for range places {
		require.Eventually(t, func() bool { // a stream whose end is not known has no status yet
			return r.get(t, r.client(t, http1, ""), "/watch").Header.Get("Grpc-Status") == ""
		}, patience, 50*time.Millisecond)
	}
	for _, conn := range silent {
		require.NoError(t, conn.SetReadDeadline(time.Now().Add(patience)))
		_, err := conn.Read(make([]byte, 1))
		assert.ErrorIs(t, err, io.EOF, "the connection was closed in good order")
	}
}

// A stream on a connection that has a place, and maybe a PROXY header, must not cost a goroutine for it.
func TestConnectionsWithPlacesAreParked(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("no connection is parked on this system")
	}
	const proxy = "PROXY TCP4 192.0.2.7 192.0.2.1 4711 80\r\n"
	for name, first := range map[string]string{"plain": "", "behind a proxy": proxy, "TLS": "", "TLS behind a proxy": proxy} {
		t.Run(name, func(t *testing.T) {
			r := start(t, func(f *Front) {
				f.Server.ProxyProtocol = first != ""
				if strings.HasPrefix(name, "TLS") {
					secured(t)(f)
				}
			})
			r.hold(t, r.client(t, http1, first))
			before := runtime.NumGoroutine()
			for range 50 {
				assert.True(t, r.hold(t, r.client(t, http1, first)).Close, "a connection that is parked serves nothing else")
			}
			// The client of the test has two goroutines for a connection, and the server one where it does not park.
			require.Eventually(t, func() bool { return runtime.NumGoroutine()-before <= 2*50+10 }, patience, 10*time.Millisecond)
		})
	}
}

// A parked stream keeps its certificate when the files change, newcomers get the new one, and both are told of the drain.
func TestParkedStreamsOutliveTheirCertificate(t *testing.T) {
	t.Parallel() // the files are looked at once a second
	dir := t.TempDir()
	files := &config.ServerTLS{CertFile: filepath.Join(dir, "tls.crt"), KeyFile: filepath.Join(dir, "tls.key")}
	writePair(t, files, "old.example")
	r := start(t, func(f *Front) { f.Server.TLS = files })
	streams := map[string]*http.Response{}
	open := func() *http.Response {
		resp := r.get(t, r.client(t, http1, ""), "/watch")
		streams[resp.TLS.PeerCertificates[0].Subject.CommonName] = resp
		return resp
	}
	assert.Equal(t, runtime.GOOS == "linux", open().Close, "it is parked")
	writePair(t, files, "new.example")
	require.Eventually(t, func() bool { open(); return streams["new.example"] != nil }, patience, 200*time.Millisecond)
	r.stop()
	for _, name := range []string{"old.example", "new.example"} {
		require.Contains(t, streams, name)
		assert.Contains(t, textOf(t, streams[name]), `"reason":"drain"`, name)
	}
}

// exhaustedListener is a listener for which the process has no descriptors for some time.
type exhaustedListener struct {
	net.Listener

	left  atomic.Int64 // how many calls fail
	calls atomic.Int64
}

func (l *exhaustedListener) Accept() (net.Conn, error) {
	l.calls.Add(1)
	if l.left.Add(-1) >= 0 {
		return nil, &net.OpError{Op: "accept", Net: "tcp", Err: syscall.EMFILE}
	}
	return l.Listener.Accept()
}

func TestAcceptGoesOnWithoutDescriptorsAndDoesNotSpin(t *testing.T) {
	exhausted := new(exhaustedListener)
	exhausted.left.Store(5)
	r := start(t, func(f *Front) {
		exhausted.Listener, f.Listener = f.Listener, exhausted
	})
	began := time.Now()
	r.hold(t, r.client(t, http1, ""))
	assert.GreaterOrEqual(t, time.Since(began), 4*acceptAgain, "it waits between two attempts")
	assert.Less(t, time.Since(began), patience)
	assert.LessOrEqual(t, exhausted.calls.Load(), int64(5+2))
	assert.Contains(t, r.log.String(), "no connection can be accepted for now: accept tcp: too many open files")
}

// failing is a listener that is broken.
type failing struct{ net.Listener }

var errBroken = errors.New("broken")

func (failing) Accept() (net.Conn, error) { return nil, errBroken }

func TestAListenerThatBreaksEndsTheFront(t *testing.T) {
	listener, err := Listen(t.Context(), "127.0.0.1:0")
	require.NoError(t, err)
	r := start(t, func(f *Front) {
		broken := *f
		broken.Listener = failing{listener}
		assert.ErrorIs(t, broken.Run(t.Context()), errBroken)
	})
	r.hold(t, r.client(t, http1, ""))
}

// dialled returns the answer to a request, and whether the request was sent on a new connection.
func (r *rig) dialled(t *testing.T, client *http.Client, path string) (*http.Response, bool) {
	t.Helper()
	fresh := false
	request := r.request(t, path)
	trace := &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) { fresh = !info.Reused }}
	response, err := client.Do(request.WithContext(httptrace.WithClientTrace(request.Context(), trace)))
	require.NoError(t, err)
	t.Cleanup(func() { _ = response.Body.Close() })
	return response, fresh
}

// From the beginning of a drain a browser must not send requests on its old connection, behind which there is only a program
// that ends. On a new connection a load balancer can send the request to another program.
func TestADrainBeginsWithTheEndOfReuse(t *testing.T) {
	eachKind(t, func(t *testing.T, p protocol, change func(*Front)) {
		draining := make(chan struct{})
		r := start(t, func(f *Front) {
			change(f)
			f.Server.DrainTimeout = 5 * time.Second
			f.Draining = func() { close(draining) }
		})
		client := r.client(t, p, "")
		held := r.hold(t, client)
		if p == http1 { // the stream has taken the connection
			response, _ := r.dialled(t, client, "/nowhere")
			_ = textOf(t, response)
		}
		response, fresh := r.dialled(t, client, "/nowhere")
		_ = textOf(t, response)
		assert.False(t, fresh, "before the drain the connection is used again")

		r.stop()
		<-draining
		require.Eventually(t, func() bool { // that path is answered without a word about the drain
			response, fresh = r.dialled(t, client, "/nowhere")
			_ = textOf(t, response)
			return fresh
		}, 3*time.Second, 5*time.Millisecond, "the drain has just begun; net/http's client may wait a second before it dials again")
		response, _ = r.dialled(t, client, "/watch")
		assert.Equal(t, http.StatusOK, response.StatusCode)
		assert.Contains(t, textOf(t, response), `"reason":"drain"`, "the request on the new connection has an answer")
		assert.Contains(t, textOf(t, held), `"reason":"drain"`, "the stream has gone on until its own end")
		<-r.done
		conn, err := net.Dial("tcp", r.address)
		if err == nil {
			_ = conn.Close()
		}
		assert.Error(t, err, "the listener is closed")
	})
}

// A reload may have changed how long a drain takes. So the drain asks when it begins.
func TestADrainAsksHowLongItMayTake(t *testing.T) {
	var within atomic.Int64
	r := start(t, func(f *Front) {
		f.Server.DrainTimeout = time.Hour
		f.DrainTimeout = func() time.Duration { return time.Duration(within.Load()) }
	})
	within.Store(int64(123 * time.Millisecond))
	r.stop()
	<-r.done
	assert.Contains(t, r.log.String(), "within=123ms")
}

// A connection that was accepted just before the end has its answer, and one that sends nothing does not hold up the end.
func TestTheLastConnectionsHaveTheirAnswers(t *testing.T) {
	r := start(t, func(f *Front) { f.Server.DrainTimeout = time.Millisecond })
	silent, err := net.Dial("tcp", r.address)
	require.NoError(t, err)
	defer func() { _ = silent.Close() }()
	late, err := net.Dial("tcp", r.address)
	require.NoError(t, err)
	defer func() { _ = late.Close() }()
	r.stop()
	require.Eventually(t, func() bool { // the listener is closed, and the connections are open
		conn, err := net.DialTimeout("tcp", r.address, 5*time.Millisecond)
		if err == nil {
			_ = conn.Close()
		}
		return errors.Is(err, syscall.ECONNREFUSED)
	}, farewell, time.Millisecond)
	_, err = io.WriteString(late, "GET /watch HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n")
	require.NoError(t, err)
	require.NoError(t, late.SetReadDeadline(time.Now().Add(patience)))
	text, err := io.ReadAll(late)
	require.NoError(t, err)
	assert.Contains(t, string(text), `"reason":"drain"`)
	select {
	case <-r.done:
	case <-time.After(patience):
		t.Error("the front has not ended")
	}
}
