package serve

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/limit"
	"github.com/grpcsse/grpcsse/bridge/internal/request"
	"github.com/grpcsse/grpcsse/bridge/internal/route"
)

// visitOf admits a caller, as ServeHTTP does.
func visitOf(r *rig, rt *route.Route, req *request.Request, meanwhile func()) (*visit, *ending.Ending) {
	taken, end := r.enter(rt, req)
	if end != nil {
		return nil, end
	}
	defer r.drain.admitted.Done()
	meanwhile()
	return r.newVisit(rt, req, taken), nil
}

// A limit that a reload sets counts the streams that are open already.
func TestStreamsCountForALimitThatIsSetLater(t *testing.T) {
	const one, two = "203.0.113.1:80", "203.0.113.2:80"
	for name, tt := range map[string]struct {
		server        config.Server
		first         *request.Request
		refused, free *request.Request
		want          ending.Limit
	}{
		"streams_per_client": {
			config.Server{StreamsPerClient: 1}, callerAt(one, ""), callerAt(one, ""), callerAt(two, ""), ending.StreamsPerClient,
		},
		"streams_per_subject": {
			config.Server{StreamsPerSubject: 1}, callerAt(one, "a"), callerAt(two, "a"), callerAt(one, "b"), ending.StreamsPerSubject,
		},
		"streams": {config.Server{Streams: 2}, callerAt(one, "a"), nil, callerAt(two, "b"), ending.NoLimit},
	} {
		for _, inBetween := range []bool{false, true} { // whether the reload comes while the caller is admitted
			r := newRig(t, config.Server{})
			rt := limited(t, "route", config.RouteLimits{})
			v, end := visitOf(r, rt, tt.first, func() {
				if inBetween {
					r.Apply(tt.server)
				}
			})
			require.Nil(t, end, name)
			r.Apply(tt.server)
			r.Apply(tt.server) // counts nothing twice
			if tt.refused != nil {
				_, end = r.enter(rt, tt.refused)
				require.NotNil(t, end, "%s, %t", name, inBetween)
				assert.Equal(t, tt.want, end.Limit, name)
			}
			other, end := visitOf(r, rt, tt.free, func() {})
			require.Nil(t, end, name)
			other.cancel()
			r.Apply(config.Server{})
			r.Apply(tt.server)
			v.cancel()
			v, end = visitOf(r, rt, tt.first, func() {})
			require.Nil(t, end, "%s: the place was given back", name)
			v.cancel()
			assert.Zero(t, r.gate.open.Keys(), name)
			requireIdle(t, r)
			r.close()
		}
	}
}

// Whatever limits come and go with reloads, each limit that is set counts all streams that are open.
func TestEachLimitCountsAllOpenStreamsAfterAnyReloads(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r := newRig(t, config.Server{})
		defer r.close()
		to := limited(t, "route", config.RouteLimits{})
		server := config.Server{}
		change := func() {
			server = config.Server{
				StreamsPerClient:  rapid.IntRange(0, 3).Draw(rt, "per client"),
				StreamsPerSubject: rapid.IntRange(0, 3).Draw(rt, "per subject"),
			}
			r.Apply(server)
		}
		var open []*visit
		for range rapid.IntRange(1, 40).Draw(rt, "steps") {
			switch rapid.SampledFrom([]string{"open", "open", "leave", "change"}).Draw(rt, "step") {
			case "open":
				address := rapid.SampledFrom([]string{"203.0.113.1:1", "203.0.113.2:1", "@"}).Draw(rt, "address")
				subject := rapid.SampledFrom([]string{"", "x", "y"}).Draw(rt, "subject")
				v, end := visitOf(r, to, callerAt(address, subject), func() {
					if rapid.IntRange(0, 3).Draw(rt, "reload meanwhile") == 0 {
						change()
					}
				})
				if end == nil {
					open = append(open, v)
				}
			case "leave":
				if len(open) > 0 {
					i := rapid.IntRange(0, len(open)-1).Draw(rt, "which")
					open[i].cancel()
					open = slices.Delete(open, i, i+1)
				}
			case "change":
				change()
			}
			clients, subjects := map[counted]int{}, map[counted]int{}
			for _, v := range open {
				if client := limit.Client(v.client); client.IsValid() {
					clients[counted{of: ending.StreamsPerClient, client: client}]++
				}
				if v.subject != "" {
					subjects[counted{of: ending.StreamsPerSubject, subject: v.subject}]++
				}
			}
			for _, counts := range []struct {
				most int
				want map[counted]int
			}{{server.StreamsPerClient, clients}, {server.StreamsPerSubject, subjects}} {
				for key, want := range counts.want {
					if got := r.gate.open.Open(key); counts.most > 0 && got != want {
						rt.Fatalf("%v: %d streams are counted, expected %d", key, got, want)
					}
				}
			}
		}
		for _, v := range open {
			v.cancel()
		}
		if n := r.gate.open.Keys(); n != 0 {
			rt.Fatalf("%d keys are counted, and no stream is open", n)
		}
	})
}
