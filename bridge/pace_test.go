package bridge_test

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge"
)

// superseded counts the events that clients were not given.
type superseded struct {
	bridge.NopObserver
	events atomic.Int64
}

func (s *superseded) Superseded(e bridge.Supersession) {
	if e.Route == "paced" {
		s.events.Add(int64(e.Events))
	}
}

// startPaced serves a shared route with a pace.
func startPaced(t *testing.T, s *server, o bridge.Observer, pace string) *front {
	t.Helper()
	file := resumable("name: paced", "share: {late_join: none, catch_up: off, pace: "+pace+"}")
	cfg := parse(t, s, file)
	b, err := bridge.New(t.Context(), cfg, bridge.WithObserver(o))
	require.NoError(t, err)
	require.NoError(t, b.Ready(t.Context()))
	return &front{bridge: b, url: serveHTTP(t, b)}
}

// An hour between two rounds counts as 75 s, a quarter of the age of the log. So nothing here comes by the pace itself. The kinds of
// even numbers are the same, and those of odd numbers.
func TestAPaceGivesTheNewestOfEachValue(t *testing.T) {
	var p *topic
	var o *superseded
	start := func(t *testing.T) *front {
		p, o = newTopic(), &superseded{}
		return startPaced(t, startServer(t, "127.0.0.1:0", p.watch), o, "{every: 1h, newest_by: kind}")
	}
	overEveryTransport(t, start, func(t *testing.T, f *front, client *http.Client, url string) {
		first := newReader(do(t, client, eventSource(t.Context(), t, url+"/watch/x")))
		p.send(t, 1)
		requireIDs(t, first, "1")
		p.send(t, 2, 3, 4, 5, 6)
		var second *reader
		require.Eventually(t, func() bool { // until the log has the events
			ctx, cancel := context.WithCancel(t.Context())
			late := time.AfterFunc(time.Second, cancel) // it came too early, and what came since then waits for a round
			second = newReader(do(t, client, eventSource(ctx, t, url+"/watch/x", "Last-Event-ID", "1")))
			if e, err := second.next(); err == nil && e.id == "5" {
				return late.Stop()
			}
			cancel()
			return false
		}, patience, 50*time.Millisecond, "a browser that comes back gets at once what there is")
		requireIDs(t, second, "6")
		p.send(t, 7)
		p.ends <- nil
		var ids, names []string
		for _, e := range first.all(t) {
			ids, names = append(ids, e.id), append(names, e.name)
		}
		assert.Equal(t, []string{"6", "7"}, ids[:2], "what has waited comes before the end")
		assert.Equal(t, "grpc-status", names[len(names)-1])
		var rest []string
		for _, e := range second.all(t) {
			rest = append(rest, e.id)
		}
		assert.Equal(t, "7", rest[0])
		f.bridge.Close()
		assert.GreaterOrEqual(t, o.events.Load(), int64(4+3), "of the first browser 2 to 5, and of the second 2 to 4")
	})
}

// Without newest_by, the events of many rounds are those that the upstream has sent.
func TestAPaceLosesNothing(t *testing.T) {
	var p *topic
	start := func(t *testing.T) *front {
		p = newTopic()
		return startPaced(t, startServer(t, "127.0.0.1:0", p.watch), bridge.NopObserver{}, "{every: 20ms}")
	}
	overEveryTransport(t, start, func(t *testing.T, f *front, client *http.Client, url string) {
		var readers []*reader
		for range 5 {
			readers = append(readers, newReader(do(t, client, eventSource(t.Context(), t, url+"/watch/x"))))
		}
		var want []string
		for n := range int64(300) {
			p.send(t, n+1)
			want = append(want, strconv.FormatInt(n+1, 10))
		}
		p.ends <- nil
		for _, r := range readers {
			var got []string
			for _, e := range r.all(t) {
				if e.name == "" {
					got = append(got, e.id)
				}
			}
			assert.True(t, slices.Equal(want, got), "found %v", got)
		}
	})
}
