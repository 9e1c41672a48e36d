package fanout_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing/synctest"
	"time"

	"github.com/grpcsse/grpcsse/bridge/internal/fanout"
	"github.com/grpcsse/grpcsse/bridge/internal/reading"
)

// clusterMachine is several registries joined by an ideal cluster, which knows at once who owns the key. Its pages may be lost,
// and come twice or late.
type clusterMachine struct {
	plan      clusterPlan
	ctx       context.Context
	term      uint64
	owner     *machineReplica // nil where nobody owns the key
	replicas  []*machineReplica
	browsers  [4]browser
	published int
	runs      []uint64          // the term of each run; the first one stands for all catch-ups
	owned     map[string]uint64 // by event: the newest term whose owner had it when the term began
	blocks    map[string]string // by position id: the event that some browser had
	seen      *clusterCoverage
}

// machineReplica is one registry. A run is the time in which a replica reads the upstream without a break by the cluster.
type machineReplica struct {
	registry *fanout.Registry
	upstream *fakeUpstream
	seat     *scriptedSeat
	leads    bool // as far as the replica has been told
	alone    bool
	paused   bool // it is told nothing
	term     uint64
	run      int
	open     []*machineAttempt
	said     fanout.Place // behind the last page that was published
	inbox    []*fanout.Page
}

// machineAttempt is an upstream stream. Its messages are those behind sent.
type machineAttempt struct {
	*attempt

	run, sent int
}

// browser is a page of a user, which may be connected to a replica.
type browser struct {
	client  *client
	replica *machineReplica
	lastID  string
	last    int    // the newest message; unknown where the next one may be any
	term    uint64 // at least that of the newest message on this connection
}

const anyMessage = -1

func (m *clusterMachine) newReplica() *machineReplica {
	r := &machineReplica{registry: fanout.NewRegistry(m.ctx, fanout.Limits{}), upstream: newFakeUpstream()}
	r.registry.Cluster = enterer(func(s *scriptedSeat) {
		if m.owner == r {
			m.owner = nil
		}
		*r = machineReplica{registry: r.registry, upstream: r.upstream, seat: s, paused: r.paused}
	})
	if m.plan.weaken != nil {
		m.plan.weaken(r.registry)
	}
	return r
}

// enterer is a cluster that hands over each seat.
type enterer func(*scriptedSeat)

func (e enterer) Enter(_ string, m fanout.Member) fanout.Seat {
	s := &scriptedSeat{Member: m}
	e(s)
	return s
}

func (enterer) Name(key string) string { return key }

func (r *machineReplica) takesPart() bool { return r.seat != nil && !r.seat.left.Load() }

func (r *machineReplica) reads() bool { return r.takesPart() && (r.leads || r.alone) }

// elect gives the key to a replica that has subscribers.
func (m *clusterMachine) elect(r *machineReplica) {
	if !r.takesPart() || r.paused || !r.seat.local.Load() || m.owner == r && r.leads {
		return
	}
	m.term++
	m.owner = r
	if r.reads() {
		m.runs[r.run] = m.term // the reader goes on
	} else {
		m.beginRun(r)
	}
	r.term, r.leads, r.alone = m.term, true, false
	r.seat.wanted.Store(true)
	m.runs[r.run] = m.term
	r.seat.Lead(m.term)
	r.said = r.seat.Place()
	for _, e := range r.seat.Page(fanout.Place{}, testLimit).Events {
		m.owned[parsePiece(string(e.Block())).text] = m.term
	}
	m.seen.elected++
}

func (m *clusterMachine) beginRun(r *machineReplica) {
	r.run = len(m.runs)
	m.runs = append(m.runs, r.term)
}

// tell tells a replica that another one owns the key.
func (m *clusterMachine) tell(r *machineReplica) {
	if m.owner != nil && !m.owner.takesPart() {
		m.owner = nil
	}
	if !r.takesPart() || r.paused || m.owner == nil || m.owner == r {
		return
	}
	if r.leads {
		m.seen.deposed++
	}
	r.leads, r.alone = false, false
	r.seat.wanted.Store(false)
	r.seat.Follow()
}

func (m *clusterMachine) goAlone(r *machineReplica) {
	if r.takesPart() && !r.paused && !r.reads() {
		m.beginRun(r)
		r.alone = true
		r.seat.Alone()
	}
}

// publish has a replica that takes itself for the owner send what is new to all others.
func (m *clusterMachine) publish(r *machineReplica) {
	if !r.takesPart() || !r.leads {
		return
	}
	p := r.seat.Page(r.said, 40)
	r.said = p.Behind()
	for _, other := range m.replicas {
		if other != r && other.takesPart() {
			other.inbox = append(other.inbox, carried(p))
		}
	}
}

// deliver brings a replica a page of its inbox: the nth one, and perhaps once more later.
func (m *clusterMachine) deliver(r *machineReplica, n int, again bool) {
	if r.paused || !r.takesPart() || r.reads() || len(r.inbox) == 0 {
		return
	}
	n %= len(r.inbox)
	p := r.inbox[n]
	if !again {
		r.inbox = slices.Delete(r.inbox, n, n+1)
	}
	m.take(r, carried(p))
}

// take gives a page to a follower.
func (m *clusterMachine) take(r *machineReplica, p *fanout.Page) bool {
	if p.Term < r.term {
		m.seen.late++
	}
	r.term = max(r.term, p.Term)
	return r.seat.Take(p)
}

// pull has a follower ask the owner until it has everything.
func (m *clusterMachine) pull(r *machineReplica) error {
	owner := m.owner
	if r.paused || !r.takesPart() || r.reads() || owner == nil || owner == r || owner.paused || !owner.takesPart() {
		return nil
	}
	for range 100 {
		p := carried(owner.seat.Page(r.seat.Place(), 60))
		if more := p.More; m.take(r, p) && !more || !r.takesPart() {
			return nil
		}
	}
	return errors.New("the follower asks and asks")
}

// flow has the upstream of a replica bring what it has, whether the replica is paused or not.
func (m *clusterMachine) flow(r *machineReplica) error {
	if len(r.open) == 0 && m.plan.settings.CatchUps == 0 {
		after(time.Second) // an upstream that broke is opened again
	}
	for at := r.upstream.next(); at != nil; at = r.upstream.next() {
		a := &machineAttempt{attempt: at, run: r.run, sent: max(0, m.published-2)}
		if at.CatchingUp {
			a.run = 0
		}
		if at.HasCursor {
			a.sent, _ = strconv.Atoi(at.Cursor)
		}
		at.accept()
		r.open = append(r.open, a)
	}
	r.open = slices.DeleteFunc(r.open, func(a *machineAttempt) bool { return a.ctx.Err() != nil })
	for _, a := range slices.Clone(r.open) {
		for failed := false; a.sent < m.published && !failed; a.sent++ {
			failed = a.send(m.message(a.sent+1, a.run)) != nil
			if failed {
				a.end(reading.Broken, "broken")
			}
		}
	}
	return nil
}

// message is what the upstream sends: its number, the run by which it comes, and the term of that run when it comes. The term
// of the run may be higher later.
func (m *clusterMachine) message(seq, run int) string {
	term := m.runs[run]
	if run == 0 {
		term = 0 // a catch-up has no term
	}
	text := fmt.Sprintf("%d:%d:%d", seq, run, term)
	if m.plan.settings.HasID {
		text += fmt.Sprintf("#%d", seq)
	}
	return text
}

// breakUp breaks the upstream streams of a replica.
func (m *clusterMachine) breakUp(r *machineReplica) {
	for _, a := range r.open {
		a.end(reading.Broken, "broken")
	}
	r.open = nil
}

// kill has a replica die. Its browsers lose their connections.
func (m *clusterMachine) kill(i int) {
	r := m.replicas[i]
	if m.owner == r {
		m.owner = nil
	}
	for b := range m.browsers {
		if m.browsers[b].replica == r {
			m.leave(&m.browsers[b])
		}
	}
	r.registry.Close(closed())
	m.replicas[i] = m.newReplica()
}

func (m *clusterMachine) leave(b *browser) {
	if b.client != nil {
		b.client.Close()
		b.client, b.replica = nil, nil
	}
}

func (m *clusterMachine) join(b *browser, r *machineReplica) error {
	m.leave(b)
	s, err := r.registry.Join("key", from(b.lastID), func() (fanout.Settings, reading.Upstream) {
		return m.plan.settings, r.upstream
	})
	if err != nil {
		return err
	}
	b.client, b.replica, b.term = &client{Subscriber: s, lastID: b.lastID}, r, 0
	return nil
}

// read has a browser take what there is for it.
func (m *clusterMachine) read(b *browser) error {
	if b.client == nil {
		return nil
	}
	for {
		pieces, end := b.client.Peek(nil, 100)
		for _, p := range pieces {
			if err := m.note(b, b.client.textOf(string(p))); err != nil {
				return err
			}
		}
		b.client.Advance(len(pieces))
		if end != nil {
			m.seen.ended++
			m.leave(b)
			return nil
		}
		if len(pieces) == 0 || b.client.Drained() {
			return nil
		}
	}
}

// note checks something that a browser was given.
func (m *clusterMachine) note(b *browser, text string) error {
	b.lastID = b.client.lastID
	kind, _, notice := strings.Cut(text, ": ")
	switch {
	case notice && kind == "reset":
		m.seen.resets++
		b.last = anyMessage
		return nil
	case notice && kind == "cursor":
		b.last = m.messageOf(b.lastID)
		return nil
	case notice:
		return nil
	}
	var seq, run int
	var term uint64
	if _, err := fmt.Sscanf(text, "%d:%d:%d", &seq, &run, &term); err != nil {
		return fmt.Errorf("event %q: %w", text, err)
	}
	before, id := b.last, b.lastID
	b.last = seq
	switch {
	case before != anyMessage && seq != before+1:
		return fmt.Errorf("message %d follows message %d, and the browser was not told", seq, before)
	case max(m.runs[run], m.owned[text]) < b.term:
		return fmt.Errorf("message %s comes from no later term than %d, behind one of term %d", text, m.runs[run], b.term)
	case !m.plan.settings.HasID && m.blocks[id] != "" && m.blocks[id] != text:
		return fmt.Errorf("id %s stands for %s and for %s", id, m.blocks[id], text)
	}
	b.term, m.blocks[id] = max(b.term, term), text
	m.seen.events++
	return nil
}

// messageOf returns the message with an id, as far as a browser has had it.
func (m *clusterMachine) messageOf(id string) int {
	if m.plan.settings.HasID {
		seq, _ := strconv.Atoi(id)
		return seq
	}
	if text, ok := m.blocks[id]; ok {
		var seq int
		_, _ = fmt.Sscanf(text, "%d:", &seq)
		return seq
	}
	return anyMessage
}

// wait lets time pass. A catch-up takes silence for a sign that nothing is left to come, so where the route catches up, all
// replicas get what there is meanwhile.
func (m *clusterMachine) wait(d time.Duration) error {
	if m.plan.settings.CatchUps == 0 {
		after(d)
		return m.bring()
	}
	for _, r := range m.replicas {
		if r.paused {
			return nil
		}
	}
	for ; d > 0; d -= time.Second {
		for _, r := range m.replicas {
			if m.owner == nil || !m.owner.takesPart() {
				m.elect(r)
			}
		}
		for _, r := range m.replicas {
			m.tell(r)
		}
		if err := m.bring(); err != nil {
			return err
		}
		after(time.Second)
	}
	return m.bring()
}

// bring has all replicas get what there is.
func (m *clusterMachine) bring() error {
	for _, r := range m.replicas {
		if err := m.flow(r); err != nil {
			return err
		}
	}
	for _, r := range m.replicas {
		if err := m.pull(r); err != nil {
			return err
		}
	}
	return nil
}

// rest has the cluster do everything that is to be done.
func (m *clusterMachine) rest() error {
	for _, r := range m.replicas {
		if m.owner == nil || !m.owner.takesPart() {
			m.elect(r)
		}
	}
	for _, r := range m.replicas {
		if m.tell(r); r.seat != nil {
			r.seat.wanted.Store(r == m.owner)
		}
		if err := m.flow(r); err != nil {
			return err
		}
	}
	if err := m.wait(20 * time.Second); err != nil { // the longest backoff of an upstream that broke
		return err
	}
	for i := range m.browsers {
		if err := m.read(&m.browsers[i]); err != nil {
			return err
		}
	}
	return nil
}

// settle has the cluster come to rest, and checks that every browser gets the newest message.
func (m *clusterMachine) settle() error {
	for _, r := range m.replicas {
		r.paused = false
	}
	for range 6 { // an upstream that takes no cursor brings nothing when it is opened again
		m.published++
		if err := m.rest(); err != nil {
			return err
		}
	}
	for i, b := range m.browsers {
		if b.client != nil && b.last != m.published {
			return fmt.Errorf("browser %d has message %d of %d at rest", i, b.last, m.published)
		}
	}
	open := 0
	for _, r := range m.replicas {
		open += int(r.upstream.open.Load())
	}
	if open > 1 && m.plan.weaken == nil { // browsers show whether a rule is needed
		return fmt.Errorf("%d upstream streams are open at rest", open)
	}
	synctest.Wait()
	return nil
}
