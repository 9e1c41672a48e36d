package serve

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/grpcsse/grpcsse/bridge/config"
)

// A request may find a route just before a reload retires it. Its stream ends as all others of the route do.
func TestAStreamOfARetiredRouteEnds(t *testing.T) {
	for name, tt := range map[string]struct {
		before, after bool // when the route is retired, from the view of the request
		other         bool // another route is retired
		ends          bool
	}{
		"retired before the stream is counted": {before: true, ends: true},
		"retired while the stream is open":     {after: true, ends: true},
		"another route is retired":             {other: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, config.Server{})
				rt, other := routeTo(t, silent, nil), routeTo(t, silent, nil)
				r.routes.leadTo(rt)
				by := time.Now().Add(time.Minute)
				if tt.before {
					rt.Edition.Retire(by)
				}
				answered := make(chan string, 1)
				go func() { answered <- r.ask(eventSource()).Body.String() }()
				synctest.Wait()
				switch {
				case tt.after:
					rt.Edition.Retire(by)
				case tt.other:
					other.Edition.Retire(by)
				}
				if !tt.before { // otherwise the stream was not among those that the reload has ended
					r.EndRetired(by)
				}
				time.Sleep(2 * time.Minute)
				synctest.Wait()
				assert.Equal(t, tt.ends, len(answered) == 1)
				if len(answered) == 0 { // also where it should have ended: the test must not hang then
					r.drain.begin(time.Now())
				}
				text := <-answered
				assert.Contains(t, text, `"retry":true,"reason":"drain"`)
				assert.Equal(t, tt.ends, strings.Contains(text, "the configuration of the route has changed"))
				r.close()
			})
		})
	}
}
