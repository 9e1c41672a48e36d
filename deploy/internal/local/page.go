package local

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// Seen is what a page has met so far.
type Seen struct {
	IDs        []string // of the messages, which are events without a name, in their order
	LastID     string   // of all events
	Connects   int      // answers with an event stream
	Protocol   string   // of the newest answer
	Heartbeats int      // comments
	Resets     int      // events with the name grpc-reset
	Ends       []string // the data of the events with the name grpc-status
	Dead       string   // why the page gave up for good; "" while it lives
}

// Page listens as an EventSource does. It reconnects after each end of a stream with the id of its last event, and it gives up
// for good after any answer other than an event stream with status 200. As in Firefox, a refused connection is final, too.
type Page struct {
	url    string
	header http.Header
	client *http.Client
	leave  context.CancelFunc
	done   chan struct{}
	retry  time.Duration // only the goroutine of the page uses it

	mu   sync.Mutex
	seen Seen
}

// Open opens a page, which leaves when the test ends. Each page has connections of its own.
func Open(t *testing.T, url string, header http.Header) *Page {
	t.Helper()
	return OpenFrom(t, "127.0.0.1", url, header)
}

// OpenFrom is Open for a page on a machine with another address, which must be one of 127.0.0.0/8.
func OpenFrom(t *testing.T, address, url string, header http.Header) *Page {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	p := &Page{
		url: url, header: header, client: Client(address),
		leave: cancel, done: make(chan struct{}), retry: time.Second,
	}
	go p.run(ctx)
	t.Cleanup(p.Leave)
	return p
}

// Leave closes the page, and waits until its connection is closed.
func (p *Page) Leave() {
	p.leave()
	<-p.done
}

// Seen returns what the page has met so far.
func (p *Page) Seen() Seen {
	p.mu.Lock()
	defer p.mu.Unlock()
	seen := p.seen
	seen.IDs, seen.Ends = slices.Clone(seen.IDs), slices.Clone(seen.Ends)
	return seen
}

// note changes what the page has met.
func (p *Page) note(change func(*Seen)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(&p.seen)
}

// run connects until the page leaves or gives up.
func (p *Page) run(ctx context.Context) {
	defer close(p.done)
	defer p.client.CloseIdleConnections()
	for {
		if reason := p.connect(ctx); ctx.Err() != nil {
			return
		} else if reason != "" {
			p.note(func(s *Seen) { s.Dead = reason })
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(p.retry):
		}
	}
}

// connect reads one stream to its end. It returns why the page gives up, or "".
func (p *Page) connect(ctx context.Context) (dead string) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url, nil)
	if err != nil {
		return err.Error()
	}
	for name, values := range p.header {
		request.Header[name] = values
	}
	request.Header.Set("Accept", "text/event-stream")
	request.Header.Set("Cache-Control", "no-cache")
	if host := p.header.Get("Host"); host != "" {
		request.Host = host
	}
	if last := p.Seen().LastID; last != "" {
		request.Header.Set("Last-Event-ID", last)
	}
	response, err := p.client.Do(request)
	if err != nil {
		return "no connection: " + err.Error()
	}
	defer func() { _ = response.Body.Close() }()
	kind, _, _ := strings.Cut(response.Header.Get("Content-Type"), ";")
	if response.StatusCode != http.StatusOK || kind != "text/event-stream" {
		return "the answer was " + response.Status + " with " + kind
	}
	p.note(func(s *Seen) { s.Connects, s.Protocol = s.Connects+1, response.Proto })
	p.read(response.Body)
	return ""
}

// read reads a stream to its end, which may be a broken connection.
func (p *Page) read(body io.Reader) {
	var id, name, data string
	for lines := bufio.NewScanner(body); lines.Scan(); {
		field, value, _ := strings.Cut(lines.Text(), ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case lines.Text() == "":
			if data != "" {
				p.note(func(s *Seen) { s.take(id, name, data) })
			}
			id, name, data = "", "", ""
		case field == "":
			p.note(func(s *Seen) { s.Heartbeats++ })
		case field == "id":
			id = value
		case field == "event":
			name = value
		case field == "data":
			data += value
		case field == "retry":
			if ms, err := strconv.Atoi(value); err == nil {
				p.retry = time.Duration(ms) * time.Millisecond
			}
		}
	}
}

// take counts an event.
func (s *Seen) take(id, name, data string) {
	if id != "" {
		s.LastID = id
	}
	switch name {
	case "":
		s.IDs = append(s.IDs, id)
	case "grpc-reset":
		s.Resets++
	case "grpc-status":
		s.Ends = append(s.Ends, data)
	}
}
