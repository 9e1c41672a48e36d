package limit

import (
	"container/list"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// keptRates is how many keys a [Rates] remembers. Each takes about 300 bytes.
const keptRates = 1 << 16

// Rates bounds how often something may happen for each key. Its methods may be called concurrently.
//
// A key has a bucket of places, which fills up at the rate. A key whose bucket is full again is forgotten, since a new bucket is
// full too. Above [keptRates] keys, the key that has not come for the longest time is forgotten, although its bucket may not be
// full: a flood from so many addresses is not bounded by a rate for each address.
type Rates[K comparable] struct {
	mu     sync.Mutex
	every  rate.Limit
	burst  int
	fills  time.Duration       // how long it takes to fill an empty bucket
	byKey  map[K]*list.Element // of *bucket[K]
	recent list.List           // the key that has not come for the longest time first
	most   int                 // the greatest number of keys since the map was made
}

type bucket[K comparable] struct {
	key    K
	came   time.Time
	places *rate.Limiter
}

// NewRates returns rates of count within per for each key. Both must be over 0. A bucket has burst places, and at least one.
func NewRates[K comparable](count int, per time.Duration, burst int) *Rates[K] {
	r := &Rates[K]{byKey: make(map[K]*list.Element)}
	r.Change(count, per, burst)
	return r
}

// Change replaces the rate and the size of the buckets, see [NewRates]. Each bucket keeps the places that it has, as far as there is
// room for them now, and fills up at the new rate. So a change gives no key more than its rate.
func (r *Rates[K]) Change(count int, per time.Duration, burst int) {
	burst = max(burst, 1)
	every := rate.Limit(float64(count) / per.Seconds())
	r.mu.Lock()
	defer r.mu.Unlock()
	if every == r.every && burst == r.burst {
		return
	}
	r.every, r.burst = every, burst
	r.fills = time.Duration(float64(burst) / float64(every) * float64(time.Second))
	now := time.Now()
	for e := r.recent.Front(); e != nil; e = e.Next() {
		b := e.Value.(*bucket[K])
		b.places.SetLimitAt(now, every)
		b.places.SetBurstAt(now, burst)
		b.came = now // until now, the bucket has filled up at another rate: it is remembered until it is full for certain
	}
}

// Allow takes a place of a key. It reports false where the key has none now. What is refused takes no place.
func (r *Rates[K]) Allow(key K) bool {
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.forgetFull(now)
	e := r.byKey[key]
	if e == nil {
		e = r.add(key)
	}
	b := e.Value.(*bucket[K])
	b.came = now
	r.recent.MoveToBack(e)
	return b.places.AllowN(now, 1)
}

// add makes a bucket for a key. Where there are many keys, it forgets another one.
func (r *Rates[K]) add(key K) *list.Element {
	if len(r.byKey) >= keptRates {
		r.forget(r.recent.Front())
	}
	e := r.recent.PushBack(&bucket[K]{key: key, places: rate.NewLimiter(r.every, r.burst)})
	r.byKey[key] = e
	r.most = max(r.most, len(r.byKey))
	return e
}

// forgetFull forgets the keys that have not come for as long as their buckets need to become full.
func (r *Rates[K]) forgetFull(now time.Time) {
	for e := r.recent.Front(); e != nil && now.Sub(e.Value.(*bucket[K]).came) >= r.fills; e = r.recent.Front() {
		r.forget(e)
	}
	if r.most <= keptKeys || len(r.byKey) > r.most/4 {
		return
	}
	smaller := make(map[K]*list.Element, len(r.byKey)) // a map of Go never becomes smaller
	for key, e := range r.byKey {
		smaller[key] = e
	}
	r.byKey, r.most = smaller, len(smaller)
}

func (r *Rates[K]) forget(e *list.Element) {
	delete(r.byKey, r.recent.Remove(e).(*bucket[K]).key)
}

// Keys returns how many keys are remembered.
func (r *Rates[K]) Keys() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.byKey)
}
