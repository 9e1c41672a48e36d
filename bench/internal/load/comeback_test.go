package load_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bench/internal/load"
)

// What a server says at the end of a stream.
const (
	comeBack = "event: grpc-status\ndata: {\"code\":14,\"status\":\"UNAVAILABLE\",\"retry\":true,\"reason\":\"drain\"}\n\n"
	goAway   = "event: grpc-status\ndata: {\"code\":5,\"status\":\"NOT_FOUND\",\"retry\":false,\"reason\":\"upstream\"}\nid: grpc-end\n\n"
	reset    = "event: grpc-reset\ndata: {}\n\n"
	soon     = "retry: 1\n"
	last     = "0\r\n\r\n"
)

// The judgement over several connections: what the first, the second and the third connection of a browser bring.
func TestTheLedgerGoesOnOnTheNextConnection(t *testing.T) {
	for name, c := range map[string]struct {
		connections []string
		faults      load.Faults
		resets      uint64
		life        load.Life
	}{
		"all is well": {
			connections: []string{frames(0, 1, 2) + chunk(comeBack) + last, frames(0, 3) + chunk(comeBack) + last, frames(0, 4)},
			life:        load.Life{Returned: 2, Told: 2},
		},
		"an event is lost between two connections": {
			connections: []string{frames(0, 1, 2) + chunk(comeBack) + last, frames(0, 4)},
			faults:      load.Faults{Lost: 1}, life: load.Life{Returned: 1, Told: 1},
		},
		"an event comes again on the next connection": {
			connections: []string{frames(0, 1, 2) + chunk(comeBack) + last, frames(0, 2, 3)},
			faults:      load.Faults{Repeated: 1}, life: load.Life{Returned: 1, Told: 1},
		},
		"old events come again": {
			connections: []string{frames(0, 1, 2, 3) + chunk(comeBack) + last, frames(0, 1, 4)},
			faults:      load.Faults{Reordered: 1}, life: load.Life{Returned: 1, Told: 1},
		},
		"a gap that is told": {
			connections: []string{frames(0, 1, 2) + chunk(comeBack) + last, chunk(reset) + frames(0, 9, 10)},
			resets:      1, life: load.Life{Returned: 1, Told: 1},
		},
		"a gap behind the one that is told": {
			connections: []string{frames(0, 1, 2) + chunk(comeBack) + last, chunk(reset) + frames(0, 9, 11)},
			faults:      load.Faults{Lost: 1}, resets: 1, life: load.Life{Returned: 1, Told: 1},
		},
		"a newcomer has a place before its first event": {
			connections: []string{chunk("event: grpc-cursor\ndata: {}\nid: 7\n\n") + chunk(comeBack) + last, frames(0, 9)},
			faults:      load.Faults{Lost: 1}, life: load.Life{Returned: 1, Told: 1},
		},
		"a stream that ends without a word": {
			connections: []string{frames(0, 1) + last, frames(0, 2)},
			life:        load.Life{Returned: 1, Broken: 1},
		},
		"a stream that is cut behind the word": {
			connections: []string{frames(0, 1) + chunk(comeBack), frames(0, 2)},
			life:        load.Life{Returned: 1, Broken: 1},
		},
		"an end for good": {
			connections: []string{frames(0, 1) + chunk(goAway) + last, "204"},
			life:        load.Life{Final: 1, Stopped: 1},
		},
		"a status that ends an EventSource": {
			connections: []string{frames(0, 1) + chunk(comeBack) + last, "503"},
			life:        load.Life{Told: 1, GaveUp: 1},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			over := make(chan struct{})
			server := serve(t, func(number int, _ string, conn net.Conn) {
				switch script := c.connections[min(number, len(c.connections)-1)]; script {
				case "204":
					_, _ = conn.Write([]byte("HTTP/1.1 204 No Content\r\n\r\n"))
				case "503":
					_, _ = conn.Write([]byte("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"))
				default:
					_, _ = conn.Write([]byte(head + chunk(soon) + script))
					if number == len(c.connections)-1 {
						<-over
					}
				}
			})
			t.Cleanup(func() { close(over) })
			crowd := gather(t, server)
			opened, err := crowd.Open(t.Context(), load.Order{Browsers: 1, Path: "/", Back: &load.Back{}})
			require.NoError(t, err)
			require.Equal(t, load.Opened{Browsers: 1}, opened)
			events := uint64(strings.Count(strings.Join(c.connections, ""), `"sequence"`))
			seen := requireTally(t, crowd, func(seen load.Tally) bool {
				return seen.Events == events && seen.Life.Returned == c.life.Returned &&
					seen.Life.Stopped == c.life.Stopped && seen.Life.GaveUp == c.life.GaveUp
			})
			assert.Equal(t, c.faults, seen.Faults)
			assert.Equal(t, c.resets, seen.Resets)
			seen.Life.Breaks, seen.Life.Reasons, seen.Life.Problem = nil, nil, ""
			assert.Equal(t, c.life, seen.Life)
		})
	}
}

func TestABrowserComesBackWithItsIdAndAFreshToken(t *testing.T) {
	var mu sync.Mutex
	var ids, tokens []string
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		cookie, err := r.Cookie(load.Cookie)
		if !assert.NoError(t, err) {
			return
		}
		mu.Lock()
		ids, tokens = append(ids, r.Header.Get("Last-Event-ID")), append(tokens, cookie.Value)
		mu.Unlock()
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = w.Write([]byte("retry: 1\ndata: {}\nid: x\n\n"))
		w.(http.Flusher).Flush() // a body in chunks
	})
	web := httptest.NewServer(handler)
	t.Cleanup(web.Close)
	token, err := load.NewToken(time.Minute)
	require.NoError(t, err)
	back := load.Back{Token: token}
	crowd := gather(t, web.Listener.Addr().String())
	_, err = crowd.Open(t.Context(), load.Order{Browsers: 1, Path: "/", Back: &back})
	require.NoError(t, err)
	requireTally(t, crowd, func(seen load.Tally) bool { return seen.Life.Returned >= 2 })
	_, err = crowd.Leave(t.Context())
	require.NoError(t, err)
	readers := load.NewReaders(t.Context(), web.Client())
	readers.Open(1, web.URL, back)
	require.Eventually(t, func() bool { return readers.Tally().Life.Returned >= 2 }, patience, time.Millisecond)
	readers.Leave()
	assert.Zero(t, readers.Tally().Connected)
	mu.Lock()
	defer mu.Unlock()
	assert.Equal(t, []string{"", "x", "x"}, ids[:3])
	assert.NotEqual(t, tokens[0], tokens[1])
	assert.Contains(t, ids[3:], "", "the readers begin without an id")
}

func TestABrowserGivesUpASilentConnection(t *testing.T) {
	var connections atomic.Int64
	server := serve(t, func(number int, _ string, conn net.Conn) {
		connections.Add(1)
		_, _ = conn.Write([]byte(head + chunk(soon) + frames(0, uint64(number+1))))
		_, _ = conn.Read(make([]byte, 1)) // until the browser has left
	})
	crowd := gather(t, server)
	_, err := crowd.Open(t.Context(), load.Order{Browsers: 1, Path: "/", Back: &load.Back{Silence: 50 * time.Millisecond}})
	require.NoError(t, err)
	seen := requireTally(t, crowd, func(seen load.Tally) bool { return seen.Life.Silent >= 2 && seen.Events >= 3 })
	assert.Zero(t, seen.Faults)
	assert.Zero(t, seen.Life.Broken)
	behind, err := crowd.Behind(t.Context(), 3)
	require.NoError(t, err)
	assert.Zero(t, behind)
	behind, err = crowd.Behind(t.Context(), 1<<40)
	require.NoError(t, err)
	assert.Equal(t, 1, behind)
	returns, err := crowd.Returns(t.Context())
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(returns), 2)
	assert.Equal(t, time.Millisecond, time.Duration(returns[0].Due-returns[0].Ended))
}
