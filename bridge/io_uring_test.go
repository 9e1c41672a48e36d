package bridge_test

import (
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"

	streamv1 "github.com/grpcsse/grpcsse/gen/test/stream/v1"
)

// paced sends an event for each value of the channel, and ends when the channel is closed.
func paced(next <-chan int64) watch {
	return func(_ *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
		for i := range next {
			if err := stream.Send(&streamv1.Event{Sequence: i, Text: strings.Repeat("x", int(i*i)*20)}); err != nil {
				return err
			}
		}
		return nil
	}
}

// Many browsers of one topic get the same, whether they are written to together or one after the other: on parked connections, plain
// and under TLS. Some of them leave in the middle.
func TestManyBrowsersGetTheSameWithAndWithoutIOUring(t *testing.T) {
	const browsers, events = 100, 40
	for _, kind := range transports(t) {
		if kind.name != "HTTP1" && kind.name != "TLS, HTTP/1.1" {
			continue // it is not parked
		}
		for _, way := range []string{"auto", "off"} {
			t.Run(kind.name+", io_uring "+way, func(t *testing.T) {
				next := make(chan int64)
				s := startServer(t, "127.0.0.1:0", paced(next))
				f := startFront(t, s, "server: {io_uring: "+way+"}\n"+routeFile("share: {late_join: none}", "open_wait: 1ms"))
				url, client := kind.dial(t, f)
				if way == "off" || runtime.GOOS != "linux" {
					assert.False(t, f.bridge.IOUring())
				}
				got := make([]string, browsers)
				var reading sync.WaitGroup
				for i := range browsers {
					resp := do(t, client, eventSource(t.Context(), t, url+"/watch/x"))
					reading.Go(func() { got[i] = readSome(resp, i) })
				}
				f.requireOpen(t, browsers)
				for i := range int64(events) {
					next <- i
				}
				close(next)
				reading.Wait()
				for i, text := range got {
					if i%10 != 3 {
						assert.Equal(t, got[0], text, "browser %d", i)
					}
				}
				for i := range events {
					assert.Contains(t, got[0], fmt.Sprintf(`"sequence":"%d"`, i))
				}
				assert.Contains(t, got[0], "id: grpc-end")
				f.requireOpen(t, 0)
				require.NoError(t, f.bridge.Shutdown(t.Context()))
			})
		}
	}
}

// readSome reads a stream to its end, and returns the data and ids of its events. Every tenth browser leaves in the middle.
func readSome(resp *http.Response, browser int) string {
	defer resp.Body.Close()
	r := newReader(resp)
	var all strings.Builder
	for n := 0; ; n++ {
		e, err := r.afterCursor()
		if err != nil || browser%10 == 3 && n == 15 {
			return all.String()
		}
		fmt.Fprintf(&all, "id: %s data: %s\n", e.id, e.data)
	}
}
