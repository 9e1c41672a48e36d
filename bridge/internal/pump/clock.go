package pump

import "time"

// resolution is the step of a loop's clock: the loop does what is due up to this much later.
const resolution = 100 * time.Millisecond

// never is later than any time.
const never = time.Duration(1<<63 - 1)

// clock is the one timer of a loop. It is a wheel with a bucket for each tick. A bucket holds the slots of the subscribers that
// are due at its tick; an entry costs four bytes. A write postpones the next heartbeat but leaves the entry where it is, so a
// write costs nothing here. An entry whose time comes too early is put back for the right time.
type clock struct {
	tick    uint32        // the first tick whose bucket was not emptied yet
	buckets [256][]uint32 // the buckets of tick and the ticks behind it
	entries int
}

// set makes an entry for the time when p is due, but not before the next tick. Where p has a later entry already, that entry
// stays in its bucket and is ignored when its time comes.
func (c *clock) set(p *parked, now time.Duration) {
	due := p.due(now)
	if due == never {
		return
	}
	tick := uint32(max(due+resolution-1, now+resolution) / resolution)
	tick = min(tick, c.tick+uint32(len(c.buckets))-1)
	if p.ticking && p.tick <= tick {
		return
	}
	p.tick, p.ticking = tick, true
	bucket := &c.buckets[tick%uint32(len(c.buckets))]
	*bucket = append(*bucket, p.key.slot)
	c.entries++
}

// pop returns the slot and the tick of an entry whose time has come. It reports false where there is none.
func (c *clock) pop(now time.Duration) (slot, tick uint32, ok bool) {
	for last := uint32(now / resolution); c.tick <= last; c.tick++ {
		bucket := &c.buckets[c.tick%uint32(len(c.buckets))]
		if n := len(*bucket); n > 0 {
			slot, *bucket = (*bucket)[n-1], (*bucket)[:n-1]
			c.entries--
			return slot, c.tick, true
		}
	}
	return 0, 0, false
}

// next returns when the next entry is due, or never.
func (c *clock) next() time.Duration {
	if c.entries == 0 {
		return never
	}
	for i := range uint32(len(c.buckets)) {
		if len(c.buckets[(c.tick+i)%uint32(len(c.buckets))]) > 0 {
			return time.Duration(c.tick+i) * resolution
		}
	}
	return never
}
