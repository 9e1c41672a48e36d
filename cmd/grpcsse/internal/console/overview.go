package console

import (
	"cmp"
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"github.com/grpcsse/grpcsse/bridge"
)

// The overview is made once a second at most, however many pages ask for it: it goes through all open streams.
const overviewAge = time.Second

// mostShared bounds the shared streams that an overview lists. Those with the most subscribers come first.
const mostShared = 50

type overview struct {
	Now     time.Time `json:"now"`
	Streams int       `json:"streams"`
	// SharedCount is the number of shared streams with subscribers, of which Shared lists the largest.
	SharedCount int            `json:"shared_count"`
	Every       float64        `json:"every"` // the seconds between two samples
	Samples     []Sample       `json:"samples"`
	Routes      []figures      `json:"routes"`
	Upstreams   []upstreamRow  `json:"upstreams"`
	Shared      []sharedStream `json:"shared"`
	Problems    []string       `json:"problems"`
}

// figures are those of all routes with one name.
type figures struct {
	Name            string     `json:"name"`
	Open            int        `json:"open"`
	UpstreamStreams int        `json:"upstream_streams"`
	SharedStreams   int        `json:"shared_streams"`
	LogBytes        int64      `json:"log_bytes"`
	Events          int64      `json:"events"`
	Bytes           int64      `json:"bytes"`
	FailingSince    *time.Time `json:"failing_since,omitempty"`
}

type upstreamRow struct {
	Name        string               `json:"name"`
	Target      string               `json:"target"`
	State       bridge.UpstreamState `json:"state"`
	Since       time.Time            `json:"since"`
	SchemaRead  bool                 `json:"schema_read"`
	Connections int                  `json:"connections"`
	Streams     int                  `json:"streams"`
	Waiting     int                  `json:"waiting"`
}

// sharedStream is a shared stream with its subscribers.
type sharedStream struct {
	Key         string    `json:"key"`
	Route       string    `json:"route"`
	Subscribers int       `json:"subscribers"`
	Since       time.Time `json:"since"` // when the subscriber came that has been there longest
}

// overview answers with the figures of this moment, and with those of the last ten minutes.
func (c *Console) overview(w http.ResponseWriter, _ *http.Request) {
	c.turn.Lock()
	defer c.turn.Unlock()
	if now := time.Now(); c.last == nil || now.Sub(c.at) >= overviewAge {
		text, err := json.Marshal(c.look(now))
		if err != nil {
			write(w, http.StatusInternalServerError, map[string]string{"error": err.Error()})
			return
		}
		c.last, c.at = text, now
	}
	send(w, http.StatusOK, c.last)
}

func (c *Console) look(now time.Time) overview {
	out := overview{
		Now: now.UTC(), Every: Every.Seconds(), Samples: c.History.Samples(),
		Routes: []figures{}, Upstreams: []upstreamRow{}, Shared: []sharedStream{}, Problems: []string{},
	}
	open, shared := map[string]int{}, map[string]*sharedStream{}
	for s := range c.Bridge.Streams(0) {
		out.Streams++
		open[s.Route]++
		if s.Key == "" {
			continue
		}
		if shared[s.Key] == nil {
			shared[s.Key] = &sharedStream{Key: s.Key, Route: s.Route, Since: s.Began.UTC()}
		}
		shared[s.Key].Subscribers++
	}
	out.SharedCount = len(shared)
	for _, s := range shared {
		out.Shared = append(out.Shared, *s)
	}
	slices.SortFunc(out.Shared, func(a, b sharedStream) int {
		return cmp.Or(cmp.Compare(b.Subscribers, a.Subscribers), cmp.Compare(a.Key, b.Key))
	})
	out.Shared = out.Shared[:min(len(out.Shared), mostShared)]
	seen := map[string]bool{}
	for _, r := range c.Bridge.Routes() {
		if seen[r.Name] {
			continue
		}
		seen[r.Name] = true
		row := figures{
			Name: r.Name, Open: open[r.Name], UpstreamStreams: r.UpstreamStreams, SharedStreams: r.SharedStreams,
			LogBytes: r.LogBytes, Events: r.Events, Bytes: r.Bytes,
		}
		if !r.FailingSince.IsZero() {
			row.FailingSince = new(r.FailingSince.UTC())
		}
		out.Routes = append(out.Routes, row)
	}
	for _, u := range c.Bridge.Upstreams() {
		out.Upstreams = append(out.Upstreams, upstreamRow{
			u.Name, u.Target, u.State, u.Since.UTC(), u.SchemaRead, u.Connections, u.Streams, u.Waiting,
		})
	}
	for _, p := range c.Bridge.Problems() {
		out.Problems = append(out.Problems, p.Error())
	}
	return out
}
