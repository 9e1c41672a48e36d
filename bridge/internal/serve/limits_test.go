package serve

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"pgregory.net/rapid"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/request"
	"github.com/grpcsse/grpcsse/bridge/internal/route"
)

// callerAt is a request for a stream from an address, of the subject of a token.
func callerAt(address, subject string) *request.Request {
	r := get()
	r.RemoteAddr = address
	req := request.New(r)
	req.Subject = subject
	return req
}

// limited returns a route of a name with limits.
func limited(t *testing.T, name string, limits config.RouteLimits) *route.Route {
	t.Helper()
	return routeTo(t, unopened, func(r *config.Route) { r.Name, r.Limits = name, limits })
}

func TestWhichLimitTurnsACallerAway(t *testing.T) {
	const one, two = "203.0.113.1:80", "203.0.113.2:80"
	perClient, perSubject := config.Server{StreamsPerClient: 1}, config.Server{StreamsPerSubject: 1}
	type caller struct {
		address, subject string
		other            bool // opens another route
	}
	for name, tt := range map[string]struct {
		server      config.Server
		route       config.RouteLimits
		first, then caller
		want        ending.Limit
	}{
		"no limits":                   {first: caller{one, "a", false}, then: caller{one, "a", false}},
		"all streams":                 {server: config.Server{Streams: 1}, first: caller{one, "a", false}, then: caller{two, "b", true}, want: ending.Streams},
		"one client":                  {server: perClient, first: caller{one, "a", false}, then: caller{one, "b", true}, want: ending.StreamsPerClient},
		"two clients":                 {server: perClient, first: caller{one, "a", false}, then: caller{two, "a", false}},
		"one IPv6 network":            {server: perClient, first: caller{"[2001:db8::1]:1", "", false}, then: caller{"[2001:db8::2]:1", "", false}, want: ending.StreamsPerClient},
		"two IPv6 networks":           {server: perClient, first: caller{"[2001:db8::1]:1", "", false}, then: caller{"[2001:db8:0:1::1]:1", "", false}},
		"IPv4 and IPv4 in IPv6":       {server: perClient, first: caller{one, "", false}, then: caller{"[::ffff:203.0.113.1]:1", "", false}, want: ending.StreamsPerClient},
		"unknown addresses":           {server: perClient, first: caller{"@", "", false}, then: caller{"@", "", false}},
		"one subject":                 {server: perSubject, first: caller{one, "a", false}, then: caller{two, "a", true}, want: ending.StreamsPerSubject},
		"two subjects of a client":    {server: perSubject, first: caller{one, "a", false}, then: caller{one, "b", false}},
		"no subjects":                 {server: perSubject, first: caller{one, "", false}, then: caller{one, "", false}},
		"a route":                     {route: config.RouteLimits{Streams: 1}, first: caller{one, "a", false}, then: caller{two, "b", false}, want: ending.RouteStreams},
		"another route":               {route: config.RouteLimits{Streams: 1}, first: caller{one, "a", false}, then: caller{one, "a", true}},
		"a route for a client":        {route: config.RouteLimits{StreamsPerClient: 1}, first: caller{one, "a", false}, then: caller{one, "b", false}, want: ending.RouteStreamsPerClient},
		"a route for two clients":     {route: config.RouteLimits{StreamsPerClient: 1}, first: caller{one, "a", false}, then: caller{two, "a", false}},
		"another route of the client": {route: config.RouteLimits{StreamsPerClient: 1}, first: caller{one, "a", false}, then: caller{one, "a", true}},
		"a subject like a route": {
			server: perSubject, route: config.RouteLimits{Streams: 1}, first: caller{one, "other", false}, then: caller{two, "route", true},
		},
		"the first limit in order": {
			server: config.Server{Streams: 1, StreamsPerClient: 1, StreamsPerSubject: 1}, route: config.RouteLimits{Streams: 1, StreamsPerClient: 1},
			first: caller{one, "a", false}, then: caller{one, "a", false}, want: ending.StreamsPerClient,
		},
		"the second limit in order": {
			server: config.Server{Streams: 1, StreamsPerClient: 1, StreamsPerSubject: 1}, route: config.RouteLimits{Streams: 1, StreamsPerClient: 1},
			first: caller{one, "a", false}, then: caller{two, "a", false}, want: ending.StreamsPerSubject,
		},
		"the client's part of a route before the route": {
			server: config.Server{Streams: 1}, route: config.RouteLimits{Streams: 1, StreamsPerClient: 1},
			first: caller{one, "a", false}, then: caller{one, "b", false}, want: ending.RouteStreamsPerClient,
		},
		"a route before the bridge": {
			server: config.Server{Streams: 1}, route: config.RouteLimits{Streams: 1},
			first: caller{one, "a", false}, then: caller{two, "b", false}, want: ending.RouteStreams,
		},
	} {
		r := newRig(t, tt.server)
		routes := map[bool]*route.Route{false: limited(t, "route", tt.route), true: limited(t, "other", tt.route)}
		enter := func(c caller) (claims, *ending.Ending) {
			taken, end := r.enter(routes[c.other], callerAt(c.address, c.subject))
			if end == nil {
				r.drain.admitted.Done()
			}
			return taken, end
		}
		taken, end := enter(tt.first)
		require.Nil(t, end, name)
		again, end := enter(tt.then)
		if tt.want == ending.NoLimit {
			require.Nil(t, end, name)
			r.leave(again)
		} else {
			require.NotNil(t, end, name)
			assert.Equal(t, tt.want, end.Limit, name)
			assert.Equal(t, ending.ResourceExhausted, end.Code, name)
		}
		r.leave(taken)
		taken, end = enter(tt.then)
		require.Nil(t, end, "%s: the place was given back", name)
		r.leave(taken)
		assert.Zero(t, r.gate.open.Keys(), name)
		requireIdle(t, r)
		r.close()
	}
}

// Whichever limit turns a caller away, and in whatever order callers leave, the gate counts what is open and nothing else.
func TestNothingIsCountedThatIsNotOpen(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		draw := func(name string) int { return rapid.IntRange(0, 3).Draw(rt, name) }
		server := config.Server{StreamsPerClient: draw("per client"), StreamsPerSubject: draw("per subject"), Streams: 1 + draw("streams")}
		r := newRig(t, server)
		defer r.close()
		limits := config.RouteLimits{Streams: draw("route"), StreamsPerClient: draw("route per client")}
		routes := []*route.Route{limited(t, "a", limits), limited(t, "b", limits)}
		var open []claims
		for range rapid.IntRange(1, 40).Draw(rt, "steps") {
			if len(open) > 0 && rapid.Bool().Draw(rt, "leave") {
				i := rapid.IntRange(0, len(open)-1).Draw(rt, "which")
				r.leave(open[i])
				open = append(open[:i], open[i+1:]...)
				continue
			}
			address := rapid.SampledFrom([]string{"203.0.113.1:1", "203.0.113.2:1", "[2001:db8::1]:1", "@"}).Draw(rt, "address")
			subject := rapid.SampledFrom([]string{"", "x", "y"}).Draw(rt, "subject")
			taken, end := r.enter(rapid.SampledFrom(routes).Draw(rt, "route"), callerAt(address, subject))
			if end == nil {
				r.drain.admitted.Done()
				open = append(open, taken)
			}
		}
		want := map[counted]int{}
		for _, taken := range open {
			for _, c := range taken {
				want[c.Key]++
			}
		}
		if r.gate.open.Keys() != len(want) || r.drain.open != len(open) {
			rt.Fatalf("%d keys and %d streams are counted, expected %d and %d", r.gate.open.Keys(), r.drain.open, len(want), len(open))
		}
		for key, n := range want {
			if r.gate.open.Open(key) != n {
				rt.Fatalf("%+v: %d are counted, expected %d", key, r.gate.open.Open(key), n)
			}
		}
		for _, taken := range open {
			r.leave(taken)
		}
		if r.gate.open.Keys() != 0 {
			rt.Fatalf("%d keys are counted after all have left", r.gate.open.Keys())
		}
	})
}

// A request that ends in any way gives back what it has taken.
func TestEveryWayOutGivesThePlacesBack(t *testing.T) {
	gone := func() *http.Request {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		return get().WithContext(ctx)
	}
	head := func() *http.Request { return httptest.NewRequest(http.MethodHead, "/watch", nil) }
	unbound := func() *http.Request { return httptest.NewRequest(http.MethodGet, "/watch?after_sequence=x", nil) }
	for name, tt := range map[string]struct {
		to      upstream
		request func() *http.Request
	}{
		"a stream that ends":           {events(1, nil), get},
		"a stream of an EventSource":   {events(1, nil), eventSource},
		"a refusal":                    {events(0, status.Error(codes.NotFound, "")), get},
		"a refusal told as an event":   {events(0, status.Error(codes.NotFound, "")), eventSource},
		"a client that has left":       {silent, gone},
		"HEAD":                         {unopened, head},
		"a request that cannot bind":   {unopened, unbound},
		"a POST whose body is no JSON": {unopened, func() *http.Request { r := post(); r.Body = http.NoBody; r.ContentLength = 0; return r }},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, config.Server{StreamsPerClient: 1, Streams: 1})
				defer r.close()
				r.routes.leadTo(routeTo(t, tt.to, func(c *config.Route) { c.Limits = config.RouteLimits{Streams: 1, StreamsPerClient: 1} }))
				for range 3 {
					assert.NotEqual(t, http.StatusTooManyRequests, r.ask(tt.request()).Code)
					assert.Zero(t, r.gate.open.Keys())
					requireIdle(t, r)
				}
				assert.Empty(t, r.counts.limits)
			})
		})
	}
}

// A panic of the program's code around the handler is the one way out that no return passes. On HTTP/2 the code runs on another
// goroutine, and the panic reaches net/http's all the same.
func TestAPanicGivesThePlacesBack(t *testing.T) {
	for _, major := range []int{1, 2} {
		for name, at := range map[string]explosive{"in the header": {header: true}, "in a write": {}} {
			t.Run(fmt.Sprintf("HTTP/%d, %s", major, name), func(t *testing.T) {
				r := newRig(t, config.Server{StreamsPerClient: 1})
				defer r.close()
				r.routes.leadTo(routeTo(t, events(1, nil), nil))
				request := get()
				request.ProtoMajor = major
				at.recorder = recorder{httptest.NewRecorder()}
				defer func() {
					assert.Contains(t, fmt.Sprint(recover()), "middleware")
					assert.Zero(t, r.gate.open.Keys())
					requireIdle(t, r)
				}()
				r.ServeHTTP(&at, request)
			})
		}
	}
}

// explosive panics when the response begins, or when its body does.
type explosive struct {
	recorder

	header bool
}

func (e *explosive) WriteHeader(int) {
	if e.header {
		panic("middleware")
	}
}

func (e *explosive) Write([]byte) (int, error) { panic("middleware") }

func TestOpensOfAClientAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, config.Server{OpensPerClient: config.PerSecond(5)})
		defer r.close()
		r.routes.leadTo(routeTo(t, events(1, nil), nil))
		open := func(from string, asked int) (opened int) {
			for range asked {
				request := get()
				request.RemoteAddr = from
				if r.ask(request).Code == http.StatusOK {
					opened++
				}
			}
			return opened
		}
		assert.Equal(t, 25, open("203.0.113.1:1", 40), "opens of five seconds at once")
		assert.Equal(t, 25, open("203.0.113.2:1", 40), "another client has its own")
		time.Sleep(time.Second)
		assert.Equal(t, 5, open("203.0.113.1:2", 40))
		assert.Equal(t, 40, open("@", 40), "a client without an address is not counted")
		assert.Len(t, r.counts.limits, 15+15+35)
		assert.Equal(t, ending.OpensPerClient, r.counts.limits[0])

		r.Apply(config.Server{OpensPerClient: config.Rate{Count: 1, Per: time.Hour}})
		assert.Zero(t, open("203.0.113.1:1", 40), "another rate gives no client more")
		assert.Equal(t, 10, open("203.0.113.3:1", 40), "a slow rate allows ten at once")
		for range 3 {
			r.Apply(config.Server{OpensPerClient: config.Rate{Count: 1, Per: time.Hour}})
			assert.Zero(t, open("203.0.113.3:1", 40), "a reload that changes nothing gives no client more")
		}
		r.Apply(config.Server{OpensPerClient: config.PerSecond(5)})
		time.Sleep(time.Second)
		assert.Equal(t, 5, open("203.0.113.3:1", 40), "the bucket fills up at the new rate")
		r.Apply(config.Server{})
		assert.Equal(t, 40, open("203.0.113.1:1", 40))
	})
}

// What the bridge answers without a stream is no open: the 204 that closes an EventSource must always come.
func TestAnswersWithoutAStreamAreNoOpens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, config.Server{OpensPerClient: config.Rate{Count: 1, Per: time.Hour}})
		defer r.close()
		r.routes.leadTo(routeTo(t, events(1, nil), nil))
		ended := func() *http.Request { r := eventSource(); r.Header.Set("Last-Event-ID", "grpc-end"); return r }
		foreign := func() *http.Request { r := eventSource(); r.Header.Set("Origin", "https://other.example"); return r }
		for range 50 {
			require.Equal(t, http.StatusNoContent, r.ask(ended()).Code)
			require.Equal(t, http.StatusForbidden, r.ask(foreign()).Code)
		}
		assert.Equal(t, http.StatusOK, r.ask(get()).Code)
	})
}
