package crowd

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

func itoa(n int) string { return strconv.Itoa(n) }

// soon is how long a condition may take to come true.
const soon = 20 * time.Second

// reply writes a part of a stream to the client at once.
type reply struct {
	http.ResponseWriter

	request *http.Request
}

func (r reply) event(id int) { r.write(fmt.Sprintf("data: {}\nid: %d\n\n", id)) }

func (r reply) write(text string) {
	_, _ = io.WriteString(r.ResponseWriter, text) // the client has left
	r.ResponseWriter.(http.Flusher).Flush()
}

// wait keeps the stream open until the client leaves.
func (r reply) wait() { <-r.request.Context().Done() }

// serve runs a server of event streams until the test ends. Its handler gets the number of the connection, from 1, too.
func serve(t *testing.T, handler func(r reply, connection int)) (url string) {
	t.Helper()
	var connections atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		handler(reply{w, r}, int(connections.Add(1)))
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// start begins a crowd that stops with the test.
func start(t *testing.T, url string, n int) *Crowd {
	t.Helper()
	c := Start(t.Context(), url, n)
	t.Cleanup(c.Stop)
	return c
}

// until waits until the figures are as wanted, and returns them.
func until(t *testing.T, c *Crowd, wanted func(Figures) bool) Figures {
	t.Helper()
	require.Eventually(t, func() bool { return wanted(c.Figures()) }, soon, 5*time.Millisecond)
	return c.Figures()
}

// topic sends numbered events to all clients, without an end, and resumes.
func topic(pace time.Duration, keep func(id int) bool) func(reply, int) {
	begin := time.Now()
	return func(r reply, _ int) {
		next, err := strconv.Atoi(r.request.Header.Get("Last-Event-ID"))
		if err != nil {
			next = int(time.Since(begin) / pace)
		}
		r.write("retry: 20\n")
		for r.request.Context().Err() == nil {
			next++
			select {
			case <-time.After(time.Until(begin.Add(time.Duration(next) * pace))):
			case <-r.request.Context().Done():
				return
			}
			r.event(next)
			if !keep(next) {
				return
			}
		}
	}
}

func always(int) bool { return true }

func TestACrowdOnAGoodServer(t *testing.T) {
	c := start(t, serve(t, topic(10*time.Millisecond, always)), 50)
	f := until(t, c, func(f Figures) bool { return f.Connected == 50 && f.Current == 50 && f.Deliveries > 1000 })
	assert.Equal(t, Ledger{}, f.Ledger)
	assert.Equal(t, 50, f.Clients)

	assert.Equal(t, 50, c.Grow(50))
	f = until(t, c, func(f Figures) bool { return f.Current == 100 })
	assert.Equal(t, Ledger{}, f.Ledger)

	c.Stop()
	f = c.Figures()
	assert.Zero(t, f.Connected)
	assert.Zero(t, f.Gone, "they left by themselves")
	assert.Equal(t, 100, f.Clients)
	assert.Zero(t, c.Grow(1), "no client joins after Stop")
}

func TestAClientThatIsCutOffComesBackWithoutAGap(t *testing.T) {
	c := start(t, serve(t, topic(2*time.Millisecond, func(id int) bool { return id%50 != 0 })), 20)
	f := until(t, c, func(f Figures) bool { return f.Ledger.Reconnects > 40 && f.Deliveries > 4000 })
	assert.Equal(t, Ledger{Reconnects: f.Ledger.Reconnects}, f.Ledger)
}

func TestAConnectionThatBreaksWithinAnEvent(t *testing.T) {
	c := start(t, serve(t, func(r reply, connection int) {
		if connection == 1 {
			r.write("retry: 10\ndata: {}\nid: 1\n\ndata: {}\nid: 2\n") // and never the blank line
			panic(http.ErrAbortHandler)
		}
		assert.Equal(t, "1", r.request.Header.Get("Last-Event-ID"))
		r.event(2)
		r.event(3)
		r.wait()
	}), 1)
	f := until(t, c, func(f Figures) bool { return f.Deliveries == 3 })
	assert.Equal(t, Ledger{Reconnects: 1}, f.Ledger)
}

func TestTheLedgerNoticesABadServer(t *testing.T) {
	const one, two, three = "id: 1\ndata: 1\n\n", "id: 2\ndata: 2\n\n", "id: 3\ndata: 3\n\n"
	const told, over = "event: grpc-reset\ndata: {}\n\n", "event: grpc-status\ndata: {}\n\n"
	tests := map[string]struct {
		lives []string // what the server sends over each connection
		want  Ledger
	}{
		"none":              {[]string{one + two, three}, Ledger{}},
		"loses":             {[]string{one + three}, Ledger{Gaps: 1}},
		"repeats":           {[]string{one + one + two}, Ledger{Repeats: 1}},
		"swaps":             {[]string{one + three + two}, Ledger{Disorders: 1}},
		"forgets an id":     {[]string{one + "data: 2\n\n"}, Ledger{Repeats: 1}},
		"loses on resume":   {[]string{one, three}, Ledger{Gaps: 1}},
		"repeats on resume": {[]string{one + two, two + three}, Ledger{Repeats: 1}},
		"says so":           {[]string{one, told + three}, Ledger{Resets: 1}},
		"says other things": {[]string{one + ":\n" + over, ":\n\n" + two + ":\n" + three}, Ledger{}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			ended := make(chan struct{})
			c := start(t, serve(t, func(r reply, connection int) {
				if connection == len(test.lives)+1 {
					r.WriteHeader(http.StatusNoContent)
					close(ended)
					return
				}
				r.write("retry: 10\n" + test.lives[connection-1])
			}), 1)
			<-ended
			f := until(t, c, func(f Figures) bool { return f.Gone == 1 })
			test.want.Reconnects = int64(len(test.lives))
			assert.Equal(t, test.want, f.Ledger)
		})
	}
}

func TestARefusalIsFinal(t *testing.T) {
	for _, code := range []int{http.StatusNoContent, http.StatusNotFound, http.StatusServiceUnavailable} {
		var calls atomic.Int64
		c := start(t, serve(t, func(r reply, _ int) {
			calls.Add(1)
			r.WriteHeader(code)
		}), 3)
		f := until(t, c, func(f Figures) bool { return f.Gone == 3 })
		assert.EqualValues(t, 3, calls.Load(), "as an EventSource, they try once")
		assert.Zero(t, f.Connected)
	}
}

func TestAServerThatIsAwayIsWaitedFor(t *testing.T) {
	good := topic(5*time.Millisecond, always)
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		good(reply{w, r}, 0)
	})
	first := httptest.NewServer(handler)
	defer first.Close()
	c := start(t, first.URL, 5)
	until(t, c, func(f Figures) bool { return f.Current == 5 })
	address := first.Listener.Addr().String()
	require.NoError(t, first.Listener.Close())
	first.CloseClientConnections()
	f := until(t, c, func(f Figures) bool { return f.Ledger.Reconnects > 50 })
	assert.Zero(t, f.Connected)
	assert.Zero(t, f.Gone)

	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", address)
	require.NoError(t, err)
	second := httptest.NewUnstartedServer(handler)
	require.NoError(t, second.Listener.Close())
	second.Listener = listener
	second.Start()
	defer second.Close()
	f = until(t, c, func(f Figures) bool { return f.Current == 5 })
	assert.Equal(t, Ledger{Reconnects: f.Ledger.Reconnects}, f.Ledger)
	c.Stop()
}

func TestWhoIsStalledReadsNothingAndThenGoesOn(t *testing.T) {
	const pace, stall = 5 * time.Millisecond, 500 * time.Millisecond
	c := start(t, serve(t, topic(pace, always)), 10)
	until(t, c, func(f Figures) bool { return f.Current == 10 })
	assert.Equal(t, 4, c.Stall(4, stall))
	assert.Equal(t, 6, c.Stall(10, time.Nanosecond), "those that are stalled already are left alone")

	f := until(t, c, func(f Figures) bool { return f.Current == 6 })
	assert.Equal(t, 4, f.Stalled)
	f = until(t, c, func(f Figures) bool { return f.Current == 10 })
	assert.Zero(t, f.Stalled)
	assert.Equal(t, Ledger{}, f.Ledger)
}

// A client that stops while it is stalled must not keep the others waiting.
func TestStopDoesNotWaitForTheStalled(t *testing.T) {
	c := start(t, serve(t, topic(time.Millisecond, always)), 5)
	until(t, c, func(f Figures) bool { return f.Current == 5 })
	require.Equal(t, 5, c.Stall(5, time.Hour))
	c.Stop()
	assert.Equal(t, 5, c.Figures().Clients)
}

func TestACrowdHasABound(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c := Start(ctx, "http://127.0.0.1:1/", 3)
	assert.Equal(t, Most-3, c.Grow(Most))
	assert.Zero(t, c.Grow(1))
	cancel()
	c.Stop()
	assert.Equal(t, Most, c.Figures().Clients)
}
