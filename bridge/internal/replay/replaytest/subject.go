package replaytest

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/internal/replay"
	"github.com/grpcsse/grpcsse/bridge/sse"
)

// Patience is how long the suite waits for what was appended to be seen.
const Patience = 10 * time.Second

// patience is shorter than Patience in the suite's own tests.
var patience = Patience

// T is the part of testing.T and rapid.T that the suite needs.
type T interface {
	require.TestingT
	Helper()
	Context() context.Context
}

// subject is a log under test.
type subject struct {
	Log

	t       T
	changed chan struct{} // holds a value after a call by Watch
	stop    func()
}

// newSubject opens a log in the epoch "e1", which is closed with the test.
func newSubject(t *testing.T, open func(replay.Bounds) Log, b replay.Bounds) *subject {
	t.Helper()
	s := watch(t, open(b))
	t.Cleanup(s.close)
	s.begin("e1")
	return s
}

func watch(t T, log Log) *subject {
	s := &subject{Log: log, t: t, changed: make(chan struct{}, 1)}
	s.stop = log.Watch(replay.WatcherFunc(func() {
		select {
		case s.changed <- struct{}{}:
		default:
		}
	}))
	return s
}

func (s *subject) close() {
	s.stop()
	s.Close()
}

// eventually waits until a condition holds. It looks again only when Watch has called, so it finds a log that does not call.
func (s *subject) eventually(what string, holds func() bool) {
	s.t.Helper()
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	for !holds() {
		select {
		case <-s.changed:
		case <-timeout.C:
			require.Fail(s.t, what+": not seen, or seen without a call by Watch")
		}
	}
}

// begin begins an epoch and waits until it is seen.
func (s *subject) begin(epoch string) {
	s.t.Helper()
	require.NoError(s.t, s.Begin(s.t.Context(), epoch))
	s.eventually("the epoch "+epoch, func() bool { return s.State().Epoch == epoch })
}

// append appends an event at the end and waits until it is seen.
func (s *subject) append(set ...func(*replay.Event)) *replay.Event {
	s.t.Helper()
	e := event(s.State().End(), set...)
	require.NoError(s.t, s.Append(s.t.Context(), e.Draft()))
	s.eventually("the event "+e.String(), func() bool { return s.State().Next > e.Offset })
	return e
}

// appendN appends that many events, whose ids are their offsets.
func (s *subject) appendN(n int) {
	s.t.Helper()
	for range n {
		s.append(func(e *replay.Event) { e.ID = fmt.Sprint(e.Offset) })
	}
}

// offsets returns those of the events that are held.
func (s *subject) offsets() []uint64 {
	s.t.Helper()
	events, err := s.Read(nil, s.State().Start(), 1<<20)
	require.NoError(s.t, err)
	var all []uint64
	for _, e := range events {
		all = append(all, e.Offset)
	}
	return all
}

// event returns an event at a position. Its data is that position.
func event(at replay.Position, set ...func(*replay.Event)) *replay.Event {
	return sized(at, 0, set...)
}

// sized is event with at least so many bytes of data.
func sized(at replay.Position, bytes int, set ...func(*replay.Event)) *replay.Event {
	name, _ := sse.SafeName("tick")
	block := sse.AppendHead(nil, name)
	data := len(block) - len("data: ")
	block = fmt.Appendf(block, `{"at":%q,"text":%q}`, at, strings.Repeat("x", bytes))
	e, err := replay.NewEvent(at, sse.AppendTail(block, sse.ID{}), data)
	if err != nil {
		panic(err) // an event of the suite's own making
	}
	for _, f := range set {
		f(e)
	}
	return e
}
