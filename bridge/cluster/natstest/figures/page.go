package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// page reads a stream as an EventSource does, on one connection.
type page struct {
	cancel context.CancelFunc
	done   chan struct{}
	began  time.Time // when the request was sent

	mu       sync.Mutex
	arrivals []arrival
	other    int // blocks that are no events: resets, gaps, ends
	missed   int // events that were not received in their order
}

// arrival is an event that a page has received.
type arrival struct {
	event int64
	at    time.Time
}

// browsers are the connections of pages. No connection is used for two pages.
var browsers = &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DisableCompression: true}}

// openPage opens a page, and returns when it has its first event.
func openPage(ctx context.Context, url string) (*page, error) {
	ctx, cancel := context.WithCancel(ctx)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		cancel()
		return nil, err
	}
	req.Header.Set("Accept", "text/event-stream")
	p := &page{cancel: cancel, done: make(chan struct{}), began: time.Now()}
	resp, err := browsers.Do(req)
	if err != nil {
		cancel()
		return nil, err
	}
	first := make(chan struct{})
	go p.read(resp.Body, first)
	select {
	case <-first:
		return p, nil
	case <-time.After(patience):
		err = errors.New("no event came")
	case <-p.done:
		err = errors.New("the stream ended before its first event")
	}
	p.close()
	return nil, fmt.Errorf("%s: %w", url, err)
}

func (p *page) read(body io.ReadCloser, first chan<- struct{}) {
	defer close(p.done)
	defer func() { _ = body.Close() }()
	lines := bufio.NewReaderSize(body, 64<<10)
	var id int64
	other := false
	for {
		line, err := lines.ReadSlice('\n')
		if err != nil {
			return
		}
		now := time.Now()
		switch {
		case bytes.HasPrefix(line, []byte("id: ")):
			id, _ = strconv.ParseInt(string(bytes.TrimSpace(line[4:])), 10, 64)
		case bytes.HasPrefix(line, []byte("event: ")):
			other = true
		case len(line) == 1 && other:
			p.mu.Lock()
			p.other++
			p.mu.Unlock()
			id, other = 0, false
		case len(line) == 1 && id != 0:
			if p.add(arrival{id, now}) {
				close(first)
			}
			id = 0
		}
	}
}

// add notes an event, and reports whether it is the first one.
func (p *page) add(a arrival) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.arrivals)
	if n > 0 && a.event != p.arrivals[n-1].event+1 {
		p.missed++
	}
	p.arrivals = append(p.arrivals, a)
	return n == 0
}

// close ends the page.
func (p *page) close() {
	p.cancel()
	<-p.done
}

// first returns how long after the request the first event came.
func (p *page) first() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.arrivals[0].at.Sub(p.began)
}

// received returns the events since an event, and how many the page has received altogether.
func (p *page) received(after int64) (since []arrival, all int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := len(p.arrivals)
	for i > 0 && p.arrivals[i-1].event > after {
		i--
	}
	return append(since, p.arrivals[i:]...), len(p.arrivals)
}

// faults returns how often the page was told something beside events, and how often an event did not follow the one before it.
func (p *page) faults() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.other + p.missed
}

// forget drops what the page has received but its newest event.
func (p *page) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.arrivals = append([]arrival{}, p.arrivals[len(p.arrivals)-1])
}
