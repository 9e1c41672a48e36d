package crowd

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/tmaxmax/go-sse"
)

// comeback is how long a client waits before it comes back, unless `retry:` has set another time. Chromium waits as long.
const comeback = 3 * time.Second

// client is one EventSource. It is the RoundTripper of its own connections, so that it sees them open and close.
type client struct {
	transport http.RoundTripper

	mu         sync.Mutex
	series     series    // guarded by mu
	ledger     Ledger    // guarded by mu
	deliveries int64     // guarded by mu
	calls      int64     // guarded by mu; how often it has connected, or tried to
	connected  bool      // guarded by mu
	gone       bool      // guarded by mu; the client will not come back
	stalled    time.Time // guarded by mu; until when it reads nothing
}

// run connects, and comes back until ctx ends or an answer says that the client must stop.
func (c *client) run(ctx context.Context, url string) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err == nil {
		settings := sse.Client{
			HTTPClient: &http.Client{Transport: c},
			// A browser waits exactly as long as it was told. The bridge tells different browsers different times.
			Backoff: sse.Backoff{InitialInterval: comeback, Multiplier: 1, Jitter: 0.001},
		}
		connection := settings.NewConnection(request)
		connection.SubscribeToAll(c.take)
		err = connection.Connect()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gone = !errors.Is(err, context.Canceled)
}

// take checks an event. The bridge's own events begin with "grpc-".
func (c *client) take(event sse.Event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case event.Data == "":
		// This is a block without data. The library passes it on, an EventSource does not.
	case event.Type == "grpc-reset":
		c.series.reset(&c.ledger)
	case event.Type == "grpc-cursor":
		c.series.place(event.LastEventID)
	case strings.HasPrefix(event.Type, "grpc-"):
	default:
		c.deliveries++
		c.series.take(event.LastEventID, &c.ledger)
	}
}

// RoundTrip implements http.RoundTripper.
func (c *client) RoundTrip(r *http.Request) (*http.Response, error) {
	c.mu.Lock()
	c.calls++
	if c.calls > 1 {
		c.ledger.Reconnects++
	}
	c.mu.Unlock()
	response, err := c.transport.RoundTrip(r)
	if err != nil || response.StatusCode != http.StatusOK {
		return response, err
	}
	c.hold(true)
	response.Body = &body{ReadCloser: response.Body, ctx: r.Context(), client: c}
	return response, nil
}

// hold sets whether the client has a connection.
func (c *client) hold(connected bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.connected = connected
}

// stall makes the client read nothing for a time, unless it has no connection or reads nothing already.
func (c *client) stall(d time.Duration) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if !c.connected || now.Before(c.stalled) {
		return false
	}
	c.stalled = now.Add(d)
	return true
}

// add adds the client to the figures of its crowd. newest is the highest number that any client has.
func (c *client) add(f *Figures, newest int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f.Clients++
	f.Deliveries += c.deliveries
	f.Ledger.add(c.ledger)
	if c.gone {
		f.Gone++
	}
	if c.connected {
		f.Connected++
		if time.Now().Before(c.stalled) {
			f.Stalled++
		}
		if c.series.begun && c.series.last > newest-inStep {
			f.Current++
		}
	}
}

// newest returns the highest number of the client's series, or 0 where the series has not begun.
func (c *client) newest() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.series.begun {
		return 0
	}
	return c.series.last
}

// pause returns how long the client must read nothing from now on.
func (c *client) pause() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Until(c.stalled)
}

// body is the body of one response to a client. The client reads it when it is not stalled.
type body struct {
	io.ReadCloser

	ctx    context.Context
	client *client
}

// Read implements io.Reader. While the client is stalled, it waits.
func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if pause := b.client.pause(); pause > 0 {
		select {
		case <-b.ctx.Done():
			return n, b.ctx.Err()
		case <-time.After(pause):
		}
	}
	return n, err
}

// Close implements io.Closer.
func (b *body) Close() error {
	b.client.hold(false)
	return b.ReadCloser.Close()
}
