package bridge_test

import (
	"compress/flate"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"

	streamv1 "github.com/grpcsse/grpcsse/gen/test/stream/v1"
	"github.com/grpcsse/grpcsse/internal/loopback"
)

// tape is an upstream that numbers its events and can go on after each of them. It keeps its events when its server dies. The
// events are the clock of the test.
type tape struct {
	mu     sync.Mutex
	newest int64
	grown  chan struct{} // closed when there is another event
}

func newTape() *tape { return &tape{newest: 1, grown: make(chan struct{})} }

// run adds events in regular intervals until ctx ends.
func (p *tape) run(ctx context.Context, every time.Duration) {
	for ticker := time.NewTicker(every); ; {
		select {
		case <-ticker.C:
			p.mu.Lock()
			p.newest++
			close(p.grown)
			p.grown = make(chan struct{})
			p.mu.Unlock()
		case <-ctx.Done():
			ticker.Stop()
			return
		}
	}
}

// end returns the number of the newest event, and a channel that is closed when there is another event.
func (p *tape) end() (int64, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.newest, p.grown
}

// pause waits until n more events are on the tape, or ctx ends.
func (p *tape) pause(ctx context.Context, n int) {
	begin, _ := p.end()
	for ctx.Err() == nil {
		newest, grown := p.end()
		if newest >= begin+int64(n) {
			return
		}
		select {
		case <-grown:
		case <-ctx.Done():
		}
	}
}

func (p *tape) watch(r *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
	n := r.GetAfterSequence()
	if n == 0 {
		n, _ = p.end()
	}
	for {
		newest, grown := p.end()
		for ; n < newest; n++ {
			if err := stream.Send(&streamv1.Event{Sequence: n + 1, Text: textOn(n + 1)}); err != nil {
				return err
			}
		}
		select {
		case <-grown:
		case <-stream.Context().Done():
			return stream.Context().Err()
		}
	}
}

// textOn returns the text of an event.
func textOn(n int64) string { return fmt.Sprintf("number %d on the tape", n) }

// record is what one EventSource has received over all of its connections.
type record struct {
	last               int64 // id of the newest event, 0 for none
	mayJump            bool  // a reset has said so
	events, told       int
	gaps, repeats      int
	connections, ended int
	gzip               bool // the client accepts gzip
}

// see records one event of a stream.
func (l *record) see(e event) error {
	switch e.name {
	case "grpc-reset":
		l.told++
		l.mayJump = true
	case "grpc-status":
		l.ended++
	case "":
		n, err := strconv.ParseInt(e.id, 10, 64)
		if err != nil {
			return err
		}
		if !strings.Contains(e.data, `"text":"`+textOn(n)+`"`) {
			return fmt.Errorf("event %d is not what was sent: %s", n, e.data)
		}
		switch {
		case l.last == 0 || l.mayJump || n == l.last+1:
		case n > l.last:
			l.gaps++
		default:
			l.repeats++
		}
		l.last, l.mayJump = n, false
		l.events++
	}
	return nil
}

// live is an EventSource that comes back until it has received the event with the number until. It asks url for the address
// each time. At random moments it leaves in the middle of a stream, or stops reading for some time.
func (l *record) live(ctx context.Context, client *http.Client, p *tape, url *atomic.Value, until int64) error {
	for l.last < until && ctx.Err() == nil {
		if err := l.connect(ctx, client, p, url.Load().(string), until); err != nil {
			return err
		}
		p.pause(ctx, rand.IntN(50))
	}
	return ctx.Err()
}

func (l *record) connect(ctx context.Context, client *http.Client, p *tape, url string, until int64) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	r.Header.Set("Accept", "text/event-stream")
	if l.gzip {
		r.Header.Set("Accept-Encoding", "gzip, deflate")
	}
	if l.last > 0 {
		r.Header.Set("Last-Event-ID", fmt.Sprint(l.last))
	}
	resp, err := client.Do(r)
	if err != nil {
		return nil // the client comes back
	}
	body := resp.Body
	defer func() { _ = body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return errors.New(resp.Status)
	}
	l.connections++
	if l.gzip && resp.Header.Get("Grpc-Status") == "" { // a client that the drain refuses gets an end without compression
		plain, err := gunzip(resp)
		if err != nil {
			return err
		}
		resp.Body = plain
	}
	stream := newReader(resp)
	for stay := rand.IntN(2000); stay > 0 && l.last < until; stay-- {
		e, err := stream.next()
		if corrupt := flate.CorruptInputError(0); errors.As(err, &corrupt) {
			return err
		}
		if err != nil {
			return nil
		}
		if err := l.see(e); err != nil {
			return err
		}
		if rand.IntN(500) == 0 {
			p.pause(ctx, rand.IntN(300))
		}
	}
	return nil
}

// gunzip returns the body of a compressed response.
func gunzip(resp *http.Response) (io.ReadCloser, error) {
	if coding := resp.Header.Get("Content-Encoding"); coding != "gzip" {
		return nil, fmt.Errorf("expected gzip, found %q", coding)
	}
	plain, err := gzip.NewReader(resp.Body)
	if errors.Is(err, gzip.ErrHeader) {
		return nil, err
	}
	if err != nil { // the connection broke
		return http.NoBody, nil
	}
	return struct {
		io.Reader
		io.Closer
	}{plain, resp.Body}, nil
}

// The upstream and the clients break at random. Each client receives every event once, or a reset.
func TestNothingIsLostOrRepeatedInChaos(t *testing.T) {
	const until, crowd = 3000, 30
	p := newTape()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	var running sync.WaitGroup
	defer func() { cancel(); running.Wait() }()
	running.Go(func() { p.run(ctx, time.Millisecond) })
	s := startServer(t, loopback.Own(), p.watch)
	file := resumable(
		"share: {late_join: latest, replay: {events: 500}, linger: 1s}", "reopen: {backoff: {base: 20ms, max: 100ms}}",
		"open_wait: 1s", "heartbeat: 20ms")
	f := startFront(t, s, file)
	var url atomic.Value
	url.Store(f.url + "/watch/x")

	var records []*record
	var crowds sync.WaitGroup
	for name, client := range clients(t) {
		for i := range crowd {
			l := &record{gzip: i%2 == 0}
			records = append(records, l)
			crowds.Go(func() { assert.NoError(t, l.live(ctx, client, p, &url, until), name) })
		}
	}
	for range (until - 1000) / 400 {
		p.pause(ctx, 300)
		s.grpc.Stop()
		p.pause(ctx, 100)
		s = startServer(t, s.addr, p.watch)
	}
	next := startFront(t, s, file) // a deployment: all clients move from one bridge to another
	url.Store(next.url + "/watch/x")
	f.drain(t, patience)
	crowds.Wait()
	var all record
	for _, l := range records {
		all.events += l.events
		all.told += l.told
		all.gaps += l.gaps
		all.repeats += l.repeats
		all.connections += l.connections
		all.ended += l.ended
	}
	t.Logf("%d clients, %d connections, %d events, told %d resets and %d ends", len(records), all.connections, all.events, all.told, all.ended)
	require.Zero(t, all.gaps, "gaps without a reset")
	require.Zero(t, all.repeats)
	require.Positive(t, all.ended, "a drain tells the clients that are connected")
	require.NoError(t, f.bridge.Close())
	require.Eventually(t, func() bool { return s.open.Load() <= 1 }, patience, time.Millisecond, "streams open at the server")
	cancel()
	s.requireStreams(t, 0)
}
