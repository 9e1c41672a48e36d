package natstest

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/bridgetest"
)

// A trial as docs/replicas.md tells it: the first replica shows the command for the second one, and both read one upstream stream.
func TestTheCommandThatATrialShowsStartsAReplicaThatShares(t *testing.T) {
	u, upstream := startUpstream(t)
	nats := startNATS(t, nil).Addr().String()
	one, other := neighbours(t)
	first := startProgram(t, one, nil, "serve", "--upstream", upstream, "--listen", one, "--nats", "nats://"+nats)
	shown := regexp.MustCompile(`(?m)^  (GRPCSSE_CLUSTER_SECRET=([0-9a-f]{64}) .*)$`)
	require.Eventually(t, func() bool { return shown.MatchString(first.stderr.String()) }, patience, time.Millisecond, "the command is shown")
	found := shown.FindStringSubmatch(first.stderr.String())
	command, secret := found[1], found[2]
	second := startProcess(t, other, nil, "sh", "-c", "exec env "+command)
	for _, r := range []*replica{first, second} { // it listens before it has asked the upstream for its schema
		require.Eventually(t, func() bool { return strings.Contains(r.stderr.String(), "route is served") }, patience, time.Millisecond)
	}
	oneStream(t, u, "/test.stream.v1.StreamService/Watch?topic=x", first, second)
	assert.Equal(t, 1, strings.Count(first.stderr.String(), secret), "the secret is shown once")
	assert.NotContains(t, second.stderr.String(), secret, "who was told the secret does not show it")
}

// A file without the section has the flag, and the secret of the environment.
func TestAFileCanBeSharedForATrial(t *testing.T) {
	u, upstream := startUpstream(t)
	nats := startNATS(t, nil).Addr().String()
	secret := strings.Repeat("0123456789abcdef", 2)
	var replicas []*replica
	for range 2 {
		address := freeAddress(t)
		file := filepath.Join(t.TempDir(), "grpcsse.yaml")
		require.NoError(t, os.WriteFile(file, []byte(configuration(address, upstream, resumes)), 0o600))
		replicas = append(replicas, startProgram(t, address, []string{"GRPCSSE_CLUSTER_SECRET=" + secret},
			"serve", "--strict", "--config", file, "--nats", "nats://"+nats))
	}
	oneStream(t, u, "/watch/x", replicas...)
	for _, r := range replicas {
		assert.NotContains(t, r.stderr.String(), secret)
	}
}

// oneStream opens a stream at each replica, and waits until the upstream has one stream for all of them.
func oneStream(t *testing.T, u *ticking, path string, replicas ...*replica) {
	t.Helper()
	var pages []*bridgetest.Stream
	for _, r := range replicas {
		page := bridgetest.Open(t, r.url+path)
		page.Timeout = patience
		page.Next()
		pages = append(pages, page)
	}
	require.Eventually(t, func() bool { return u.open.Load() == 1 }, patience, time.Millisecond, "one upstream stream")
	for _, page := range pages {
		for range 20 {
			require.Empty(t, page.Next().Name)
		}
	}
	require.EqualValues(t, 1, u.open.Load(), "one upstream stream, from which all replicas have events")
}

// neighbours returns two addresses with ports that follow each other, which were free a moment ago. They are below the ports that
// the kernel chooses.
func neighbours(t *testing.T) (one, other string) {
	t.Helper()
	for range 100 {
		port := 10_000 + rand.IntN(10_000)
		one, other = fmt.Sprintf("127.0.0.1:%d", port), fmt.Sprintf("127.0.0.1:%d", port+1)
		if isFree(one) && isFree(other) {
			return one, other
		}
	}
	require.FailNow(t, "no free ports")
	return "", ""
}

func isFree(address string) bool {
	lis, err := net.Listen("tcp", address)
	return err == nil && lis.Close() == nil
}
