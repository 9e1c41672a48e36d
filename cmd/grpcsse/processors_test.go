//go:build unix

package main

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// usage is what a program says of its processors.
type usage struct {
	processors int // 0 where it does not answer
	spent      time.Duration
}

func usageOf(health string) (u usage) {
	response, err := http.Get("http://" + health + "/metrics")
	if err != nil {
		return u
	}
	defer func() { _ = response.Body.Close() }()
	text, _ := io.ReadAll(response.Body)
	value := func(name string) float64 {
		found := regexp.MustCompile("(?m)^" + name + ` (\S+)$`).FindSubmatch(text)
		if found == nil {
			return 0
		}
		n, _ := strconv.ParseFloat(string(found[1]), 64)
		return n
	}
	return usage{int(value("go_sched_gomaxprocs_threads")), time.Duration(value("process_cpu_seconds_total") * float64(time.Second))}
}

func TestTheProgramUsesOneProcessorUnlessTheOperatorSaysHowMany(t *testing.T) {
	upstream := freePort(t)
	serveMarket(t, upstream)
	start := func(environment ...string) (health string) {
		file, address := filepath.Join(t.TempDir(), "grpcsse.yaml"), freePort(t)
		health = freePort(t)
		require.NoError(t, os.WriteFile(file, []byte(`
server: {health: "`+health+`", access_log: off}
upstreams: {market: {target: "`+upstream+`"}}
routes: [{path: /tape, rpc: demo.market.v1.MarketService/WatchTape, share: {late_join: latest}}]
`), 0o600))
		startProcess(t, "env", append(environment, "grpcsse", "serve", "--strict", "--config", file, "--listen", address)...)
		awaitServer(t, address)
		return health
	}
	free, told := start("-u", "GOMAXPROCS"), start("GOMAXPROCS=3")
	require.Equal(t, 3, usageOf(told).processors)
	// To be asked is work. The pause between two questions is to make it about half of a processor.
	deadline, pause := time.Now().Add(soon), time.Millisecond
	for before, at := usageOf(free), time.Now(); ; {
		now := usageOf(free)
		if now.processors == 1 {
			break
		}
		require.True(t, time.Now().Before(deadline), "the program has never used one processor")
		if passed := time.Since(at); passed > 200*time.Millisecond {
			if share := float64(now.spent-before.spent) / float64(passed); share > 0.5 {
				pause += pause / 4
			} else if share < 0.4 {
				pause -= pause / 4
			}
			before, at = now, time.Now()
		}
		<-time.After(pause)
	}
	require.Equal(t, 3, usageOf(told).processors)
}
