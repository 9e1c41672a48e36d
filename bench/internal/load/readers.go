package load

import (
	"context"
	"io"
	"net/http"
	"sync"
	"time"
)

// Readers are EventSources that come back, each with a goroutine, on a client of net/http: for TLS and HTTP/2, which a Crowd does
// not speak. They know no Silence. Their methods may be called concurrently.
type Readers struct {
	client  *http.Client
	ctx     context.Context
	leave   context.CancelFunc
	running sync.WaitGroup

	mu    sync.Mutex
	tally tally     // guarded by mu
	all   []*reader // guarded by mu, and so is what each has seen
}

// reader is one of them.
type reader struct {
	viewer

	readers *Readers
	url     string
}

// NewReaders returns readers that have not begun. They end with ctx, or with Leave.
func NewReaders(ctx context.Context, client *http.Client) *Readers {
	r := &Readers{client: client, tally: newTally()}
	r.ctx, r.leave = context.WithCancel(ctx)
	return r
}

// Open begins n readers of a URL.
func (r *Readers) Open(n int, url string, back Back) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for range n {
		one := &reader{readers: r, url: url, viewer: viewer{back: &comeback{Back: back}}}
		r.all = append(r.all, one)
		r.running.Go(one.run)
	}
}

// Leave closes all connections, and returns when the readers have ended.
func (r *Readers) Leave() {
	r.leave()
	r.running.Wait()
}

// Tally returns what has been counted.
func (r *Readers) Tally() Tally {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.tally.sum()
}

// Behind returns how many have not got the event with a number, nor a later one.
func (r *Readers) Behind(number uint64) (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, one := range r.all {
		if one.ledger.next <= number {
			n++
		}
	}
	return n
}

// run connects and comes back until the readers leave, or an answer says to stop.
func (r *reader) run() {
	ctx := r.readers.ctx
	for returning := false; ctx.Err() == nil; returning = true {
		if !r.connect(ctx, returning) {
			return
		}
		select {
		case <-time.After(time.Until(time.Unix(0, r.back.due))):
		case <-ctx.Done():
		}
	}
}

// connect reads one stream to its end, and reports whether the reader comes back.
func (r *reader) connect(ctx context.Context, returning bool) bool {
	response, err := r.ask(ctx)
	if ctx.Err() != nil {
		return false
	}
	all := r.readers
	if err != nil {
		all.mu.Lock()
		defer all.mu.Unlock()
		return r.back.refused(err, time.Now(), &all.tally.life)
	}
	defer func() { _ = response.Body.Close() }()
	all.mu.Lock()
	all.tally.connected++
	if returning {
		all.tally.life.Returned++
	}
	all.mu.Unlock()
	retry, err := r.read(response.Body)
	all.mu.Lock()
	defer all.mu.Unlock()
	all.tally.connected--
	if ctx.Err() == nil { // otherwise the reader itself has left
		r.back.heed(retry)
		r.back.end(err, err == io.EOF, time.Now(), &all.tally.life) //nolint:errorlint // the body's own end
	}
	return true
}

// ask sends the request, and returns the answer unless it is no stream.
func (r *reader) ask(ctx context.Context) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url, http.NoBody)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", "text/event-stream")
	headers, err := r.back.begin(time.Now())
	if err != nil {
		return nil, err
	}
	for _, h := range headers {
		request.Header.Set(h.name, h.value)
	}
	response, err := r.readers.client.Do(request)
	if err != nil || response.StatusCode == http.StatusOK {
		return response, err
	}
	_ = response.Body.Close()
	return nil, &statusError{code: response.StatusCode, status: response.Status}
}

// read reads a stream, and returns the newest reconnection time and how the stream ended.
func (r *reader) read(body io.Reader) (retry int64, err error) {
	var b blocks
	all, buf := r.readers, make([]byte, 4<<10)
	for err == nil {
		var n int
		n, err = body.Read(buf)
		at := time.Now().UnixNano()
		all.mu.Lock()
		all.tally.bytes += uint64(n)
		all.tally.comments += uint64(b.scan(buf[:n], func(e block) { r.see(e, at, &all.tally) }))
		all.mu.Unlock()
	}
	return b.retry, err
}
