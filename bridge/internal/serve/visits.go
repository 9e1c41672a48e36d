package serve

import (
	"cmp"
	"crypto/hmac"
	cryptorand "crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"iter"
	"math/rand/v2"
	"net/netip"
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
	mu    sync.Mutex
	all   []*visit // in no order
	begun uint64   // how many visits were added
}

func (o *visits) add(v *visit) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.begun++
	o.all = append(o.all, v)
	v.number, v.place = o.begun, int32(len(o.all))
}

// remove removes a visit. It does nothing for one that is not listed.
func (o *visits) remove(v *visit) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if v.place == 0 {
		return
	}
	last := len(o.all) - 1
	moved := o.all[last]
	o.all[v.place-1], moved.place = moved, v.place
	o.all[last] = nil
	o.all = o.all[:last]
	v.place = 0
	if cap(o.all) > leastVisits && len(o.all) < cap(o.all)/4 {
		o.all = slices.Clip(slices.Clone(o.all)) // after many visits have ended, their places take no memory
	}
}

// each calls do for each of the visits. No visit is added or removed meanwhile.
func (o *visits) each(do func(*visit)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, v := range o.all {
		do(v)
	}
}

// ifOpen calls do where a visit is listed. It is not removed meanwhile.
func (o *visits) ifOpen(v *visit, do func(*visit)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if v.place != 0 {
		do(v)
	}
}

// leastVisits is how many places are kept, however few visits are open.
const leastVisits = 1024

// list returns the visits that are open now, in no order.
func (o *visits) list() []*visit {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.all)
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

// addVisit adds a visit. What a reload has changed since the caller was admitted applies to the visit too: if the route was
// retired, the stream of the visit ends, and if a limit was set, the visit counts for it.
func (h *Handler) addVisit(v *visit) {
	h.open.add(v)
	if now := h.server.Load().limits; now.countCallers() {
		h.open.ifOpen(v, func(v *visit) { h.gate.count(v, now) })
	}
	if by, retired := v.rt.Edition.Retired(); retired {
		endRetired(by, []*visit{v})
	}
}

func endRetired(by time.Time, visits []*visit) {
	endEach(ending.Refuse(ending.Unavailable, ending.ByDrain, "the configuration of the route has changed"),
		max(0, time.Until(by)), visits)
}

// OpenStream describes a stream of a caller that is open.
type OpenStream struct {
	Number uint64 // streams are numbered in the order in which their callers were admitted
	Route  string
	Client netip.Addr // invalid where it is unknown
	Began  time.Time
	// Key is a digest that the callers of one shared stream have in common, and "" for a private stream. In a cluster it is the
	// cluster's name of the stream, otherwise a digest of this process.
	Key string
}

// Streams yields the open streams whose number is over after, in the order of their numbers. It takes a copy of the list at the
// beginning, so a stream that ends meanwhile may still be yielded.
func (h *Handler) Streams(after uint64) iter.Seq[OpenStream] {
	return func(yield func(OpenStream) bool) {
		open := slices.DeleteFunc(h.open.list(), func(v *visit) bool { return v.number <= after })
		slices.SortFunc(open, func(a, b *visit) int { return cmp.Compare(a.number, b.number) })
		for _, v := range open {
			if !v.attached.Load() {
				continue
			}
			s := OpenStream{Number: v.number, Route: v.rt.Config.Name, Client: v.client, Began: v.control.Began}
			if key := v.sub.Key(); key != "" {
				s.Key = h.nameOf(key)
			}
			if !yield(s) {
				return
			}
		}
	}
}

// nameOf returns a text for a key of a shared stream that tells nothing of it.
func (h *Handler) nameOf(key string) string {
	if name := h.streams.NameOf(key); name != "" {
		return name
	}
	return h.digest.of(key)
}

// digest makes digests of keys that say nothing about the keys. Its secret is of this process, so a digest cannot be compared
// with a guess of the key, which may hold credentials.
type digest struct {
	once   sync.Once
	secret [sha256.BlockSize]byte
}

// digestBytes is the length of a digest, which distinguishes far more streams than a process can have.
const digestBytes = 8

func (d *digest) of(key string) string {
	d.once.Do(func() { _, _ = cryptorand.Read(d.secret[:]) }) // never fails, see its documentation
	mac := hmac.New(sha256.New, d.secret[:])
	mac.Write([]byte(key))
	return hex.EncodeToString(mac.Sum(nil)[:digestBytes])
}
