package pump

import "sync/atomic"

// group are the subscribers of one topic in one loop. But for changed it belongs to its loop.
type group struct {
	topic   Topic
	stop    func() // ends the watch
	changed atomic.Bool
	members []*parked
	left    int  // how many a round has not come to yet; it goes from the last to the first
	again   bool // the topic changed since the round began
	queued  bool // whether it stands in line for its turn
}

func (g *group) add(p *parked) {
	p.group, p.place = g, int32(len(g.members))
	g.members = append(g.members, p)
}

// remove lets the last member take p's place. That member has had its visit in a round before p could have: rounds go
// backwards so that nobody is passed over.
func (g *group) remove(p *parked) {
	end := len(g.members) - 1
	moved := g.members[end]
	g.members[p.place], moved.place = moved, p.place
	g.members[end] = nil
	g.members = g.members[:end]
	g.left = min(g.left, end)
	p.group = nil
}

// turn begins a round over all members, or has another one follow that which is under way.
func (g *group) turn() {
	if g.left > 0 {
		g.again = true
		return
	}
	g.left = len(g.members)
}

// next is the member whose visit is due, nil where the round is over.
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
