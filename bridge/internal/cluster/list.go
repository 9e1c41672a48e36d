package cluster

import (
	"slices"
	"strings"
)

// Stream is a key in which the replica has a part.
type Stream struct {
	Name      string // of the key, in the cluster
	Role      Role
	Owner     string   // the incarnation of the owner; "" where none is known
	Term      uint64   // of the owner
	Followers []string // the incarnations of the followers; only the owner knows them
}

// Streams returns the keys in which the replica has a part, by name. It is empty where the node is closed.
func (n *Node) Streams() []Stream {
	var all []Stream
	for _, sh := range n.shards {
		found := make(chan []Stream, 1)
		sh.call(func() { found <- sh.list() })
		select {
		case part := <-found:
			all = append(all, part...)
		default: // the node was closed meanwhile
		}
	}
	slices.SortFunc(all, func(a, b Stream) int { return strings.Compare(a.Name, b.Name) })
	return all
}

func (sh *shard) list() []Stream {
	list := make([]Stream, 0, len(sh.seats))
	for _, s := range sh.seats {
		var followers []string
		for _, f := range s.followers {
			followers = append(followers, f.replica.Value())
		}
		slices.Sort(followers)
		st := &s.state
		list = append(list, Stream{Name: s.name, Role: st.role, Owner: st.owner, Term: st.term, Followers: followers})
	}
	return list
}
