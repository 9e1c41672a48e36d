package console

import (
	"iter"
	"net/http"
	"sync/atomic"

	"github.com/grpcsse/grpcsse/bridge"
	"github.com/grpcsse/grpcsse/bridge/config"
)

// fake is a bridge without upstreams.
type fake struct {
	streams []bridge.StreamInfo
	events  atomic.Int64
	looked  int           // how often the streams were asked for
	seen    *http.Request // the last request for a stream
}

func (f *fake) Routes() []bridge.RouteInfo {
	return []bridge.RouteInfo{{Name: "quotes", Path: "/quotes", Events: f.events.Load()}, {Name: "quotes", Path: "/quotes/{symbol}", Events: f.events.Load()}}
}
func (*fake) Upstreams() []bridge.UpstreamInfo { return nil }
func (*fake) Problems() config.Problems        { return nil }

func (f *fake) Streams(uint64) iter.Seq[bridge.StreamInfo] {
	f.looked++
	return func(yield func(bridge.StreamInfo) bool) {
		for _, s := range f.streams {
			if !yield(s) {
				return
			}
		}
	}
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.seen = r
	w.WriteHeader(http.StatusTeapot)
}
