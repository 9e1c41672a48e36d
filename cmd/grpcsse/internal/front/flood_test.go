package front

import (
	"bytes"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	xhttp2 "golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// attacker is a client that speaks HTTP/2 frame by frame, and reads nothing.
type attacker struct {
	*xhttp2.Framer

	header bytes.Buffer
	encode *hpack.Encoder
	stream uint32
}

// attack opens a connection and runs a flood on it. The server may close the connection, or stop reading.
func (r *rig) attack(flood func(*attacker) error) (net.Conn, error) {
	conn, err := net.Dial("tcp", r.address)
	if err != nil {
		return nil, err
	}
	_ = conn.SetWriteDeadline(time.Now().Add(2 * time.Second))
	a := &attacker{Framer: xhttp2.NewFramer(conn, conn), stream: 1}
	a.AllowIllegalWrites = true
	a.encode = hpack.NewEncoder(&a.header)
	if _, err = conn.Write([]byte(xhttp2.ClientPreface)); err == nil && a.WriteSettings() == nil {
		_ = flood(a) // an error is the server's defence
	}
	return conn, err
}

// request returns the header block of a request for a path, with more fields of 1,000 bytes each.
func (a *attacker) request(path string, more int) []byte {
	a.header.Reset()
	for _, field := range [][2]string{
		{":method", "GET"}, {":scheme", "http"}, {":authority", "x"}, {":path", path}, {"accept", "text/event-stream"},
	} {
		_ = a.encode.WriteField(hpack.HeaderField{Name: field[0], Value: field[1]})
	}
	for range more {
		_ = a.encode.WriteField(hpack.HeaderField{Name: "x-more", Value: strings.Repeat("x", 1000), Sensitive: true})
	}
	return a.header.Bytes()
}

// open begins a stream.
func (a *attacker) open(path string, ended bool) error {
	err := a.WriteHeaders(xhttp2.HeadersFrameParam{
		StreamID: a.stream, BlockFragment: a.request(path, 0), EndHeaders: true, EndStream: ended,
	})
	a.stream += 2
	return err
}

// times calls step until it fails, n times at most.
func times(n int, step func(i int) error) error {
	for i := range n {
		if err := step(i); err != nil {
			return err
		}
	}
	return nil
}

// floods are attacks by frames that cost the client less than the server.
func floods() map[string]func(*attacker) error {
	const many = 6_000
	return map[string]func(*attacker) error{
		"rapid reset": func(a *attacker) error {
			return times(many, func(int) error {
				if err := a.open("/watch", true); err != nil {
					return err
				}
				return a.WriteRSTStream(a.stream-2, xhttp2.ErrCodeCancel)
			})
		},
		"resets that the server must send": func(a *attacker) error {
			return times(many, func(int) error {
				if err := a.open("/watch", true); err != nil {
					return err
				}
				return a.WriteWindowUpdate(a.stream-2, 0)
			})
		},
		"streams without end": func(a *attacker) error {
			return times(many, func(int) error { return a.open("/watch", true) })
		},
		"endless header": func(a *attacker) error {
			if err := a.WriteHeaders(xhttp2.HeadersFrameParam{StreamID: 1, BlockFragment: a.request("/watch", 0)}); err != nil {
				return err
			}
			return times(many, func(int) error { return a.WriteContinuation(1, false, a.request("/", 10)[20:]) })
		},
		"empty pieces of a header": func(a *attacker) error {
			if err := a.WriteHeaders(xhttp2.HeadersFrameParam{StreamID: 1, BlockFragment: a.request("/watch", 0)}); err != nil {
				return err
			}
			return times(many, func(int) error { return a.WriteContinuation(1, false, nil) })
		},
		"settings": func(a *attacker) error {
			return times(many, func(i int) error {
				return a.WriteSettings(xhttp2.Setting{ID: xhttp2.SettingInitialWindowSize, Val: uint32(i)})
			})
		},
		"pings": func(a *attacker) error {
			return times(3*many, func(int) error { return a.WritePing(false, [8]byte{}) })
		},
		"empty data": func(a *attacker) error {
			if err := a.open("/watch", false); err != nil {
				return err
			}
			return times(many, func(int) error { return a.WriteData(1, false, nil) })
		},
		"bodies that are not read": func(a *attacker) error {
			return times(100, func(int) error {
				if err := a.open("/watch", false); err != nil {
					return err
				}
				return times(10, func(int) error { return a.WriteData(a.stream-2, false, make([]byte, 16<<10)) })
			})
		},
		"priorities": func(a *attacker) error {
			return times(many, func(i int) error {
				return a.WritePriority(uint32(2*i+1), xhttp2.PriorityParam{StreamDep: uint32(2*i + 3)})
			})
		},
		"unknown frames": func(a *attacker) error {
			return times(many, func(int) error { return a.WriteRawFrame(0xfe, 0, 0, make([]byte, 1000)) })
		},
		"a large frame": func(a *attacker) error {
			return a.WriteRawFrame(xhttp2.FrameData, 0, 1, make([]byte, 8<<20))
		},
	}
}

// heap returns how many bytes are in use.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse)
}

// A client that floods a connection of HTTP/2 costs a bounded amount of memory and goroutines, while others are served.
func TestFloodsOfHTTP2AreBounded(t *testing.T) {
	const connections = 2
	for name, flood := range floods() {
		t.Run(name, func(t *testing.T) {
			r := start(t, nil)
			r.hold(t, r.client(t, http1, ""))
			client := r.client(t, http2, "") // one for all requests: each client is kept until the test ends
			client.Timeout = patience
			before, goroutines := heap(), runtime.NumGoroutine()
			var conns []net.Conn
			attacked := make(chan struct{})
			go func() {
				defer close(attacked)
				for range connections {
					conn, err := r.attack(flood)
					if assert.NoError(t, err) {
						conns = append(conns, conn)
					}
				}
			}()
			for served := false; !served; {
				response, err := client.Do(r.request(t, "/nowhere"))
				require.NoError(t, err, "others are served meanwhile")
				assert.Equal(t, http.StatusNotFound, response.StatusCode)
				_ = response.Body.Close()
				client.CloseIdleConnections()
				select {
				case <-attacked:
					served = true
				default:
				}
			}
			assert.LessOrEqual(t, runtime.NumGoroutine()-goroutines, connections*(4*streamsPerConnection+20))
			assert.Eventually(t, func() bool { // the attackers' own buffers are garbage, of which one collection may leave some
				return heap()-before < connections*8<<20
			}, patience, 50*time.Millisecond, "%d connections hold too much", connections)
			for _, conn := range conns {
				_ = conn.Close()
			}
			require.Eventually(t, func() bool { return runtime.NumGoroutine() <= goroutines+5 }, patience, 10*time.Millisecond,
				"nothing is left of the flood")
			r.hold(t, r.client(t, http2, ""))
		})
	}
}
