package bridge_test

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/grpcsse/grpcsse/bridge"
)

// liar is a server that speaks HTTP/2 by hand, so that it can break every rule of gRPC.
type liar struct {
	*http2.Framer

	fields bytes.Buffer
	coder  *hpack.Encoder
}

// lie is what a liar does with a stream that was opened.
type lie func(l *liar, stream uint32) error

// startLiar serves until the test ends. It returns the address.
func startLiar(t *testing.T, tell lie) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var served sync.WaitGroup
	served.Go(func() {
		var open sync.Map
		defer open.Range(func(conn, _ any) bool { return conn.(net.Conn).Close() == nil || true })
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			open.Store(conn, true)
			served.Go(func() {
				defer func() { _ = conn.Close(); open.Delete(conn) }()
				serveLies(conn, tell)
			})
		}
	})
	t.Cleanup(func() { _ = listener.Close(); served.Wait() })
	return listener.Addr().String()
}

func serveLies(conn net.Conn, tell lie) {
	if _, err := io.ReadFull(conn, make([]byte, len(http2.ClientPreface))); err != nil {
		return
	}
	l := &liar{Framer: http2.NewFramer(conn, conn)}
	l.coder = hpack.NewEncoder(&l.fields)
	l.AllowIllegalWrites = true
	if l.WriteSettings() != nil {
		return
	}
	for {
		frame, err := l.ReadFrame()
		if err != nil {
			return
		}
		switch f := frame.(type) {
		case *http2.SettingsFrame:
			if !f.IsAck() {
				err = l.WriteSettingsAck()
			}
		case *http2.PingFrame:
			if !f.IsAck() {
				err = l.WritePing(true, f.Data)
			}
		case *http2.HeadersFrame:
			err = tell(l, f.StreamID)
		}
		if err != nil {
			return
		}
	}
}

// header sends a block of fields, in as many frames as it needs.
func (l *liar) header(stream uint32, end bool, fields ...string) error {
	l.fields.Reset()
	for i := 0; i < len(fields); i += 2 {
		if err := l.coder.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]}); err != nil {
			return err
		}
	}
	const most = 16 << 10
	block := bytes.Clone(l.fields.Bytes())
	first := block[:min(most, len(block))]
	rest := block[len(first):]
	err := l.WriteHeaders(http2.HeadersFrameParam{
		StreamID: stream, BlockFragment: first, EndStream: end, EndHeaders: len(rest) == 0,
	})
	for err == nil && len(rest) > 0 {
		part := rest[:min(most, len(rest))]
		rest = rest[len(part):]
		err = l.WriteContinuation(stream, len(rest) == 0, part)
	}
	return err
}

// ok sends the header of an answer.
func (l *liar) ok(stream uint32, fields ...string) error {
	return l.header(stream, false, append([]string{":status", "200", "content-type", "application/grpc"}, fields...)...)
}

// message returns a message as it stands in the data of a stream.
func message(flag byte, body []byte) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{flag}, uint32(len(body))), body...)
}

// bomb returns size bytes in gzip.
func bomb(size int) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write(make([]byte, size))
	_ = w.Close()
	return b.Bytes()
}

func trailers(fields ...string) lie {
	return func(l *liar, s uint32) error {
		if err := l.ok(s); err != nil {
			return err
		}
		return l.header(s, true, fields...)
	}
}

func headers(fields []string) lie {
	return func(l *liar, s uint32) error {
		if err := l.ok(s, fields...); err != nil {
			return err
		}
		return l.header(s, true, "grpc-status", "0")
	}
}

func data(body []byte, fields ...string) lie {
	return func(l *liar, s uint32) error {
		if err := l.ok(s, fields...); err != nil {
			return err
		}
		for len(body) > 16<<10 {
			if err := l.WriteData(s, false, body[:16<<10]); err != nil {
				return err
			}
			body = body[16<<10:]
		}
		return l.WriteData(s, false, body)
	}
}

func many(n int, name string, value string) (fields []string) {
	for i := range n {
		fields = append(fields, fmt.Sprint(name, i), value)
	}
	return fields
}

// lies returns what a server may do with a stream.
func lies() map[string]lie {
	all := map[string]lie{
		"no trailers":      func(l *liar, s uint32) error { _ = l.ok(s); return l.WriteData(s, true, nil) },
		"no status":        trailers("x-a", "b"),
		"an empty status":  trailers("grpc-status", ""),
		"a status of text": trailers("grpc-status", "abc"),
		"a huge status":    trailers("grpc-status", "99999999999999999999"),
		"a negative one":   trailers("grpc-status", "-1"),
		"code 99":          trailers("grpc-status", "99"),
		"percent garbage":  trailers("grpc-status", "13", "grpc-message", "words of the liar %zz%%%F%"),
		"bad details":      trailers("grpc-status", "13", "grpc-status-details-bin", "!!!!"),
		"other details":    trailers("grpc-status", "13", "grpc-status-details-bin", "CAU"),
		"a large header":   headers(many(1, "x-a", strings.Repeat("x", 1<<20))),
		"many fields":      headers(many(50_000, "x-a", "")),
		"large trailers":   trailers(append(many(1, "x-a", strings.Repeat("x", 1<<20)), "grpc-status", "0")...),
		"a bad one":        func(l *liar, s uint32) error { return l.header(s, false, ":status", "abc") },
		"upper case":       func(l *liar, s uint32) error { return l.ok(s, "X-UPPER", "a") },
		"a huge length":    data([]byte{0, 0xff, 0xff, 0xff, 0xff}),
		"a wrong flag":     data(message(7, []byte("x"))),
		"compressed":       data(message(1, []byte("x"))),
		"unknown encoding": data(message(1, []byte("x")), "grpc-encoding", "zip"),
		"no gzip":          data(message(1, []byte("x")), "grpc-encoding", "gzip"),
		"a bomb":           data(message(1, bomb(8<<20)), "grpc-encoding", "gzip"),
		"half a message": func(l *liar, s uint32) error {
			_ = l.ok(s)
			_ = l.WriteData(s, false, []byte{0, 0, 0, 0, 9, 1})
			return l.header(s, true, "grpc-status", "0")
		},
		"GOAWAY": func(l *liar, s uint32) error { return l.WriteGoAway(0, http2.ErrCodeNo, nil) },
		"GOAWAY, calm": func(l *liar, _ uint32) error {
			return l.WriteGoAway(0, http2.ErrCodeEnhanceYourCalm, []byte("words of the liar"))
		},
		"a closed one": func(*liar, uint32) error { return io.EOF },
	}
	for _, code := range []http2.ErrCode{0, 1, 2, 3, 7, 8, 11, 12, 13, 255} {
		all[fmt.Sprint("RST_STREAM ", uint32(code))] = func(l *liar, s uint32) error { return l.WriteRSTStream(s, code) }
	}
	return all
}

// A lie ends the stream with an event that blames the upstream, and has none of its words. The log has a few lines.
func TestAnUpstreamThatBreaksTheRules(t *testing.T) {
	for name, tell := range lies() {
		for kind, share := range map[string][]string{"private": nil, "shared": {"share: {late_join: all}"}} {
			t.Run(name+"/"+kind, func(t *testing.T) {
				t.Parallel()
				file := withDescriptorSet(t, "test.stream.v1.StreamService/Watch")
				for _, line := range append(onceMore(), share...) {
					file += "    " + line + "\n"
				}
				cfg, err := read(t, strings.ReplaceAll(file, "ADDR", startLiar(t, tell)))
				require.NoError(t, err)
				log := &lineCounter{}
				b, err := bridge.New(t.Context(), cfg, bridge.WithLogger(slog.New(slog.NewTextHandler(log, nil))))
				require.NoError(t, err)
				url := serveHTTP(t, b)
				require.NoError(t, b.Ready(t.Context()))
				got := newReader(do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, url+"/watch/x"))).all(t)
				require.NotEmpty(t, got)
				var told answerOf
				decode(t, got[len(got)-1].data, &told)
				assert.NotZero(t, told.Code)
				assert.Contains(t, told.Message, "the upstream")
				assert.NotContains(t, fmt.Sprint(got), "words of the liar")
				assert.LessOrEqual(t, log.count.Load(), int64(10))
			})
		}
	}
}

// lineCounter counts the lines of a log.
type lineCounter struct{ count atomic.Int64 }

func (l *lineCounter) Write(p []byte) (int, error) {
	l.count.Add(1)
	return len(p), nil
}
