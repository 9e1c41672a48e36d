// Package tail follows a stream as an EventSource does, and prints its events.
package tail

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/grpcsse/grpcsse/cmd/grpcsse/internal/printable"
	"github.com/grpcsse/grpcsse/cmd/grpcsse/internal/sseclient"
)

// Options say what is followed, and for how long.
type Options struct {
	Client *sseclient.Client
	URL    *url.URL
	Cursor string        // the id after which the stream begins, or empty
	Count  int           // end after so many events; 0 is no limit. The bridge's own events, grpc-…, do not count
	For    time.Duration // end after this time; 0 is no limit
	Once   bool          // end with the first connection
	Screen *Screen
}

const (
	usualRetry = 3 * time.Second // as in Chromium, where the stream says nothing
	leastRetry = 500 * time.Millisecond
	mostRetry  = 30 * time.Second // unless the stream says more
)

// errEnough says that what the options ask for was had.
var errEnough = errors.New("enough")

// Run follows the stream until it has ended for good, or until what the options ask for was had. It returns nil for a good
// end, also where ctx has ended. Other ends are a [StatusError], an error of package sseclient, or an error of a write.
func Run(ctx context.Context, o Options) error {
	s := &session{Options: o, cursor: o.Cursor, began: time.Now()}
	within := ctx
	if o.For > 0 {
		limited, cancel := context.WithTimeout(ctx, o.For)
		defer cancel()
		within = limited
	}
	stopMeter := o.Screen.start()
	err := s.follow(within)
	stopMeter()
	err = s.meaning(ctx, within, err)
	if s.connections > 0 {
		o.Screen.Say("%s in %v", plural(s.Screen.total(), "event"), rounded(time.Since(s.began)))
	}
	return err
}

// session is one call of Run.
type session struct {
	Options

	began       time.Time
	cursor      string
	connections int // that had a stream
	counted     int // events that count
	failed      int // connections in a row without an event
	connected   bool
	retry       time.Duration
	last        error             // why there is no connection
	status      *sseclient.Status // the newest grpc-status of this connection
}

// meaning returns the error of Run, and says how a stream ended well. err is that of follow, which has ended with within or
// before.
func (s *session) meaning(ctx, within context.Context, err error) error {
	switch {
	case errors.Is(err, errEnough), ctx.Err() != nil:
		return nil //nolint:nilerr // these are good ends
	case errors.Is(err, sseclient.ErrNoContent), errors.Is(err, errGoodEnd), errors.Is(err, errEnded):
		s.Screen.Say("%v", err)
		return nil
	case within.Err() != nil && errors.Is(err, within.Err()):
		return s.timeIsUp()
	}
	return err
}

// timeIsUp returns what the end of the time means.
func (s *session) timeIsUp() error {
	switch {
	case s.Count > 0:
		return fmt.Errorf("expected %s within %v, found %d", plural(s.Count, "event"), s.For, s.counted)
	case s.connected:
		return nil
	case s.last != nil:
		return s.last
	}
	return fmt.Errorf("expected a stream within %v, found no answer", s.For)
}

// follow connects until the stream has ended for good.
func (s *session) follow(ctx context.Context) error {
	for {
		s.status = nil
		before := s.Screen.total()
		err := s.connect(ctx)
		switch {
		case ctx.Err() != nil, isFinal(err), s.connections == 0, s.Once:
			return err
		}
		s.connected, s.last = false, err
		if s.failed++; s.Screen.total() > before {
			s.failed = 0
		}
		delay := s.delay()
		s.Screen.Say("%s; reconnecting in %v%s", reasonOf(err), rounded(delay), s.place())
		s.Screen.state("waiting")
		select {
		case <-time.After(delay):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// isFinal reports whether an EventSource would not come back.
func isFinal(err error) bool {
	var refusal *sseclient.Refusal
	var ended *StatusError
	var printing *writeError
	return errors.Is(err, errEnough) || errors.Is(err, sseclient.ErrNoContent) || errors.Is(err, sseclient.ErrTooLong) ||
		errors.As(err, &refusal) || errors.As(err, &printing) || errors.As(err, &ended) && !ended.Status.Retry ||
		errors.Is(err, errGoodEnd)
}

// place says with which id the stream is asked for again.
func (s *session) place() string {
	if s.cursor == "" {
		return ""
	}
	return " with Last-Event-ID " + printable.Short(s.cursor, 60)
}

// delay returns how long to wait before the next connection.
func (s *session) delay() time.Duration {
	delay := usualRetry
	if s.retry > 0 {
		delay = max(s.retry, leastRetry)
	}
	for range min(s.failed-1, 10) {
		delay = min(2*delay, max(delay, mostRetry))
	}
	return delay + time.Duration(rand.Int64N(int64(delay/5)+1))
}

// connect opens one connection and prints its events. It returns why the connection has ended.
func (s *session) connect(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s.Screen.state("connecting")
	response, err := s.Client.Open(ctx, s.URL, s.cursor)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if err := sseclient.Check(response); err != nil {
		return err
	}
	s.connections++
	s.connected = true
	s.Screen.state("")
	s.announce(response)
	return s.read(response.Body)
}

// announce says where the stream comes from.
func (s *session) announce(response *http.Response) {
	at := response.Request.URL
	if at.String() != s.URL.String() {
		s.Screen.Say("redirected to %s", printable.Short(at.Redacted(), 200))
	}
	switch {
	case s.connections == 1 && s.cursor != "" && !sseclient.Sendable(s.cursor):
		s.Screen.Say("connected, without the id: no header can have it")
	case s.connections == 1:
		s.Screen.Say("connected")
	default:
		s.Screen.Say("connected again")
	}
}

func (s *session) read(body io.Reader) error {
	var parser sseclient.Parser
	parser.SetCursor(s.cursor)
	var stop error
	take := func(e sseclient.Event) {
		if stop == nil && e.HasData {
			stop = s.take(e)
		}
	}
	chunk := make([]byte, 32<<10)
	for {
		n, err := body.Read(chunk)
		s.Screen.count(n)
		tooLong := parser.Feed(chunk[:n], take)
		s.cursor = parser.Cursor()
		if retry, ok := parser.Retry(); ok {
			s.retry = max(retry, leastRetry)
		}
		switch {
		case stop != nil:
			return stop
		case tooLong != nil:
			return tooLong
		case errors.Is(err, io.EOF) && s.status != nil:
			return endOf(s.status)
		case errors.Is(err, io.EOF):
			return errEnded
		case err != nil:
			return fmt.Errorf("the connection broke: %w", err)
		}
	}
}

// own are the names of the bridge's events about a stream.
var own = []string{
	"grpc-status", "grpc-end", "grpc-reset", "grpc-cursor", "grpc-stale", "grpc-live", "grpc-heartbeat", "grpc-expiring",
}

// take prints an event. An error means that no further event is wanted.
func (s *session) take(e sseclient.Event) error {
	if err := s.Screen.event(e); err != nil {
		return &writeError{err}
	}
	if status := sseclient.StatusOf(e); status != nil {
		if s.status = status; !status.Retry {
			return endOf(status)
		}
	}
	if slices.Contains(own, e.Name) {
		return nil
	}
	if s.counted++; s.counted == s.Count {
		return errEnough
	}
	return nil
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// rounded returns a time without digits that say nothing.
func rounded(d time.Duration) time.Duration {
	if d < time.Second {
		return d.Round(time.Millisecond)
	}
	return d.Round(100 * time.Millisecond)
}
