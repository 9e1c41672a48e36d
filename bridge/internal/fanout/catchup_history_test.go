package fanout_test

import (
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"

	"github.com/grpcsse/grpcsse/bridge/internal/reading"
)

// upstreamKind is what kind of upstream a plan has.
type upstreamKind struct {
	begins    string // what an upstream stream without a cursor begins with
	madeUp    string // how the upstream answers a cursor that it never gave
	grouped   bool   // several messages may share an id
	idless    bool   // some messages have no id
	inclusive bool   // an upstream stream with a cursor begins with the messages that have this id
	calm      bool   // everything comes soon, and nothing breaks
}

// beginnings returns what an upstream stream without a cursor may begin with: nothing, all messages, the newest message of each
// key in any order, or the same under the newest id.
func beginnings() []string { return []string{"nothing", "everything", "snapshot", "one id"} }

// madeUpAnswers returns how an upstream may answer a cursor that it never gave.
func madeUpAnswers() []string { return []string{"is silent", "refuses", "ends", "ignores"} }

// history is everything that the upstream has published, in order. Messages are numbered from 1. The messages of one group have
// one id, as the messages of a transaction do.
type history struct {
	*upstreamKind
	rng       *rand.Rand
	keys      []byte // of the messages; 0 is no key
	in        []int  // the index of the group of each message
	groups    []group
	byID      map[string]int
	forgotten int // the upstream refuses the ids of the groups before this index
}

// group is messages with one id, which is empty where they have none.
type group struct {
	first, last int
	id          string
}

func newHistory(kind *upstreamKind, seed uint64) *history {
	return &history{upstreamKind: kind, rng: rand.New(rand.NewPCG(seed, 1)), byID: map[string]int{}}
}

// newest returns the number of the newest message, 0 where there is none.
func (h *history) newest() int { return len(h.keys) }

// publish adds a group, whose messages have random keys.
func (h *history) publish() group {
	n := 1
	if h.grouped {
		n += h.rng.IntN(3)
	}
	keys := make([]byte, n)
	for i := range keys {
		if h.rng.IntN(8) > 0 {
			keys[i] = h.allKeys()[h.rng.IntN(4)]
		}
	}
	return h.add(keys)
}

func (h *history) allKeys() []byte { return []byte("abcd") }

func (h *history) add(keys []byte) group {
	index := len(h.groups)
	g := group{first: h.newest() + 1, last: h.newest() + len(keys), id: strconv.Itoa(index + 1)}
	if h.idless && index%5 == 4 {
		g.id = ""
	} else {
		h.byID[g.id] = index
	}
	h.groups = append(h.groups, g)
	h.keys = append(h.keys, keys...)
	for range keys {
		h.in = append(h.in, index)
	}
	return g
}

// groupOf returns the group of a message.
func (h *history) groupOf(seq int) group { return h.groups[h.in[seq-1]] }

// find returns the group with an id.
func (h *history) find(id string) (g group, ok bool) {
	index, ok := h.byID[id]
	if !ok {
		return group{}, false
	}
	return h.groups[index], true
}

// refuses reports whether the upstream gave a cursor once, and no longer goes on after it.
func (h *history) refuses(cursor string) bool {
	index, ok := h.byID[cursor]
	return ok && index < h.forgotten
}

// state returns the newest message of each key, up to a message.
func (h *history) state(upTo int) map[byte]int {
	state := map[byte]int{}
	for i, key := range h.keys[:upTo] {
		if key != 0 {
			state[key] = i + 1
		}
	}
	return state
}

// item is a message as an upstream stream brings it.
type item struct {
	seq int
	id  string
}

func (h *history) item(seq int) item { return item{seq, h.groupOf(seq).id} }

// event returns what the upstream sends.
func (h *history) event(i item) *reading.Event {
	e := &reading.Event{Block: []byte("data: " + strconv.Itoa(i.seq)), ID: []byte(i.id)}
	if key := h.keys[i.seq-1]; key != 0 {
		e.Key = []byte{key}
	}
	return e
}

// behind returns the groups that an upstream stream begins with whose cursor is id. The id is one that the upstream gave.
func (h *history) behind(id string) (all [][]item) {
	from := h.byID[id]
	if !h.inclusive {
		from++
	}
	return h.itemsFrom(from)
}

// itemsFrom returns the groups from an index on.
func (h *history) itemsFrom(index int) (all [][]item) {
	for _, g := range h.groups[index:] {
		all = append(all, h.items(g))
	}
	return all
}

func (h *history) items(g group) (items []item) {
	for seq := g.first; seq <= g.last; seq++ {
		items = append(items, h.item(seq))
	}
	return items
}

// beginning returns what an upstream stream without a cursor begins with, and the message up to which it leaves messages out.
func (h *history) beginning(rng *rand.Rand) (all [][]item, leftOut int) {
	switch h.begins {
	case "nothing":
		return nil, h.newest()
	case "everything":
		return h.itemsFrom(0), 0
	}
	newest := slices.Sorted(maps.Values(h.state(h.newest())))
	rng.Shuffle(len(newest), func(i, j int) { newest[i], newest[j] = newest[j], newest[i] })
	for _, seq := range newest {
		one := h.item(seq)
		if id := h.newestID(); h.begins == "one id" && id != "" {
			one.id = id
		}
		all = append(all, []item{one})
	}
	return all, 0
}

func (h *history) newestID() string {
	for _, g := range slices.Backward(h.groups) {
		if g.id != "" {
			return g.id
		}
	}
	return ""
}
