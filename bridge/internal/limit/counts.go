package limit

import "sync"

// Counts counts what is open, by key. Its methods may be called concurrently. The zero Counts is empty.
type Counts[K comparable] struct {
	mu   sync.Mutex
	open map[K]int
	most int // the greatest number of keys since the map was made
}

// Claim is one place that is asked for.
type Claim[K comparable] struct {
	Key  K
	Most int // how many places the key has; 0 is any number
}

// Take takes a place for each of the claims, or for none of them where a key has no place left. It returns the index of the first
// such claim, and false. A key that several claims name needs a place for each.
func (c *Counts[K]) Take(claims ...Claim[K]) (full int, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open == nil {
		c.open = make(map[K]int)
	}
	for i, claim := range claims {
		if claim.Most > 0 && c.open[claim.Key] >= claim.Most {
			c.give(claims[:i])
			return i, false
		}
		c.open[claim.Key]++
	}
	c.most = max(c.most, len(c.open))
	return 0, true
}

// Give gives back what a successful Take of the same claims has taken. It must be called once for it.
func (c *Counts[K]) Give(claims ...Claim[K]) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.give(claims)
	c.shrink()
}

func (c *Counts[K]) give(claims []Claim[K]) {
	for _, claim := range claims {
		if c.open[claim.Key]--; c.open[claim.Key] <= 0 {
			delete(c.open, claim.Key)
		}
	}
}

// keptKeys is for how many keys a map may keep memory that it does not need.
const keptKeys = 1 << 10

// shrink moves the counts to a smaller map where most of the memory is unused: a map of Go never becomes smaller.
func (c *Counts[K]) shrink() {
	if c.most <= keptKeys || len(c.open) > c.most/4 {
		return
	}
	smaller := make(map[K]int, len(c.open))
	for key, n := range c.open {
		smaller[key] = n
	}
	c.open, c.most = smaller, len(smaller)
}

// Open returns how many places of a key are taken.
func (c *Counts[K]) Open(key K) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.open[key]
}

// Keys returns how many keys have places that are taken.
func (c *Counts[K]) Keys() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.open)
}
