package pump

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/internal/ending"
)

// Where many clients leave at once, all streams are abandoned before the first connection is closed.
func TestACrowdThatLeavesIsAbandonedFirst(t *testing.T) {
	const crowd = 3 * departuresPerStep
	r, events := newRig(), new(tape)
	var guests []*guest
	for range crowd {
		guests = append(guests, r.join(events, &Settings{Comment: []byte(":\n")}))
	}
	stays := r.join(events, new(Settings))
	r.settle()
	for _, g := range guests {
		g.leave(nil)
	}
	r.once()
	for _, g := range guests {
		assert.Equal(t, 1, g.cur.abandoned)
		assert.Empty(t, g.closed)
		assert.Empty(t, g.outcomes)
	}
	events.put("news\n")
	closed := func() (n int) {
		for _, g := range guests {
			n += len(g.closed)
		}
		return n
	}
	for n := departuresPerStep; n <= crowd; n += departuresPerStep {
		next := r.once()
		assert.Equal(t, n, closed())
		assert.Equal(t, n < crowd, next <= r.at, "a step is due while connections are to be closed")
	}
	r.settle()
	for _, g := range guests {
		require.Len(t, g.outcomes, 1)
		assert.Equal(t, ending.ByGone, g.outcomes[0].Reason)
		assert.Equal(t, ":\n", g.text(), "nothing is written to a client that has left")
	}
	assert.Equal(t, "news\n", stays.text())
	assert.Zero(t, stays.cur.abandoned)
	assert.Equal(t, crowd, r.ended)
}

// Nothing that happens to a client after it has left changes how its stream ends, and nothing more is written to it.
func TestAClientThatHasLeftNeedsNothing(t *testing.T) {
	for name, tt := range map[string]struct{ before, after func(r *rig, g *guest) }{
		"its heartbeat is due": {before: func(r *rig, _ *guest) { r.at += 15*time.Second + resolution }},
		"its end is due":       {before: func(r *rig, _ *guest) { r.at += time.Hour + resolution }},
		"it waits for a visit": {before: func(r *rig, g *guest) {
			for range 2 * writesPerVisit {
				g.cur.put(strings.Repeat("x", 100<<10))
			}
			r.once()
			require.Equal(t, 1, r.line.len())
		}},
		"events": {after: func(_ *rig, g *guest) { g.cur.put("more\n") }},
		"it lags far behind": {
			before: func(r *rig, g *guest) {
				g.room, g.cur.slack = 0, 1
				g.cur.put("one\n", "two\n", "three\n")
				r.once()
			},
			after: func(r *rig, g *guest) {
				r.at += time.Second
				g.cur.put("four\n")
			},
		},
		"words":                {after: func(_ *rig, g *guest) { g.control.Say([]byte("word\n")) }},
		"an order":             {after: func(_ *rig, g *guest) { g.control.EndAt(time.Now(), &End{Ending: because("revoked")}) }},
		"words before":         {before: func(_ *rig, g *guest) { g.control.Say([]byte("word\n")) }},
		"it can be written to": {after: func(_ *rig, g *guest) { g.setRoom(-1) }},
		"it leaves again":      {after: func(_ *rig, g *guest) { g.leave(nil) }},
		"a drain": {after: func(r *rig, _ *guest) {
			r.inbox.put(func(m *mail) { m.draining, m.drain = true, 0 })
		}},
		"the loop closes": {after: func(r *rig, _ *guest) { r.inbox.put(func(m *mail) { m.closing = true }) }},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig()
			g := r.join(new(tape), &Settings{
				Comment: []byte(":\n"), Heartbeat: 15 * time.Second, WriteTimeout: 10 * time.Second, MaxAge: time.Hour,
			})
			var others []*guest // leave before it, so it is not forgotten in the next steps
			for range 2 * departuresPerStep {
				others = append(others, r.join(new(tape), new(Settings)))
			}
			r.settle()
			for _, other := range others {
				other.leave(nil)
			}
			if tt.before != nil {
				tt.before(r, g)
			}
			text := g.text()
			g.leave(syscall.ETIMEDOUT)
			r.once()
			g.fault = nil // the kernel tells it once
			if tt.after != nil {
				tt.after(r, g)
			}
			r.settle()
			require.Len(t, g.outcomes, 1)
			assert.ErrorIs(t, g.outcomes[0].Err, syscall.ETIMEDOUT)
			assert.Nil(t, g.outcomes[0].End)
			assert.Equal(t, []closing{plainly}, g.closed)
			assert.Equal(t, text, g.text())
			assert.Equal(t, 1, g.cur.abandoned)
		})
	}
}

// A client that has left may be forgotten for another reason before its connection is closed, and its slot may be used again.
func TestAClientThatHasLeftIsForgottenOnce(t *testing.T) {
	r, events := newRig(), new(tape)
	g := r.join(events, new(Settings))
	r.settle()
	g.leave(nil)
	r.once()
	require.Equal(t, 1, r.departures.len())
	p := r.departures.items[r.departures.head].p
	r.finish(p, p.outcome(ending.BySlow, nil), atOnce)
	other := r.join(events, new(Settings))
	r.settle()
	assert.Len(t, g.outcomes, 1)
	assert.Len(t, g.closed, 1)
	assert.Empty(t, other.closed)
	assert.Zero(t, r.departures.len())
}
