package bridge_test

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// page reads the events of a [history] as an EventSource does, and comes back with its last id when its connection ends. It notes
// what no page may see: a number that is missing, that comes twice or out of order, and a snapshot that follows an id.
type page struct {
	client *http.Client
	coding string        // of its responses: "", "gzip" or "zstd"
	url    func() string // where it comes back

	live   atomic.Int64 // how many live events it has had
	visits atomic.Int64 // how many connections it has had

	mu     sync.Mutex
	last   string // its last id
	faults []string
	told   []string // the data of resets
	end    string   // the data of a grpc-status behind which the page does not come back

	// These belong to the goroutine of run.
	expected int64 // the number of the next event; 0 is any
	anew     bool  // it has come without an id, or was told a reset, and has had no live event since
}

// accepts are the values of Accept-Encoding that lead to a coding.
func accepts() map[string]string {
	return map[string]string{"": "identity", "gzip": "gzip, deflate, br", "zstd": "zstd"}
}

// run reads until ctx ends, or until the page is told not to come back.
func (p *page) run(ctx context.Context, t *testing.T) {
	t.Helper()
	for ctx.Err() == nil && p.ended() == "" {
		p.visit(ctx, t)
		select {
		case <-time.After(time.Millisecond):
		case <-ctx.Done():
		}
	}
}

// visit reads one connection.
func (p *page) visit(ctx context.Context, t *testing.T) {
	t.Helper()
	r := eventSource(ctx, t, p.url(), "Accept-Encoding", accepts()[p.coding])
	last := p.lastID()
	p.anew = last == ""
	if !p.anew {
		r.Header.Set("Last-Event-ID", last)
	}
	resp, err := p.client.Do(r)
	if err != nil {
		return // the bridge is being replaced
	}
	defer resp.Body.Close()
	p.visits.Add(1)
	if coding := resp.Header.Get("Content-Encoding"); resp.StatusCode == http.StatusOK && coding != p.coding {
		p.fault("the coding is %q, and not %q", coding, p.coding)
	}
	body, err := decodedBody(resp)
	if err != nil {
		return
	}
	defer body.Close()
	in := &reader{body: resp.Body, lines: bufio.NewReader(body)}
	for {
		e, err := in.block()
		if err != nil {
			return
		}
		p.take(e)
	}
}

// take notes one event.
func (p *page) take(e event) {
	switch e.name {
	case "grpc-reset":
		p.tell(e.data)
		p.anew, p.expected = true, 0
		return
	case "grpc-status":
		if e.id == "grpc-end" {
			p.finish(e.data)
		}
		return
	case "live", "snapshot", "grpc-cursor":
	default:
		return
	}
	n, err := strconv.ParseInt(e.id, 10, 64)
	switch snapshot := e.name == "snapshot"; {
	case err != nil:
		p.fault("expected a number as id, found %+v", e)
	case e.name == "grpc-cursor":
	case snapshot && !p.anew:
		p.fault("a snapshot with %d, where %d was expected", n, p.expected)
	case !snapshot && !p.anew && n != p.expected:
		p.fault("the event %d, where %d was expected", n, p.expected)
	case !snapshot:
		p.anew = false
		p.live.Add(1)
	}
	p.expected = n + 1
	p.setLast(e.id)
}

func (p *page) lastID() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.last
}

func (p *page) setLast(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last = id
}

func (p *page) ended() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.end
}

func (p *page) finish(data string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.end = data
}

func (p *page) tell(reset string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.told = append(p.told, reset)
}

func (p *page) fault(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = append(p.faults, fmt.Sprintf(format, args...))
}

// ledger returns what went wrong, and the resets that the page was told.
func (p *page) ledger() (faults, told []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.faults, p.told
}
