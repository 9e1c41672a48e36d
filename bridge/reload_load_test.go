package bridge_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"

	streamv1 "github.com/grpcsse/grpcsse/gen/test/stream/v1"
)

// byTopic counts the streams of a server by the topic of the request.
type byTopic struct {
	mu    sync.Mutex
	count map[string]int
}

func (c *byTopic) counting(w watch) watch {
	return func(r *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
		c.mu.Lock()
		c.count[r.GetTopic()]++
		c.mu.Unlock()
		return w(r, stream)
	}
}

func (c *byTopic) opened(topic string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.count[topic]
}

// stay reads one stream to its end on one connection. It returns an error where the stream ends before until is closed.
func (l *record) stay(ctx context.Context, client *http.Client, url string, until <-chan struct{}) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	r.Header.Set("Accept", "text/event-stream")
	resp, err := client.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	l.connections++
	for stream := newReader(resp); ; {
		e, err := stream.next()
		if err == nil {
			err = l.see(e)
		}
		if err != nil {
			return fmt.Errorf("after %d events: %w", l.events, err)
		}
		select {
		case <-until:
			return nil
		default:
		}
	}
}

// reloadFiles returns files whose routes below /kept are the same. Everything else differs.
func reloadFiles() []string {
	kept := []string{
		"path: '/kept/{topic}', upstream: test, " + resuming,
		"path: '/kept/shared/{topic}', upstream: test, share: {late_join: latest, linger: 0s}, " + resuming,
	}
	flip := "upstream: test, event: {id: sequence, retry: 500ms}, " +
		`request: {set: {after_sequence: "${last_event_id}", topic: flip}}, path: /flip`
	file := func(upstreams string, routes ...string) string {
		return strings.Replace(fileOf(append(kept[:2:2], routes...)...), "{target: ADDR}", "{target: ADDR}"+upstreams, 1)
	}
	const spare = ", spare: {target: ADDR, metadata: {x: y}}"
	return []string{
		file("", flip+", share: {late_join: latest}"),
		file(spare, flip+", share: {late_join: latest}, heartbeat: 1s", "path: /more, upstream: spare"),
		file("", flip),
		file(spare, "path: /more, upstream: spare", flip+", share: {late_join: latest, linger: 0s}"),
		strings.Replace(file("", flip+", heartbeat: 2s"), "drain_timeout: 100ms", "drain_timeout: 10ms, limits: {shared_streams: 50}", 1),
	}
}

// A reload is no event for the routes that it does not change, however often it comes.
func TestNoStreamOfAnUnchangedRouteNoticesAHundredReloads(t *testing.T) {
	const reloads, each = 100, 3
	p := newTape()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	var running sync.WaitGroup
	defer func() { cancel(); running.Wait() }()
	running.Go(func() { p.run(ctx, 5*time.Millisecond) })
	count := &byTopic{count: map[string]int{}}
	s, connections := startConnected(t, count.counting(p.watch))
	files := reloadFiles()
	f := startFront(t, s, files[0])

	over := make(chan struct{})
	var crowd, flipping sync.WaitGroup
	var stayed, back []*record
	var url atomic.Value
	url.Store(f.url + "/flip")
	all := clients(t)
	for name, client := range all {
		for i := range each {
			for _, path := range []string{"/kept/private", "/kept/shared/shared"} {
				l := &record{}
				stayed = append(stayed, l)
				crowd.Go(func() { assert.NoError(t, l.stay(ctx, client, f.url+path, over), "%s %s %d", name, path, i) })
			}
			l := &record{}
			back = append(back, l)
			flipping.Go(func() {
				for {
					select {
					case <-over:
						return
					default:
					}
					newest, _ := p.end()
					if err := l.live(ctx, client, p, &url, newest+50); err != nil {
						assert.NoError(t, err)
						return
					}
				}
			})
		}
	}
	for i := range reloads {
		require.NoError(t, f.bridge.Reload(ctx, parse(t, s, files[(i+1)%len(files)])))
		p.pause(ctx, 1)
		if i%10 == 0 { // a newcomer joins the stream that all others share
			l := &record{}
			stayed = append(stayed, l)
			crowd.Go(func() {
				assert.NoError(t, l.stay(ctx, all["h2c"], f.url+"/kept/shared/shared", over), "newcomer %d", i)
			})
		}
	}
	p.pause(ctx, 20)
	require.Eventually(t, func() bool { return count.opened("private") >= len(all)*each }, patience, time.Millisecond, "all have come")
	assert.Equal(t, len(all)*each, count.opened("private"), "private streams of the route that stays")
	assert.Equal(t, 1, count.opened("shared"), "one stream is shared by all, from the first reload to the last")
	close(over)
	crowd.Wait()
	flipping.Wait()
	for _, l := range stayed {
		assert.Positive(t, l.events)
		assert.Equal(t, record{last: l.last, events: l.events, connections: 1}, *l, "no gap, no repeat, no reset, no end")
	}
	for _, l := range back {
		assert.Zero(t, l.gaps+l.repeats, "a client of a route that changes comes back without a gap")
	}
	require.NoError(t, ctx.Err())
	require.Eventually(t, func() bool { return connections.open.Load() <= 2 }, patience, time.Millisecond)
}
