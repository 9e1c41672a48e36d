package fanout_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/internal/backoff"
	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/fanout"
	"github.com/grpcsse/grpcsse/bridge/internal/pump"
	"github.com/grpcsse/grpcsse/bridge/internal/reading"
	"github.com/grpcsse/grpcsse/bridge/internal/replay"
)

// testLimit is about how many bytes a peek gets: many events.
const testLimit = 1 << 20

// fakeUpstream is an upstream whose streams the test plays. Each attempt waits for what the test tells it to do.
type fakeUpstream struct {
	attempts chan *attempt
	open     atomic.Int32 // how many streams are open now
}

// attempt is one upstream stream.
type attempt struct {
	reading.Attempt
	ctx  context.Context
	sink reading.Sink
	acts chan func() *reading.Result // the reading goroutine calls each; a result that is not nil ends the stream

	accepted bool // set by a test
	brought  int  // how many events; set by a test
}

func newFakeUpstream() *fakeUpstream {
	return &fakeUpstream{attempts: make(chan *attempt, 100)}
}

func (u *fakeUpstream) Run(ctx context.Context, a reading.Attempt, sink reading.Sink) reading.Result {
	u.open.Add(1)
	defer u.open.Add(-1)
	ctx, cancel := context.WithCancel(ctx) // do waits for its end where the stream has ended
	defer cancel()
	at := &attempt{Attempt: a, ctx: ctx, sink: sink, acts: make(chan func() *reading.Result)}
	sink.Opened()
	u.attempts <- at
	for {
		select {
		case <-ctx.Done():
			return result(reading.Broken, "cancelled")
		case act := <-at.acts:
			if e := act(); e != nil {
				return *e
			}
		}
	}
}

// next returns the newest attempt that no call of next has returned, or nil.
func (u *fakeUpstream) next() *attempt {
	synctest.Wait()
	select {
	case a := <-u.attempts:
		return a
	default:
		return nil
	}
}

func result(fate reading.Fate, reason ending.Reason) reading.Result {
	return resultOf(fate, because(reason))
}

func resultOf(fate reading.Fate, e *ending.Ending) reading.Result {
	return reading.Result{Fate: fate, End: pump.End{Ending: e, Frame: []byte("event: grpc-status\ndata: {}\n\n")}}
}

// because returns an ending with a reason, for tests to which only the reason matters.
func because(reason ending.Reason) *ending.Ending {
	return &ending.Ending{Code: ending.Unavailable, Reason: reason}
}

// closed returns the end with which a test closes a registry.
func closed() pump.End { return pump.End{Ending: because("closed")} }

// do has the reading goroutine do something, and waits until all goroutines are idle.
func (a *attempt) do(act func() *reading.Result) {
	select {
	case a.acts <- act:
	case <-a.ctx.Done():
	}
	synctest.Wait()
}

func (a *attempt) accept() {
	a.do(func() *reading.Result { a.sink.Accepted(reading.Header{"key": {"value"}}); return nil })
}

func (a *attempt) end(fate reading.Fate, reason ending.Reason) { a.endAs(fate, because(reason)) }

func (a *attempt) endAs(fate reading.Fate, e *ending.Ending) {
	a.do(func() *reading.Result { r := resultOf(fate, e); return &r })
}

// endInGoodOrder ends the upstream stream without an error, on a stream that opens the upstream again then.
func (a *attempt) endInGoodOrder() {
	a.endAs(reading.Broken, &ending.Ending{Code: ending.OK, Reason: "ok"})
}

// send has the upstream send events. Each is written "text", "text~subject", "text#id", "text@key", or "text!" for one with a mark;
// the parts stand in this order.
func (a *attempt) send(events ...string) (err error) {
	a.do(func() *reading.Result {
		for _, e := range events {
			err = errors.Join(err, a.sink.Event(a.ctx, eventOf(e)))
		}
		return nil
	})
	return err
}

func eventOf(text string) *reading.Event {
	text, mark := strings.CutSuffix(text, "!")
	text, key, _ := strings.Cut(text, "@")
	text, id, _ := strings.Cut(text, "#")
	text, subject, _ := strings.Cut(text, "~")
	return &reading.Event{Block: []byte("data: " + text), ID: []byte(id), Key: []byte(key), Subject: []byte(subject), Mark: mark}
}

// world is a registry with one upstream behind one key.
type world struct {
	t        *testing.T
	registry *fanout.Registry
	upstream *fakeUpstream
	settings fanout.Settings
	key      string
	opens    int
	clients  []*client
}

func newWorld(t *testing.T, r *fanout.Registry, s fanout.Settings) *world {
	return &world{t: t, registry: r, upstream: newFakeUpstream(), settings: withDefaults(s), key: "key"}
}

// inWorld runs a test in fake time. A goroutine that still runs when the test returns fails the test.
func inWorld(t *testing.T, s fanout.Settings, test func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, fanout.NewRegistry(t.Context(), fanout.Limits{}), s)
		test(w)
		w.close()
	})
}

// close closes every client, and checks that no stream is left.
func (w *world) close() {
	for _, c := range w.clients {
		c.Close()
	}
	w.registry.Close(pump.End{Ending: because("closed")})
	require.Zero(w.t, w.registry.Streams())
	require.Zero(w.t, w.registry.Bytes())
	require.Zero(w.t, w.upstream.open.Load())
}

func withDefaults(s fanout.Settings) fanout.Settings {
	s.Slow = func() pump.End { return pump.End{Ending: because("slow")} }
	if s.Bounds == (replay.Bounds{}) {
		s.Bounds = replay.Bounds{Events: 100}
	}
	if s.Backoff == (backoff.Policy{}) {
		s.Backoff = backoff.Policy{Base: 100 * time.Millisecond, Max: 10 * time.Second}
	}
	if s.Linger == 0 {
		s.Linger = 10 * time.Second
	}
	return s
}

// join subscribes to the world's stream.
func (w *world) join(n fanout.Newcomer) *client {
	w.t.Helper()
	s, err := w.registry.Join(w.key, n, func() (fanout.Settings, reading.Upstream) {
		w.opens++
		return w.settings, w.upstream
	})
	require.NoError(w.t, err)
	c := &client{Subscriber: s}
	w.clients = append(w.clients, c)
	return c
}

// live returns a subscriber of a stream that the upstream has accepted, and the upstream's side of it.
func (w *world) live() (*client, *attempt) {
	w.t.Helper()
	c := w.join(fanout.Newcomer{})
	up := w.upstream.next()
	require.NotNil(w.t, up)
	up.accept()
	return c, up
}

// newest returns the last new attempt. The attempts before it break.
func (w *world) newest() *attempt {
	w.t.Helper()
	for range 100 {
		if a := w.upstream.next(); a != nil {
			return a
		}
		after(100 * time.Millisecond)
	}
	w.t.Fatal("the upstream is not opened any more")
	return nil
}

// after lets time pass.
func after(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// from returns a newcomer with an id after which it goes on.
func from(id string) fanout.Newcomer {
	return fanout.Newcomer{LastEventID: id}
}

// client reads what a subscriber gets.
type client struct {
	*fanout.Subscriber
	lastID string
}

// Overdue reports whether a client is overdue that has taken all that it was given and now takes nothing.
func (c *client) Overdue() bool { return c.Subscriber.Overdue(0, true) }

// read returns everything that the client can read now: each event as its text, each notice as "name: text", the end as "end:
// reason".
func (c *client) read() (got []string) {
	for {
		batch, more := c.readOnce()
		got = append(got, batch...)
		if !more {
			return got
		}
	}
}

// readOnce returns what one Peek gives the client, and reports whether there may be more.
func (c *client) readOnce() (got []string, more bool) {
	pieces, end := c.Peek(nil, testLimit)
	for _, p := range pieces {
		got = append(got, c.textOf(string(p)))
	}
	c.Advance(len(pieces))
	if end != nil {
		return append(got, "end: "+string(end.Ending.Reason)), false
	}
	return got, len(pieces) > 0 && !c.Drained()
}

// textOf returns the short form of a block, and remembers its id.
func (c *client) textOf(block string) string {
	text := ""
	for line := range strings.Lines(block) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch name {
		case "event":
			text = strings.TrimPrefix(value, "grpc-") + ": "
		case "data":
			text += dataInShort(text, value)
		case "id":
			c.lastID = value
		case strings.TrimSuffix(line, "\n"): // of NDJSON
			text += name
		}
	}
	return text
}

// dataInShort returns the short form of the data of a block. For a notice this is the part that differs between notices.
func dataInShort(notice, data string) string {
	var parts struct {
		Reason string          `json:"reason"`
		ID     json.RawMessage `json:"last_event_id"`
		Status string          `json:"status"`
	}
	switch notice {
	case "reset: ", "stale: ", "live: ":
		if err := json.Unmarshal([]byte(data), &parts); err != nil {
			return err.Error()
		}
	}
	switch notice {
	case "reset: ":
		return parts.Reason + " " + string(parts.ID)
	case "stale: ", "live: ":
		return parts.Status
	}
	return data
}

// resetOf returns the short form of a reset.
func resetOf(reason string, c *client) string { return fmt.Sprintf("reset: %s %q", reason, c.lastID) }
