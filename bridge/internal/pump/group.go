package pump

import "sync/atomic"

// group holds the subscribers of one topic in one loop. Only the loop uses it, except that any goroutine may set changed.
type group struct {
	topic   Topic
	stop    func() // ends the watch
	changed atomic.Bool
	members []*parked
	left    int  // how many members the round has yet to visit; a round goes from the last member to the first
	again   bool // the topic changed after the round began
	queued  bool // the group waits for its turn
}

func (g *group) add(p *parked) {
	p.group, p.place = g, int32(len(g.members))
	g.members = append(g.members, p)
}

// remove removes p. The members that the round has yet to visit stay in front of left, and all others behind it. So a round
// visits every member once.
func (g *group) remove(p *parked) {
	if int(p.place) < g.left {
		g.left--
		g.swap(p, g.left)
	}
	end := len(g.members) - 1
	g.swap(p, end)
	g.members[end] = nil
	g.members = g.members[:end]
	p.group = nil
}

// swap exchanges the places of p and of the member at another place.
func (g *group) swap(p *parked, place int) {
	other := g.members[place]
	g.members[p.place], g.members[place] = other, p
	other.place, p.place = p.place, int32(place)
}

// turn begins a round over all members. Where a round is under way, another one follows it.
func (g *group) turn() {
	if g.left > 0 {
		g.again = true
		return
	}
	g.left = len(g.members)
}

// next returns the member whose visit is due, or nil where the round is over.
func (g *group) next() *parked {
	if g.left == 0 && g.again {
		g.left, g.again = len(g.members), false
	}
	if g.left == 0 {
		return nil
	}
	g.left--
	return g.members[g.left]
}
