package natstest

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/bridgetest"
)

// watched is a replica with listeners for probes and for administrators.
type watched struct {
	*replica
	health, admin string
}

// startWatched starts a replica that serves alone after 5 s without NATS.
func startWatched(t *testing.T, nats, upstream string) *watched {
	t.Helper()
	address, health, admin := freeAddress(t), freeAddress(t), freeAddress(t)
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "cluster.key"), []byte(strings.Repeat("0123456789abcdef", 4)), 0o600))
	file := filepath.Join(dir, "grpcsse.yaml")
	require.NoError(t, os.WriteFile(file, []byte(`
server: {listen: "`+address+`", health: "`+health+`", admin: {listen: "`+admin+`"}, drain_timeout: 1s}
upstreams: {test: {target: "`+upstream+`"}}
routes:
  - path: /watch/{topic}
    rpc: test.stream.v1.StreamService/Watch
`+resumes+`
cluster: {name: test, secret_file: cluster.key, patience: 5s, nats: {servers: ["nats://`+nats+`"]}}
`), 0o600))
	return &watched{startProgram(t, address, nil, "serve", "--strict", "--config", file), health, admin}
}

// figures returns the metrics of clusters by name and labels, without the prefix that they have in common.
func (w *watched) figures(t *testing.T) map[string]float64 {
	t.Helper()
	found := map[string]float64{}
	for _, line := range strings.Split(string(get(t, "http://"+w.health+"/metrics")), "\n") {
		name, value, _ := strings.Cut(line, " ")
		if name, ours := strings.CutPrefix(name, "grpcsse_cluster_"); ours {
			var err error
			found[name], err = strconv.ParseFloat(value, 64)
			require.NoError(t, err, line)
		}
	}
	require.Contains(t, found, "connected")
	return found
}

// get returns the body of an answer.
func get(t *testing.T, url string) []byte {
	t.Helper()
	resp, err := http.Get(url)
	require.NoError(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, resp.StatusCode, "%s", text)
	return text
}

// becomes waits until figures are so.
func (w *watched) becomes(t *testing.T, what string, so func(f map[string]float64) bool) map[string]float64 {
	t.Helper()
	var f map[string]float64
	require.Eventually(t, func() bool {
		f = w.figures(t)
		return so(f)
	}, patience, 20*time.Millisecond, what)
	return f
}

// The metrics of two replicas move with what happens to them.
func TestTheMetricsOfTwoReplicas(t *testing.T) {
	u, upstream := startUpstream(t)
	store := t.TempDir()
	var at *net.TCPAddr
	again := func(o *server.Options) {
		o.StoreDir = store
		if at != nil {
			o.Port = at.Port
		}
	}
	nats := startNATS(t, again)
	at = nats.Addr().(*net.TCPAddr)
	owner := startWatched(t, at.String(), upstream)
	bridgetest.Open(t, owner.url+"/watch/x").Next()
	follower := startWatched(t, at.String(), upstream)
	page := bridgetest.Open(t, follower.url+"/watch/x")
	page.Timeout = patience
	page.Next()

	f := owner.figures(t)
	assert.EqualValues(t, 1, f["connected"])
	assert.EqualValues(t, 1, f[`role{role="owner"}`])
	assert.Zero(t, f["filled_events_total"])
	f = follower.becomes(t, "pages and answers come from the owner", func(f map[string]float64) bool {
		return f["record_age_seconds_count"] > 10 && f["round_trip_seconds_count"] > 1
	})
	assert.EqualValues(t, 1, f["connected"])
	assert.EqualValues(t, 1, f[`role{role="follower"}`])
	assert.Zero(t, f[`role{role="owner"}`]+f[`role{role="alone"}`]+f[`role{role="joining"}`])
	assert.Positive(t, f["filled_events_total"], "what was there before it came")
	assert.Less(t, f["record_age_seconds_sum"]/f["record_age_seconds_count"], 5.0, "an age is a duration on this machine")
	assert.Zero(t, f["gaps_total"]+f["takeovers_total"]+f["alone_seconds_total"])

	// While NATS is away for a moment, the owner goes on, and what it sends is lost.
	filled := f["filled_events_total"]
	nats.Shutdown()
	nats.WaitForShutdown()
	lost := u.newest.Load() + 20
	require.Eventually(t, func() bool { return u.newest.Load() >= lost }, patience, time.Millisecond)
	nats = startNATS(t, again)
	// A follower asks when it is connected again. It counts a gap only where a page of the owner comes before the answer.
	f = follower.becomes(t, "what was lost is asked for", func(f map[string]float64) bool {
		return f["filled_events_total"] >= filled+20
	})
	assert.EqualValues(t, 1, f["connected"])
	assert.Zero(t, f["alone_seconds_total"])
	for n := int64(0); n < lost; {
		e := page.Next()
		require.Empty(t, e.Name, "the browser is told of nothing")
		id, err := strconv.ParseInt(e.ID, 10, 64)
		require.NoError(t, err)
		require.True(t, n == 0 || id == n+1, "%d follows %d", id, n)
		n = id
	}

	nats.Shutdown()
	nats.WaitForShutdown()
	f = follower.becomes(t, "a replica without NATS serves alone", func(f map[string]float64) bool { return f["alone_seconds_total"] > 0 })
	assert.Zero(t, f["connected"])
	assert.EqualValues(t, 1, f[`role{role="alone"}`])
	assert.Zero(t, f[`role{role="follower"}`])
	owner.becomes(t, "the owner does the same", func(f map[string]float64) bool { return f[`role{role="alone"}`] == 1 })
	startNATS(t, again)

	var survivor, dies *watched
	deadline := time.Now().Add(patience)
	for survivor == nil {
		require.True(t, time.Now().Before(deadline), "one of them owns the stream, and the other one follows")
		shares := func(f map[string]float64) bool { return f[`role{role="owner"}`]+f[`role{role="follower"}`] == 1 }
		follower.becomes(t, "it shares again", shares)
		owner.becomes(t, "it shares again", shares)
		switch one, other := owner.figures(t)[`role{role="owner"}`], follower.figures(t)[`role{role="owner"}`]; {
		case one == 1 && other == 0:
			survivor, dies = follower, owner
		case one == 0 && other == 1:
			survivor, dies = owner, follower
		}
	}
	takeovers := survivor.figures(t)["takeovers_total"]
	require.NoError(t, dies.Kill())
	f = survivor.becomes(t, "the survivor takes over", func(f map[string]float64) bool { return f[`role{role="owner"}`] == 1 })
	assert.Equal(t, takeovers+1, f["takeovers_total"])
}

// place is what a replica is for a stream, as /cluster of the listener for administrators has it.
type place struct {
	Key, Role, Owner string
	Term             uint64
	Followers        []string
}

// places returns the name of a replica, and its places.
func (w *watched) places(t *testing.T) (replica string, streams []place) {
	t.Helper()
	var page struct {
		Replica string
		Streams []place
	}
	require.NoError(t, json.Unmarshal(get(t, "http://"+w.admin+"/cluster"), &page))
	return page.Replica, page.Streams
}

// Each of two replicas says who reads the stream, and has the key of the stream at the streams of its browsers.
func TestAnOperatorSeesWhoReadsAStream(t *testing.T) {
	_, upstream := startUpstream(t)
	nats := startNATS(t, nil).Addr().String()
	owner := startWatched(t, nats, upstream)
	bridgetest.Open(t, owner.url+"/watch/secret-topic").Next()
	follower := startWatched(t, nats, upstream)
	bridgetest.Open(t, follower.url+"/watch/secret-topic").Next()
	var followers []string
	require.Eventually(t, func() bool {
		_, streams := owner.places(t)
		require.Len(t, streams, 1)
		followers = streams[0].Followers
		return len(followers) == 1
	}, patience, 20*time.Millisecond, "the owner knows its follower")
	one, streams := owner.places(t)
	other, others := follower.places(t)
	assert.Equal(t, []string{other}, followers)
	require.Len(t, others, 1)
	key, term := streams[0].Key, streams[0].Term
	assert.Equal(t, place{key, "owner", one, term, followers}, streams[0])
	assert.Equal(t, place{key, "follower", one, term, nil}, others[0])
	assert.Positive(t, term)
	for w, role := range map[*watched]string{owner: "owner", follower: "follower"} {
		text := get(t, "http://"+w.admin+"/streams")
		var page struct{ Streams []struct{ Key, Role string } }
		require.NoError(t, json.Unmarshal(text, &page))
		require.Len(t, page.Streams, 1)
		assert.Equal(t, key, page.Streams[0].Key, "the key of all replicas")
		assert.Equal(t, role, page.Streams[0].Role)
		assert.NotContains(t, string(text), "secret-topic")
	}
	assert.NotContains(t, key, "secret")
}
