package fanout_test

import (
	"fmt"
	"maps"
	"slices"

	"github.com/grpcsse/grpcsse/bridge/internal/fanout"
)

// knowledge is what an honest page has had, and so what it may be given next.
//
// A page that came with an id follows: it gets each later message once, in order, from whatever brings it. A page that came
// without an id, or that was told a reset, begins anew: it gets what the late join gives, and then what the log shows.
type knowledge struct {
	h     *history
	mode  fanout.LateJoinMode
	size  int          // how many events the log holds
	shows map[byte]int // the message that the page shows for each key

	follows bool
	seq     int // the message that it had last, where it follows

	anew    beginning
	offered beginning // behind the reset that it was not told yet
	places  []int     // the index of the event that it had last, where it begins anew; several where the test cannot tell
}

// beginning is where a page begins anew.
type beginning struct {
	of     *shownEpoch // nil while there is none
	starts []int       // the index of its first event is one of these, where it gets all events of the log
	joined int         // where it gets the last values: the index from which on it gets all events, or a greater one
}

func newKnowledge(h *history, mode fanout.LateJoinMode, size int) *knowledge {
	return &knowledge{h: h, mode: mode, size: size, shows: map[byte]int{}}
}

// follow has the page follow on behind everything up to an id. It shows what a page shows that has had all that.
func (k *knowledge) follow(id string) {
	g, _ := k.h.find(id)
	k.follows, k.seq, k.shows = true, g.last, k.h.state(g.last)
}

// peeked notes that the page has looked at a shared stream, and whether it was offered a reset. A page that begins anew gets its
// place then.
func (k *knowledge) peeked(st *sharedStream, offered bool) {
	e, _ := st.epoch()
	if !k.follows && k.anew.of == nil {
		k.anew.place(e, k.size)
	}
	if offered {
		if k.offered.of != e {
			k.offered = beginning{}
		}
		k.offered.place(e, k.size)
	}
}

func (b *beginning) place(e *shownEpoch, size int) {
	if e != nil {
		b.of, b.joined = e, len(e.items)
		b.starts = append(b.starts, max(0, b.joined-size))
	}
}

// reset notes that the page was told a reset.
func (k *knowledge) reset() {
	k.follows, k.anew, k.offered, k.places = false, k.offered, beginning{}, nil
	clear(k.shows)
}

// event notes an event. The error says why the page may not get it.
func (k *knowledge) event(g given) error {
	if g.seq < 1 || g.seq > k.h.newest() {
		return fmt.Errorf("there is no message %d", g.seq)
	}
	if key := k.h.keys[g.seq-1]; key != 0 {
		k.shows[key] = g.seq
	}
	if k.follows {
		return k.next(g)
	}
	if k.anew.of == nil {
		return fmt.Errorf("message %d comes before the first epoch", g.seq)
	}
	var places []int
	for at, i := range k.anew.of.items {
		if i.seq == g.seq && i.id == g.id && k.reaches(at) {
			places = append(places, at)
		}
	}
	if len(places) == 0 {
		return fmt.Errorf("message %d, which the page may not get behind %v of %v from %v or %d on", g.seq, k.places, k.anew.of.items,
			k.anew.starts, k.anew.joined)
	}
	k.places = places
	return nil
}

// next notes an event of a page that follows.
func (k *knowledge) next(g given) error {
	again := k.h.inclusive && k.seq > 0 && g.seq <= k.seq && g.seq >= k.h.groupOf(k.seq).first
	switch {
	case g.seq != k.seq+1 && !again:
		return fmt.Errorf("message %d follows on %d, and the page was told no reset", g.seq, k.seq)
	case g.id != k.h.groupOf(g.seq).id:
		return fmt.Errorf("message %d has the id %q", g.seq, g.id)
	}
	k.seq = g.seq
	return nil
}

// reaches reports whether the event at an index may be the next one of a page that begins anew.
func (k *knowledge) reaches(at int) bool {
	switch {
	case len(k.places) > 0:
		return slices.ContainsFunc(k.places, func(from int) bool { return from < at && k.skips(from+1, at) })
	case k.mode == fanout.All:
		return slices.Contains(k.anew.starts, at)
	}
	return k.skips(0, at)
}

// skips reports whether a page need not get the events from an index up to another one.
func (k *knowledge) skips(from, to int) bool {
	if k.mode == fanout.All {
		return from == to
	}
	for at := from; at < to; at++ {
		if at >= k.anew.joined || !k.superseded(at) {
			return false
		}
	}
	return true
}

// superseded reports whether the event at an index is not the last value of any key.
func (k *knowledge) superseded(at int) bool {
	items := k.anew.of.items
	key := k.h.keys[items[at].seq-1]
	return key == 0 || slices.ContainsFunc(items[at+1:], func(i item) bool { return k.h.keys[i.seq-1] == key })
}

// complete returns an error where the page lacks anything of what was published, after everything has come.
func (k *knowledge) complete(st *sharedStream) error {
	if a := st.current; !a.HasCursor && !a.accepted {
		return nil // an epoch begins with the first message, and the page is told a reset then
	}
	newest := k.h.state(k.h.newest())
	if k.follows {
		if k.seq != k.h.newest() {
			return fmt.Errorf("the page has the messages up to %d, not %d", k.seq, k.h.newest())
		}
		if !maps.Equal(k.shows, newest) {
			return fmt.Errorf("the page shows %v, not %v", k.shows, newest)
		}
		return nil
	}
	e, _ := st.epoch()
	if k.anew.of != e {
		return fmt.Errorf("the page is in another epoch than the log")
	}
	if e == nil {
		return nil
	}
	if !k.reaches(len(e.items)) {
		return fmt.Errorf("the page has the events up to %v of %d", k.places, len(e.items))
	}
	for key, seq := range newest {
		if k.mode == fanout.LatestBy && seq > e.leftOut && k.shows[key] != seq {
			return fmt.Errorf("the page shows %d for the key %c, not %d", k.shows[key], key, seq)
		}
	}
	return nil
}
