package load

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Link is a kind of connection.
type Link struct {
	TLS bool `json:"tls"`
	// Streams is how many browsers have one connection of HTTP/2 together; 0 is HTTP/1.1.
	Streams int `json:"streams"`
}

// Clients are browsers on connections of one kind, each with Go's HTTP client. They cost far more than those of a [Crowd]. The
// methods may be called concurrently.
type Clients struct {
	url  string
	link Link
	gone context.Context
	end  context.CancelFunc

	mu    sync.Mutex
	tally tally // guarded by mu

	reading sync.WaitGroup
	shared  *http.Transport // the connection of HTTP/2 that has room
	room    int             // for how many more
}

// NewClients returns browsers of the server at an address.
func NewClients(address string, link Link) *Clients {
	c := &Clients{url: "http://" + address, link: link, tally: newTally()}
	if link.TLS {
		c.url = "https://" + address
	}
	c.gone, c.end = context.WithCancel(context.Background())
	return c
}

// Run waits until ctx ends, and closes all connections. It must be called once.
func (c *Clients) Run(ctx context.Context) error {
	<-ctx.Done()
	c.end()
	c.reading.Wait()
	return ctx.Err()
}

// Open opens the streams of an order, one after the other, and returns when each has its response's headers or has failed. The
// caller waits for one order before it gives the next. Of an order, only the number and the path are of use.
func (c *Clients) Open(ctx context.Context, order Order) (opened Opened, err error) {
	for n := range order.Browsers {
		err := c.open(ctx, strings.ReplaceAll(order.Path, "{n}", fmt.Sprint(n)))
		switch {
		case ctx.Err() != nil:
			return opened, ctx.Err()
		case err == nil:
			opened.Browsers++
			continue
		}
		if opened.Failed++; opened.Failed == 1 {
			opened.Problem = err.Error()
		}
	}
	return opened, nil
}

func (c *Clients) open(ctx context.Context, path string) error {
	r, err := http.NewRequestWithContext(c.gone, http.MethodGet, c.url+path, nil)
	if err != nil {
		return err
	}
	r.Header.Set("Accept", "text/event-stream")
	stop := context.AfterFunc(ctx, c.end)
	defer stop()
	resp, err := c.transport().RoundTrip(r)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK || (resp.ProtoMajor == 2) != (c.link.Streams > 0) {
		return errors.Join(fmt.Errorf("the answer is %s over %s", resp.Status, resp.Proto), resp.Body.Close())
	}
	c.mu.Lock()
	c.tally.connected++
	c.mu.Unlock()
	c.reading.Go(func() { c.read(resp.Body) })
	return nil
}

// transport returns what the next stream is opened with: each has its own connection, or as many as the link says share one.
func (c *Clients) transport() *http.Transport {
	if c.room > 0 {
		c.room--
		return c.shared
	}
	c.shared = &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // the candidate on loopback is our own
		Protocols:       new(http.Protocols), DisableCompression: true,
	}
	c.shared.Protocols.SetHTTP1(c.link.Streams == 0)
	c.shared.Protocols.SetHTTP2(c.link.Streams > 0)
	c.room = max(0, c.link.Streams-1)
	return c.shared
}

// read sees what comes on a stream until it ends.
func (c *Clients) read(body io.ReadCloser) {
	defer func() { _ = body.Close() }()
	var browser viewer
	var found blocks
	buf := make([]byte, 4<<10)
	for {
		n, err := body.Read(buf)
		at := time.Now().UnixNano()
		c.mu.Lock()
		c.tally.bytes += uint64(n)
		c.tally.comments += uint64(found.scan(buf[:n], func(e block) { browser.see(e, at, &c.tally) }))
		if err != nil {
			if c.tally.connected--; c.gone.Err() == nil {
				c.tally.lost(err)
			}
		}
		c.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// Start begins to count again what is counted since then.
func (c *Clients) Start(context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tally.start()
	return nil
}

// Tally returns what has been counted.
func (c *Clients) Tally(context.Context) (Tally, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.tally.sum(), nil
}
