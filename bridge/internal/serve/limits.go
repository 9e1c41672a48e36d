package serve

import (
	"net/netip"
	"slices"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/limit"
	"github.com/grpcsse/grpcsse/bridge/internal/request"
	"github.com/grpcsse/grpcsse/bridge/internal/route"
)

// gate turns away callers that would have more open than a limit allows. The zero gate has nothing open. It is safe for
// concurrent use. These are all limits of what clients do, in the order in which they are checked:
//
//	limits.arrive      opens_per_client          before the caller is authenticated, which costs more than to count
//	gate.enter         streams_per_client        the limits of one caller come before those that callers share
//	                   streams_per_subject
//	                   streams_per_client of the route
//	                   streams of the route
//	drain.enter        streams
//	stream.Attach      shared_streams            only where the stream is a new one
//	upstream.Client    streams of the upstream   as soon as the upstream is called
//	                   waiting of the upstream
//	pump.Budget        queue_bytes               while the stream is open
//
// A request that is turned away takes nothing of the limits that were checked before, except for opens_per_client.
//
// A stream that was opened before a reload has set streams_per_client or streams_per_subject counts for it from then on. The streams
// of a route whose limits have changed end soon, so they need not be counted anew.
type gate struct {
	open limit.Counts[counted]
}

// counted is what a stream counts for. The fields that a limit does not look at are empty.
type counted struct {
	of          ending.Limit
	route, path string // two routes may have one name
	client      netip.Addr
	subject     string
}

// claims are the places that a stream has taken. Only limits that are set are counted, so most streams take none.
type claims []limit.Claim[counted]

// limits are the limits of callers under `server.limits`.
type limits struct {
	perClient, perSubject int
	opens                 *limit.Rates[netip.Addr] // nil for no limit
}

// burstTime is how long a client may save up opens, and leastBurst how many it may save up in any case: a page opens several
// streams at once, and so do all pages behind one address when their connections are cut together.
const (
	burstTime  = 5 // seconds
	leastBurst = 10
)

// newLimits returns the limits of a configuration. before are those that were in force until now: what clients have used of
// opens_per_client stays used, also where the rate is another one now.
func newLimits(server config.Server, before limits) limits {
	l := limits{perClient: server.StreamsPerClient, perSubject: server.StreamsPerSubject}
	r := server.OpensPerClient
	if r == (config.Rate{}) {
		return l
	}
	burst := max(int(min(float64(r.Count)/r.Per.Seconds()*burstTime, 1<<30)), leastBurst)
	if l.opens = before.opens; l.opens == nil {
		l.opens = limit.NewRates[netip.Addr](r.Count, r.Per, burst)
	} else {
		l.opens.Change(r.Count, r.Per, burst)
	}
	return l
}

// countCallers reports whether streams count for their callers.
func (l limits) countCallers() bool { return l.perClient > 0 || l.perSubject > 0 }

// arrive counts a request for a stream, before anything is done for it. A client whose address is not known is not counted.
func (l limits) arrive(req *request.Request) *ending.Ending {
	client := limit.Client(req.Client)
	if l.opens == nil || !client.IsValid() || l.opens.Allow(client) {
		return nil
	}
	return ending.AtLimit(ending.OpensPerClient)
}

// enter takes the places of a stream. Where it succeeds, leave must be called once.
func (g *gate) enter(l limits, rt *route.Route, req *request.Request) (claims, *ending.Ending) {
	var wanted claims
	want := func(most int, p counted) {
		if most > 0 {
			wanted = append(wanted, limit.Claim[counted]{Key: p, Most: most})
		}
	}
	client := limit.Client(req.Client)
	if client.IsValid() {
		want(l.perClient, counted{of: ending.StreamsPerClient, client: client})
	}
	if req.Subject != "" {
		want(l.perSubject, counted{of: ending.StreamsPerSubject, subject: req.Subject})
	}
	c := rt.Config
	if client.IsValid() {
		want(c.Limits.StreamsPerClient, counted{of: ending.RouteStreamsPerClient, route: c.Name, path: c.Path, client: client})
	}
	want(c.Limits.Streams, counted{of: ending.RouteStreams, route: c.Name, path: c.Path})
	if len(wanted) == 0 {
		return nil, nil
	}
	if full, ok := g.open.Take(wanted...); !ok {
		return nil, ending.AtLimit(wanted[full].Key.of)
	}
	return wanted, nil
}

// count has an open visit count for each limit of one caller that there is, also where the visit was admitted before the limit was
// set. No limit turns an open visit away. The caller holds the lock of the open visits, which guards the claims.
func (g *gate) count(v *visit, l limits) {
	client := limit.Client(v.client)
	if l.perClient > 0 && client.IsValid() {
		g.countAs(v, counted{of: ending.StreamsPerClient, client: client})
	}
	if l.perSubject > 0 && v.subject != "" {
		g.countAs(v, counted{of: ending.StreamsPerSubject, subject: v.subject})
	}
}

func (g *gate) countAs(v *visit, as counted) {
	if slices.ContainsFunc(v.claims, func(c limit.Claim[counted]) bool { return c.Key == as }) {
		return
	}
	place := limit.Claim[counted]{Key: as} // of any number
	g.open.Take(place)
	v.claims = append(v.claims, place)
}

// leave gives back the places of a stream.
func (g *gate) leave(taken claims) {
	if len(taken) > 0 {
		g.open.Give(taken...)
	}
}
