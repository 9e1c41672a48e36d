package admin

import (
	"net/http"

	"github.com/grpcsse/grpcsse/bridge/cluster"
)

// Cluster is the program's part in a cluster of bridges. See the type of this name in package cluster for the methods.
type Cluster interface {
	Replica() string
	Counts() cluster.Counts
	Streams() []cluster.Stream
}

type clusterRow struct {
	Key       string   `json:"key"`
	Role      string   `json:"role"`
	Owner     string   `json:"owner,omitempty"`
	Term      uint64   `json:"term,omitempty"`
	Followers []string `json:"followers,omitempty"`
}

// cluster answers with a page of the shared streams in which this bridge has a part, by key.
func (h *Handler) cluster(w http.ResponseWriter, r *http.Request) {
	if h.Cluster == nil {
		fail(w, http.StatusNotFound, "this bridge shares with no other one: the configuration has no section `cluster`")
		return
	}
	limit, ok := pageSize(w, r)
	if !ok {
		return
	}
	out := struct {
		Replica   string       `json:"replica"` // the name of this process
		Connected bool         `json:"connected"`
		Streams   []clusterRow `json:"streams"`
		Next      string       `json:"next,omitempty"` // the `after` of the next page; left out on the last one
	}{Replica: h.Cluster.Replica(), Connected: h.Cluster.Counts().Connected, Streams: []clusterRow{}}
	after := r.URL.Query().Get("after")
	for _, s := range h.Cluster.Streams() {
		if s.Key <= after {
			continue
		}
		if uint64(len(out.Streams)) == limit {
			out.Next = out.Streams[limit-1].Key
			break
		}
		out.Streams = append(out.Streams, clusterRow{s.Key, s.Role, s.Owner, s.Term, s.Followers})
	}
	write(w, http.StatusOK, out)
}

// roles returns what this bridge is for shared streams, by key.
func (h *Handler) roles() map[string]string {
	roles := map[string]string{}
	if h.Cluster != nil {
		for _, s := range h.Cluster.Streams() {
			roles[s.Key] = s.Role
		}
	}
	return roles
}
