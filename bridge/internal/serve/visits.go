package serve

import (
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/pump"
	"github.com/grpcsse/grpcsse/bridge/internal/route"
)

// visits are the open visits of a handler, from the moment at which the caller is admitted. The zero visits is ready for use. It
// is safe for concurrent use.
type visits struct {
	mu  sync.Mutex
	all map[*visit]struct{}
}

func (o *visits) add(v *visit) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.all == nil {
		o.all = make(map[*visit]struct{})
	}
	o.all[v] = struct{}{}
}

func (o *visits) remove(v *visit) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.all, v)
}

// list returns the visits that are open now, in no order.
func (o *visits) list() []*visit {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Collect(maps.Keys(o.all))
}

// endEach ends each of the visits with e, at a random moment within the given time. Visits of one route share the rendered
// ending.
func endEach(e *ending.Ending, within time.Duration, chosen []*visit) {
	rendered := map[visitKind]*pump.End{}
	now := time.Now()
	for _, v := range chosen {
		kind := visitKind{v.rt, v.once}
		end := rendered[kind]
		if end == nil {
			of := v.rt.End(v.once, e)
			end = &of
			rendered[kind] = end
		}
		v.control.EndAt(now.Add(time.Duration(rand.Float64()*float64(within))), end)
	}
}

// visitKind is what the rendering of an ending depends on.
type visitKind struct {
	rt   *route.Route
	once bool
}

// Shed ends a share of the open streams, between 0 and 1. The streams are chosen at random, and each ends at a random moment
// within the given time. The clients are told to come back. Shed returns how many streams it ends. It does not wait for them.
func (h *Handler) Shed(share float64, within time.Duration) int {
	open := h.open.list()
	rand.Shuffle(len(open), func(i, j int) { open[i], open[j] = open[j], open[i] })
	n := int(share*float64(len(open)) + 0.5)
	open = open[:min(max(n, 0), len(open))]
	endEach(ending.Refuse(ending.Unavailable, ending.ByShed, "the stream moves to another replica"), within, open)
	return len(open)
}

// EndRetired ends the streams of the routes whose edition was retired with the time by. Each ends at a random moment before that,
// and its client is told to come back. EndRetired does not wait for them.
func (h *Handler) EndRetired(by time.Time) {
	endRetired(by, slices.DeleteFunc(h.open.list(), func(v *visit) bool {
		at, retired := v.rt.Edition.Retired()
		return !retired || !at.Equal(by)
	}))
}

// addVisit adds a visit. If a reload has retired the route since the route was found, the stream of the visit ends too.
func (h *Handler) addVisit(v *visit) {
	h.open.add(v)
	if by, retired := v.rt.Edition.Retired(); retired {
		endRetired(by, []*visit{v})
	}
}

func endRetired(by time.Time, visits []*visit) {
	endEach(ending.Refuse(ending.Unavailable, ending.ByDrain, "the configuration of the route has changed"),
		max(0, time.Until(by)), visits)
}
