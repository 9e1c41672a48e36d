package probe

import (
	"context"
	"errors"
	"hash/maphash"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/grpcsse/grpcsse/cmd/grpcsse/internal/sseclient"
)

const (
	pause     = 50 * time.Millisecond  // a server, or a buffer, has nothing to send for now
	longPause = 500 * time.Millisecond // no event is on its way
	burst     = 3                      // events that come at once after a long pause
	maxEvents = 10_000                 // that are kept
)

// seen is an event that was seen before.
type seen struct {
	name  string
	id    string
	hasID bool
	data  uint64 // a hash
}

// same reports whether two events are one, by their ids where they have any.
func (s seen) same(other seen) bool {
	return s.hasID == other.hasID && s.id == other.id && (s.hasID || s.name == other.name && s.data == other.data)
}

// look is what was seen of one connection.
type look struct {
	response *http.Response // nil without an answer
	err      error          // why there is no stream, or how the stream broke
	answered time.Duration  // until the header was there
	first    time.Duration  // until the first byte of the body; 0 without one
	lasted   time.Duration
	ended    bool // by the server

	parser   sseclient.Parser
	events   []seen // what an EventSource dispatches, without the events grpc-…
	dataless int    // blocks that an EventSource does not dispatch
	names    map[string]bool
	status   *sseclient.Status // of the newest grpc-status
	reset    bool              // the server said that it does not resume
	pauses   int
	cuts     int           // pauses in the middle of an event
	bursts   int           // events that came at once
	beats    int           // comments after a pause
	clumps   int           // comments that came at once after a pause
	silence  time.Duration // the longest
}

// looker looks at connections.
type looker struct {
	client *sseclient.Client
	url    *url.URL
	seed   maphash.Seed
}

// look opens a stream and reads it for at most d, until enough reports that it has seen enough.
func (l looker) look(ctx context.Context, cursor string, d time.Duration, enough func(*look) bool) *look {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	began := time.Now()
	seen := &look{names: map[string]bool{}}
	seen.parser.SetCursor(cursor)
	response, err := l.client.Open(ctx, l.url, cursor)
	seen.answered = time.Since(began)
	if err != nil {
		seen.err = err
		return seen
	}
	defer func() { _ = response.Body.Close() }()
	seen.response = response
	if seen.err = sseclient.Check(response); seen.err != nil {
		return seen
	}
	l.read(response.Body, seen, began, enough)
	if errors.Is(seen.err, context.DeadlineExceeded) || errors.Is(seen.err, context.Canceled) {
		seen.err = nil
	}
	return seen
}

// read reads a stream that began at a time.
func (l looker) read(body io.Reader, seen *look, began time.Time, enough func(*look) bool) {
	last := time.Now()
	chunk := make([]byte, 32<<10)
	for {
		n, err := body.Read(chunk)
		now := time.Now()
		seen.lasted = now.Sub(began)
		gap := now.Sub(last)
		seen.silence = max(seen.silence, gap)
		last = now
		if n > 0 {
			if seen.first == 0 {
				seen.first = seen.lasted
				gap = 0 // a stream may begin with all that is known
			}
			if tooLong := l.take(chunk[:n], seen, gap); tooLong != nil {
				seen.err = tooLong
				return
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			seen.ended = true
			return
		case err != nil:
			seen.err = err
			return
		case enough(seen):
			return
		}
	}
}

// take reads bytes that came after a gap.
func (l looker) take(chunk []byte, s *look, gap time.Duration) error {
	events, comments := len(s.events), s.parser.Comments()
	if gap >= pause {
		s.pauses++
		if s.parser.Inside() {
			s.cuts++
		}
	}
	err := s.parser.Feed(chunk, func(e sseclient.Event) { l.note(s, e) })
	events, comments = len(s.events)-events, s.parser.Comments()-comments
	if gap < longPause {
		return err
	}
	if events >= burst {
		s.bursts++
	}
	if comments > 0 && events == 0 {
		s.beats++
	}
	if comments > 1 {
		s.clumps++
	}
	return err
}

// note notes an event.
func (l looker) note(s *look, e sseclient.Event) {
	if !e.HasData {
		s.dataless++
		return
	}
	if len(s.names) < 100 {
		s.names[e.Name] = true
	}
	switch e.Name {
	case "grpc-status":
		s.status = sseclient.StatusOf(e)
		return
	case "grpc-reset":
		s.reset = true
		return
	case "grpc-end", "grpc-cursor", "grpc-stale", "grpc-live", "grpc-heartbeat", "grpc-expiring":
		return
	}
	if len(s.events) < maxEvents {
		s.events = append(s.events, seen{name: e.Name, id: e.ID, hasID: e.HasID && e.ID != "", data: maphash.String(l.seed, e.Data)})
	}
}

// header returns a header of the answer.
func (s *look) header(name string) string {
	if s.response == nil {
		return ""
	}
	return s.response.Header.Get(name)
}
