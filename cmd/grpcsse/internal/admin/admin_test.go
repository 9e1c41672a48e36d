package admin

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/cluster"
	"github.com/grpcsse/grpcsse/bridge/config"
)

// The token is read again when its file changes. While the file is missing or empty, the old one stays in use.
func TestTheTokenIsRenewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, ":9091", secret)
		accepts := func(token string) bool {
			return r.ask(http.MethodGet, "/routes", bearer(token)).Code == http.StatusOK
		}
		path := r.Admin.TokenFile
		require.NoError(t, os.WriteFile(path, []byte("the-next-token"), 0o600))
		time.Sleep(lookAgain)
		assert.True(t, accepts("the-next-token"))
		assert.False(t, accepts(secret))
		for _, content := range []string{"", " \n", "two words", "a\x00b", strings.Repeat("x", maxTokenBytes+1)} {
			require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
			time.Sleep(lookAgain)
			assert.True(t, accepts("the-next-token"), "%.20q", content)
			assert.False(t, accepts(strings.TrimSpace(content)))
			time.Sleep(tryEvery * 10)
		}
		require.NoError(t, os.Remove(path))
		time.Sleep(lookAgain)
		assert.True(t, accepts("the-next-token"))
		assert.Equal(t, 1, strings.Count(r.text.String(), "the old admin token stays in use"), "%s", r.text)
		for _, text := range []string{secret, "the-next-token", "two words"} {
			assert.NotContains(t, r.text.String(), text)
		}
		require.NoError(t, os.WriteFile(path, []byte(secret), 0o600))
		time.Sleep(lookAgain)
		assert.True(t, accepts(secret))
	})
}

func TestAHandlerNeedsItsToken(t *testing.T) {
	r := newRig(t, ":9091", secret)
	settings := r.Settings
	require.NoError(t, os.WriteFile(settings.Admin.TokenFile, nil, 0o600))
	_, err := New(settings)
	require.ErrorContains(t, err, "server.admin.token_file: expected a token in")
	require.NoError(t, os.Remove(settings.Admin.TokenFile))
	_, err = New(settings)
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestSheddingNeedsAShare(t *testing.T) {
	r := newRig(t, local, "")
	for _, share := range []string{"", "0", "-0.1", "1.1", "NaN", "Inf", "20%", "0x1p-2x", "1e400"} {
		w := r.ask(http.MethodPost, "/-/shed?share="+strings.ReplaceAll(share, "%", "%25"), with(Header, "1"))
		assert.Equal(t, http.StatusBadRequest, w.Code, share)
		assert.Contains(t, w.Body.String(), "expected a number over 0 and at most 1")
	}
	assert.Empty(t, r.bridge.shed)
	w := r.ask(http.MethodPost, "/-/shed?share=0.2", with(Header, "1"))
	assert.Equal(t, http.StatusOK, w.Code)
	assert.JSONEq(t, `{"streams": 7, "within": "1m0s"}`, w.Body.String())
	require.Len(t, r.bridge.shed, 1)
	assert.Less(t, math.Abs(r.bridge.shed[0]-0.2), 1e-9)
}

func TestAReloadSaysHowItWent(t *testing.T) {
	r := newRig(t, local, "")
	ask := func() (int, string) {
		w := r.ask(http.MethodPost, "/-/reload", with(Header, "1"))
		return w.Code, w.Body.String()
	}
	code, body := ask()
	assert.Equal(t, http.StatusOK, code)
	assert.JSONEq(t, `{"reloaded": true}`, body)
	problem := &config.Problem{File: "a.yaml", Line: 1, Column: 2, Message: "expected x", Hint: "did you mean y?"}
	r.err = fmt.Errorf("load: %w", config.Problems{problem})
	code, body = ask()
	assert.Equal(t, http.StatusUnprocessableEntity, code)
	assert.Contains(t, body, "a.yaml:1:2: expected x")
	assert.Contains(t, body, "did you mean y?")
	r.err = errors.New("the bridge shuts down")
	code, body = ask()
	assert.Equal(t, http.StatusUnprocessableEntity, code)
	assert.Contains(t, body, "the bridge shuts down")
	assert.Equal(t, 3, r.reloads)
	r.Reload = nil
	code, body = ask()
	assert.Equal(t, http.StatusConflict, code)
	assert.Contains(t, body, "there is no configuration file")
}

// The pages of /streams follow one another until the last one, which names no next page.
func TestStreamsComeInPages(t *testing.T) {
	r := newRig(t, local, "")
	r.bridge.streams = 2500
	read := func(query string) (ids []uint64, next uint64) {
		w := r.ask(http.MethodGet, "/streams?"+query)
		require.Equal(t, http.StatusOK, w.Code, w.Body)
		var page struct {
			Streams []struct {
				ID    uint64
				Route string
				Kind  string
			}
			Next uint64
		}
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &page))
		for _, s := range page.Streams {
			ids = append(ids, s.ID)
		}
		return ids, page.Next
	}
	var all []uint64
	for after, pages := uint64(0), 1; ; pages++ {
		ids, next := read(fmt.Sprintf("limit=1000&after=%d", after))
		all = append(all, ids...)
		if after = next; next == 0 {
			assert.Equal(t, 3, pages)
			break
		}
	}
	require.Len(t, all, 2500)
	for i, id := range all {
		require.Equal(t, uint64(i+1), id)
	}
	ids, next := read("")
	assert.Len(t, ids, usualStreams)
	assert.Equal(t, ids[usualStreams-1], next)
	ids, next = read("route=route0&after=2490")
	assert.Equal(t, []uint64{2492, 2494, 2496, 2498, 2500}, ids)
	assert.Zero(t, next)
	for _, query := range []string{
		"limit=0", "limit=1001", "limit=-1", "limit=a", "after=-1", "after=a", "after=18446744073709551616",
	} {
		assert.Equal(t, http.StatusBadRequest, r.ask(http.MethodGet, "/streams?"+query).Code, query)
	}
}

func TestProfilesAreBounded(t *testing.T) {
	r := newRig(t, local, "")
	for _, seconds := range []string{"0", "-1", "61", "NaN", "a", "1e9"} {
		for _, page := range []string{"profile", "trace", "heap"} {
			w := r.ask(http.MethodGet, "/debug/pprof/"+page+"?seconds="+seconds)
			assert.Equal(t, http.StatusBadRequest, w.Code, "%s for %s", page, seconds)
		}
	}
	for _, page := range []string{"", "heap", "goroutine?debug=1", "cmdline"} {
		assert.Equal(t, http.StatusOK, r.ask(http.MethodGet, "/debug/pprof/"+page).Code, page)
	}
}

// The index names every page, and the log of a handler says nothing of pages that were read.
func TestTheIndexNamesEveryPage(t *testing.T) {
	r := newRig(t, local, "")
	w := r.ask(http.MethodGet, "/")
	require.Equal(t, http.StatusOK, w.Code)
	for _, page := range []string{"/routes", "/streams", "/cluster", "/openapi.json", "/config", "/debug/pprof/", "/-/reload", "/-/shed", Header} {
		assert.Contains(t, w.Body.String(), page)
	}
	assert.NotContains(t, strings.ToLower(w.Body.String()), "<script")
	assert.Equal(t, http.StatusNotFound, r.ask(http.MethodGet, "/absent").Code)
	assert.Empty(t, r.text.String())
}

// shared is a part in a cluster with some streams.
type shared struct{}

func (shared) Replica() string        { return "R1" }
func (shared) Counts() cluster.Counts { return cluster.Counts{Connected: true} }

func (shared) Streams() []cluster.Stream {
	return []cluster.Stream{
		{Key: "aa", Role: "owner", Owner: "R1", Term: 7, Followers: []string{"R2", "R3"}},
		{Key: "bb", Role: "follower", Owner: "R2", Term: 9},
		{Key: "cc", Role: "joining"},
		{Key: "digest", Role: "alone", Owner: "R2", Term: 9},
	}
}

// /cluster has pages as /streams has, by key. /streams says what the bridge is for the stream of a client.
func TestWhoReadsASharedStream(t *testing.T) {
	r := newRig(t, local, "")
	w := r.ask(http.MethodGet, "/cluster")
	assert.Equal(t, http.StatusNotFound, w.Code)
	assert.Contains(t, w.Body.String(), "shares with no other one")
	r.Cluster = shared{}
	for query, want := range map[string]string{
		"limit=2": `{"replica": "R1", "connected": true, "next": "bb", "streams": [
			{"key": "aa", "role": "owner", "owner": "R1", "term": 7, "followers": ["R2", "R3"]},
			{"key": "bb", "role": "follower", "owner": "R2", "term": 9}]}`,
		"limit=2&after=bb": `{"replica": "R1", "connected": true, "streams": [
			{"key": "cc", "role": "joining"}, {"key": "digest", "role": "alone", "owner": "R2", "term": 9}]}`,
		"after=zz": `{"replica": "R1", "connected": true, "streams": []}`,
	} {
		w := r.ask(http.MethodGet, "/cluster?"+query)
		assert.Equal(t, http.StatusOK, w.Code)
		assert.JSONEq(t, want, w.Body.String(), query)
	}
	for _, query := range []string{"limit=0", "limit=1001", "limit=x"} {
		assert.Equal(t, http.StatusBadRequest, r.ask(http.MethodGet, "/cluster?"+query).Code, query)
	}
	r.bridge.streams = 1
	assert.Contains(t, r.ask(http.MethodGet, "/streams").Body.String(), `"role": "alone"`)
	r.Cluster = nil
	assert.NotContains(t, r.ask(http.MethodGet, "/streams").Body.String(), `"role"`)
}
