package scenario

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/grpcsse/grpcsse/bench/internal/load"
	"github.com/grpcsse/grpcsse/bench/internal/upstream"
)

func TestCancelled(t *testing.T) {
	var departures []load.Departure
	var ended []upstream.End
	for i := range 101 { // the later it leaves, the longer it takes
		topic := fmt.Sprint(i)
		departures = append(departures, load.Departure{Topic: topic, At: int64(i)})
		ended = append([]upstream.End{{Topic: topic, At: int64(2*i) + int64(time.Second)}}, ended...)
	}
	departures = append(departures, load.Departure{Topic: "still there"})
	want := load.Latency{P50: time.Second + 50, P99: time.Second + 99, Max: time.Second + 100}
	assert.Equal(t, want, cancelled(departures, ended))
	assert.Zero(t, cancelled(departures, nil))
}

func TestTheBridgesFile(t *testing.T) {
	private := configuration(Scenario{Kind: Flowing}, Contender{}, "127.0.0.1:1")
	assert.Contains(t, private, `target: "127.0.0.1:1"`)
	assert.NotContains(t, private, "share")
	assert.Contains(t, configuration(Scenario{Kind: Flowing, Shared: true}, Contender{}, ""), "    share: {late_join: none}\n")
	assert.Contains(t, configuration(Scenario{Kind: Idle, Shared: true}, Contender{}, ""), "    share: {late_join: latest}\n")
	assert.Contains(t, configuration(Scenario{Kind: Flowing}, Contender{Lonely: true}, ""), "    share: {late_join: none}\n")
}
