package fanout

import (
	"context"

	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/reading"
)

// Lead implements [Member].
func (m *member) Lead(term uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.left.Load() {
		m.term = max(m.term, term)
		m.read()
	}
}

// Alone implements [Member].
func (m *member) Alone() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.left.Load() {
		m.read()
	}
}

// read begins to read the upstream, unless it is read already. The lock is held.
func (m *member) read() {
	if m.turn != nil || m.over.Load() {
		return
	}
	ctx, cancel := context.WithCancelCause(m.stream.registry.ctx)
	t := &turn{cancel: cancel}
	t.before.Store(m.newest.Load())
	t.reader.Add(1)
	joined := m.joined
	started := m.stream.registry.start(func() {
		defer t.reader.Done()
		defer cancel(nil)
		m.await(joined)
		if before := t.before.Load(); before != nil { // the upstream is read by one reader at a time
			before.reader.Wait()
			t.before.Store(nil)
		}
		if ctx.Err() == nil { // the stream may have ended before the reader was on
			m.run(ctx, t)
		}
	})
	if !started { // the registry is closed
		cancel(nil)
		return
	}
	m.newest.Store(t)
	m.turn, m.joint = t, joint{}
	if m.over.Load() { // the stream has ended meanwhile
		m.cancelTurns()
	}
	m.stream.note(false)
}

// await waits until the first subscriber is there.
func (m *member) await(joined <-chan struct{}) {
	if joined == nil {
		return
	}
	<-joined
	m.mu.Lock()
	defer m.mu.Unlock()
	m.joined = nil
}

// run reads the upstream until the turn is over or the stream ends.
func (m *member) run(ctx context.Context, t *turn) {
	owner := &leader{member: m, turn: t, recorder: recorder{stream: m.stream, into: m.stream.registry.appender(m.stream.log)}}
	reader := m.stream.reader(m.upstream, owner)
	reader.Persistent = owner.begin(ctx)
	end := reader.Run(ctx)
	m.mu.Lock()
	mine := owner.leads()
	if mine && ctx.Err() == nil {
		m.keepLast(&end)
	}
	m.mu.Unlock()
	if mine {
		m.stream.registry.end(m.stream, &end)
	}
}

// leader is the recorder of a replica that reads the upstream for a cluster. When its turn is over, nothing that its reader
// brings has an effect.
type leader struct {
	recorder recorder
	member   *member
	turn     *turn
	again    bool // the upstream has accepted a stream in an earlier turn
}

var _ reading.Owner = (*leader)(nil)

// leads reports whether the turn is not over. The member's lock is held.
func (l *leader) leads() bool {
	m := l.member
	return m.turn == l.turn || m.stream.registry.weak.byPosition && l.turn == m.newest.Load()
}

// begin has the recorder go on at the end of the log. It reports whether the upstream has accepted a stream before, here or in
// another replica: then a fault of the upstream does not end the stream.
func (l *leader) begin(ctx context.Context) (again bool) {
	m := l.member
	m.mu.Lock()
	defer m.mu.Unlock()
	if !l.leads() {
		return false
	}
	l.recorder.goOn()
	if l.recorder.next.Epoch == "" {
		l.recorder.start(ctx)
	}
	m.stream.mu.Lock()
	defer m.stream.mu.Unlock()
	l.again = m.stream.accepted
	return l.again
}

// whileLeading calls do while the turn cannot end, unless it is over.
func (l *leader) whileLeading(do func()) {
	l.member.mu.Lock()
	defer l.member.mu.Unlock()
	if l.leads() {
		do()
	}
}

// Next implements [reading.Owner].
func (l *leader) Next(ctx context.Context, reopening bool) (a reading.Attempt) {
	l.whileLeading(func() { a = l.recorder.Next(ctx, reopening || l.again) })
	return a
}

// CursorRefused implements [reading.Owner].
func (l *leader) CursorRefused(ctx context.Context) {
	l.whileLeading(func() { l.recorder.CursorRefused(ctx) })
}

// Abandoned implements [reading.Owner]. A replica without subscribers does not open the upstream again for others: it gives up
// the key, so that a replica leads that has the credentials of a subscriber.
func (l *leader) Abandoned() (yes bool) {
	yes = true
	l.whileLeading(func() { yes = l.recorder.Abandoned() })
	return yes
}

// Reopened implements [reading.Owner].
func (l *leader) Reopened(by ending.Code) { l.whileLeading(func() { l.recorder.Reopened(by) }) }

// Stale implements [reading.Owner].
func (l *leader) Stale(by ending.Code) { l.whileLeading(func() { l.recorder.Stale(by) }) }

// Live implements [reading.Owner].
func (l *leader) Live() { l.whileLeading(l.recorder.Live) }

// Opened implements [reading.Sink].
func (l *leader) Opened() { l.whileLeading(l.recorder.Opened) }

// Accepted implements [reading.Sink]. A gap that began under another owner is over.
func (l *leader) Accepted(header reading.Header) {
	l.whileLeading(func() {
		l.recorder.Accepted(header)
		l.member.stream.setStale(false, ending.OK)
	})
}

// Event implements [reading.Sink]. The event is in the log before a wait for the publishing.
func (l *leader) Event(ctx context.Context, e *reading.Event) error {
	if err := l.append(ctx, e); err != nil {
		return err
	}
	l.member.outlet.wait(ctx, l.member.stream.log)
	return nil
}

func (l *leader) append(ctx context.Context, e *reading.Event) error {
	l.member.mu.Lock()
	defer l.member.mu.Unlock()
	if !l.leads() {
		return errDeposed
	}
	return l.recorder.Event(ctx, e)
}

// setStale begins or ends a gap, unless subscribers are told so already.
func (st *stream) setStale(stale bool, by ending.Code) {
	st.mu.Lock()
	told := st.gap.told != 0
	same := told == stale && (!stale || st.gap.by == by)
	st.mu.Unlock()
	switch {
	case same:
	case stale:
		st.stale(by)
	default:
		st.live()
	}
}
