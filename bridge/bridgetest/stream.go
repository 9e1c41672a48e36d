package bridgetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// Stream is what an EventSource has: one connection with an event stream. Use a Stream on the test's own goroutine.
//
// The event grpc-cursor is never returned, but its id counts: whether a shared stream sends one depends on how soon its first event
// comes.
type Stream struct {
	// Timeout is how long each wait lasts before the test fails: 10 s by default.
	Timeout time.Duration

	tb     testing.TB
	url    string
	header []string
	lastID string
	seen   []string // for the texts of failures

	answered chan struct{}  // closed when answer or refused is there
	answer   *http.Response // without its body
	refused  error          // why there is no answer
	blocks   chan block

	transport *http.Transport // of this connection only
	leave     context.CancelFunc
	running   sync.WaitGroup
}

// block is an event, or the error that ended the stream.
type block struct {
	event Event
	err   error
}

// Open asks for an event stream as the EventSource of a browser does. It does not wait for the answer, because the bridge may wait
// with its answer for the first word of the upstream, which a scripted upstream says later in the test. header has names and values
// in turn, for example "Origin", "https://app.example" or "Last-Event-ID", "7". The connection is closed when the test ends.
func Open(tb testing.TB, url string, header ...string) *Stream {
	tb.Helper()
	if len(header)%2 != 0 {
		tb.Fatalf("bridgetest: Open: expected names and values in turn, found %q", header)
	}
	r, err := http.NewRequestWithContext(context.Background(), http.MethodGet, url, nil)
	if err != nil {
		tb.Fatalf("bridgetest: Open: %v", err)
	}
	r.Header.Set("Accept", "text/event-stream")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	ctx, leave := context.WithCancel(context.WithoutCancel(tb.Context()))
	s := &Stream{
		Timeout: patience, tb: tb, url: url, header: header, lastID: r.Header.Get("Last-Event-ID"),
		answered: make(chan struct{}), blocks: make(chan block),
		transport: &http.Transport{DisableCompression: true}, leave: leave,
	}
	tb.Cleanup(s.Close)
	s.running.Go(func() { s.run(r.WithContext(ctx)) })
	return s
}

// run sends the request, and reads the answer until it ends or the test leaves.
func (s *Stream) run(r *http.Request) {
	defer close(s.blocks)
	resp, err := s.transport.RoundTrip(r)
	s.answer, s.refused = resp, err
	close(s.answered)
	var events interface{ next() (Event, error) }
	switch {
	case err != nil:
		events = refusal{"it was not answered", strings.NewReader(err.Error())}
	case resp.StatusCode != http.StatusOK:
		events = refusal{"it was answered with the status " + resp.Status, resp.Body}
	default:
		events = newParser(resp.Body)
	}
	if err == nil {
		defer func() { _ = resp.Body.Close() }()
	}
	for err = nil; err == nil; {
		var e Event
		e, err = events.next()
		select {
		case s.blocks <- block{e, err}:
		case <-r.Context().Done():
			return
		}
	}
}

// refusal is an answer without a stream, or none at all.
type refusal struct {
	what string
	text io.Reader
}

func (r refusal) next() (Event, error) {
	text, _ := io.ReadAll(io.LimitReader(r.text, 4096))
	return Event{}, fmt.Errorf("%s: %s", r.what, strings.TrimSpace(cut(string(text))))
}

// Status waits for the answer, and returns its HTTP status. Where it is not 200, there are no events. The test fails where there is
// no answer.
func (s *Stream) Status() int {
	s.tb.Helper()
	return s.wait().StatusCode //nolint:bodyclose // the goroutine that reads closes it
}

// Header waits for the answer as Status does, and returns its header.
func (s *Stream) Header() http.Header {
	s.tb.Helper()
	return s.wait().Header //nolint:bodyclose // see Status
}

func (s *Stream) wait() *http.Response {
	s.tb.Helper()
	select {
	case <-s.answered:
	case <-time.After(s.Timeout):
		s.tb.Fatalf("bridgetest: %s: no answer within %s", s.url, s.Timeout)
	}
	if s.refused != nil {
		s.tb.Fatalf("bridgetest: %s: no answer: %v", s.url, s.refused)
	}
	return s.answer
}

// Next waits for the next event and returns it. The test fails where the stream ends instead, or where nothing comes in time.
func (s *Stream) Next() Event {
	s.tb.Helper()
	e, err := s.next()
	if err != nil {
		s.fail("expected an event", err)
	}
	return e
}

// ExpectEvent waits for the next event. The test fails unless the event has the name, "" for one that a page receives by onmessage,
// and the data. data is JSON, and may leave members out: {"symbol": "AAPL"} expects this member, whatever else the event has. To
// compare the whole data, compare the Data of the event that ExpectEvent returns.
func (s *Stream) ExpectEvent(name, data string) Event {
	s.tb.Helper()
	want := Event{Name: name, Data: data}
	e, err := s.next()
	if err != nil {
		s.fail("expected "+want.String(), err)
	}
	s.compare(want, e)
	return e
}

// ExpectEnd waits for the end of the stream in good order: the event grpc-status, the event grpc-end where the page should not come
// back, and then the end of the connection. The test fails where another event comes, or where the connection breaks. status is
// compared with the data of grpc-status as ExpectEvent does, for example {"status": "NOT_FOUND", "retry": false}. ExpectEnd returns
// that event.
func (s *Stream) ExpectEnd(status string) Event {
	s.tb.Helper()
	want := Event{Name: "grpc-status", Data: status}
	e, err := s.next()
	if err != nil {
		s.fail("expected the end with "+want.String(), err)
	}
	s.compare(want, e)
	if e.ID == final {
		if over, err := s.next(); err != nil {
			s.fail("expected the event grpc-end behind a final grpc-status", err)
		} else if over.Name != "grpc-end" {
			s.fail("expected the event grpc-end behind a final grpc-status", fmt.Errorf("found %s", over))
		}
	}
	if more, err := s.next(); err == nil {
		s.fail("expected the end of the connection behind grpc-status", fmt.Errorf("found %s", more))
	} else if !errors.Is(err, io.EOF) {
		s.fail("expected the end of the connection behind grpc-status", err)
	}
	return e
}

// final is the id of a grpc-status after which a page should not come back.
const final = "grpc-end"

// Reconnect leaves, and asks again as an EventSource does that has lost its connection: with the same header, and with the id of the
// last event that the test has read. It does not wait for the time of `retry:`. After a final end, the Status of the new stream is
// 204.
func (s *Stream) Reconnect() *Stream {
	s.tb.Helper()
	s.Close()
	header := append([]string{}, s.header...)
	if s.lastID != "" {
		header = append(header, "Last-Event-ID", s.lastID)
	}
	again := Open(s.tb, s.url, header...)
	again.Timeout = s.Timeout
	return again
}

// LastEventID is the id with which an EventSource would come back: the last one among the events that the test has read.
func (s *Stream) LastEventID() string { return s.lastID }

// Close leaves, as a page does that is closed. Events that were not read are lost. The connection is closed when Close returns.
func (s *Stream) Close() {
	s.leave()
	s.running.Wait()
	s.transport.CloseIdleConnections()
}

// next returns the next event but grpc-cursor.
func (s *Stream) next() (Event, error) {
	timer := time.NewTimer(s.Timeout)
	defer timer.Stop()
	for {
		select {
		case b, open := <-s.blocks:
			if !open {
				return Event{}, errors.New("the stream was over or closed before")
			}
			if b.err != nil {
				return Event{}, b.err
			}
			s.seen = append(s.seen, b.event.String())
			if b.event.ID != "" {
				s.lastID = b.event.ID
			}
			if b.event.Name != "grpc-cursor" {
				return b.event, nil
			}
		case <-timer.C:
			select {
			case <-s.answered:
				return Event{}, fmt.Errorf("nothing came within %s, and the stream is open", s.Timeout)
			default:
				return Event{}, fmt.Errorf("there was no answer within %s", s.Timeout)
			}
		}
	}
}

// compare fails the test where an event is not the one that was expected.
func (s *Stream) compare(want, found Event) {
	s.tb.Helper()
	if found.Name != want.Name {
		s.tb.Fatalf("bridgetest: %s: expected %s\nfound %s", s.url, want, found)
	}
	if why := match(want.Data, found.Data); why != "" {
		s.tb.Fatalf("bridgetest: %s: expected %s\nfound %s\n%s", s.url, want, found, why)
	}
}

// fail fails the test with what came before.
func (s *Stream) fail(expected string, err error) {
	s.tb.Helper()
	what := err.Error()
	switch {
	case errors.Is(err, io.EOF):
		what = "the stream ended"
	case errors.Is(err, io.ErrUnexpectedEOF):
		what = "the connection broke"
	}
	s.tb.Fatalf("bridgetest: %s: %s, but %s; events before: %s", s.url, expected, what, list(s.seen))
}
