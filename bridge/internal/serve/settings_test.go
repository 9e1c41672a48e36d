package serve

import (
	"runtime"
	"testing"
	"time"
	"weak"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/internal/frame"
	"github.com/grpcsse/grpcsse/bridge/internal/request"
)

func TestCallersOfAKindShareTheirSettings(t *testing.T) {
	r := newRig(t, config.Server{})
	defer r.close()
	one, other := routeTo(t, silent, nil), routeTo(t, silent, nil)
	plain := r.settingsFor(one, frame.Form{}, request.EventStream, false)
	for range 3 {
		assert.Same(t, plain, r.settingsFor(one, frame.Form{}, request.EventStream, false))
	}
	kinds := map[any]string{plain: "plain"}
	for name, s := range map[string]any{
		"another route":                       r.settingsFor(other, frame.Form{}, request.EventStream, false),
		"another form":                        r.settingsFor(one, frame.Form{Chunked: true}, request.EventStream, false),
		"another encoding":                    r.settingsFor(one, frame.Form{Encoding: frame.Gzip}, request.EventStream, false),
		"another format":                      r.settingsFor(one, frame.Form{}, request.Lines, false),
		"a request that must not be repeated": r.settingsFor(one, frame.Form{}, request.EventStream, true),
	} {
		assert.NotContains(t, kinds, s, name)
		kinds[s] = name
	}
	assert.Len(t, r.settings.kinds, len(kinds))
}

func TestTheSettingsFollowTheFormatAndTheRequest(t *testing.T) {
	r := newRig(t, config.Server{})
	defer r.close()
	rt := routeTo(t, silent, func(c *config.Route) {
		c.Event.Retry, c.Heartbeat, c.MaxAge, c.WriteTimeout = 3*time.Second, 7*time.Second, time.Hour, 5*time.Second
	})
	s := r.settingsFor(rt, frame.Form{Chunked: true}, request.EventStream, false)
	assert.Equal(t, frame.Form{Chunked: true}, s.Form)
	assert.False(t, s.Mute)
	assert.Equal(t, 3*time.Second, s.Retry)
	assert.Equal(t, 7*time.Second, s.Heartbeat)
	assert.Equal(t, time.Hour, s.MaxAge)
	assert.Equal(t, 5*time.Second, s.WriteTimeout)
	assert.Contains(t, string(s.AgeEnd.Frame), `"retry":true,"reason":"max_age"`)
	assert.Contains(t, string(s.DrainEnd.Frame), `"retry":true,"reason":"drain"`)

	once := r.settingsFor(rt, frame.Form{}, request.Lines, true)
	assert.True(t, once.Mute, "NDJSON has no comments")
	assert.Zero(t, once.Retry, "a client that must not repeat its request gets no reconnection time")
	assert.Contains(t, string(once.AgeEnd.Frame), `"retry":false`)
	assert.Contains(t, string(once.DrainEnd.Frame), `"retry":false`)

	by := time.Now().Add(time.Minute)
	r.drain.begin(by)
	assert.Equal(t, by, s.DrainBy())
	select {
	case <-s.Drain:
	default:
		t.Error("the settings know nothing of the drain")
	}
}

func TestSettingsOfAnEarlierGenerationAreForgotten(t *testing.T) {
	r := newRig(t, config.Server{})
	defer r.close()
	rt := routeTo(t, silent, nil)
	before := r.settingsFor(rt, frame.Form{}, request.EventStream, false)
	r.settingsFor(rt, frame.Form{}, request.Lines, false)
	for range 3 {
		r.routes.generation.Add(1)
		after := r.settingsFor(rt, frame.Form{}, request.EventStream, false)
		assert.NotSame(t, before, after, "a route may be used longer than its table, with settings of its own")
		assert.Len(t, r.settings.kinds, 1)
		before = after
	}
}

// A caller may find its route before the routes are rebuilt, and need its settings after that.
func TestACallerOfAnEarlierGenerationKeepsNoRoute(t *testing.T) {
	r := newRig(t, config.Server{})
	defer r.close()
	old := routeTo(t, silent, nil)
	r.routes.generation.Add(1)
	require.NotNil(t, r.settingsFor(old, frame.Form{}, request.EventStream, false))
	kept := weak.Make(old) // the test does not use the route after this line
	require.Eventually(t, func() bool { runtime.GC(); return kept.Value() == nil }, 10*time.Second, time.Millisecond)
	assert.Len(t, r.settings.kinds, 1)
}

// If a caller asked for the generation before it held the lock, it could remove the settings of a newer generation.
func TestTheGenerationIsAskedForWithTheLockHeld(t *testing.T) {
	r := newRig(t, config.Server{})
	defer r.close()
	asked := 0
	r.routes.asked = func() {
		asked++
		assert.False(t, r.settings.mu.TryLock(), "the lock is held")
	}
	r.settingsFor(routeTo(t, silent, nil), frame.Form{}, request.EventStream, false)
	assert.Equal(t, 1, asked)
}
