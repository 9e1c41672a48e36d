package app

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/config"
)

func TestDemoFileIsInOrderAsItIs(t *testing.T) {
	cfg, err := config.Parse("demo.yaml", []byte(demoYAML))
	require.NoError(t, err)
	assert.Empty(t, cfg.Warnings)
}

func TestDemoFileTakesTheAddressesOfTheRunningDemo(t *testing.T) {
	cfg, err := config.Parse("demo.yaml", demoFile("127.0.0.1:1", "127.0.0.1:2"))
	require.NoError(t, err)
	assert.Equal(t, "127.0.0.1:1", cfg.Server.Listen)
	assert.Equal(t, "127.0.0.1:2", cfg.Upstreams[0].Target)
}

func TestThePageShowsEachRouteAsTheFileHasIt(t *testing.T) {
	cfg, err := config.Parse("demo.yaml", []byte(demoYAML))
	require.NoError(t, err)
	streams := demoStreams(cfg, []byte(demoYAML))
	assert.Len(t, streams, len(cfg.Routes))
	assert.Equal(t, "demo.activity.v1.ActivityService/WatchActivity", streams["activity"].RPC)
	assert.Equal(t, `- name: activity
  path: /activity
  rpc: demo.activity.v1.ActivityService/WatchActivity
  request:
    set: {after_sequence: "${last_event_id}"}
  event: {id: sequence, name: what}`, streams["activity"].YAML)
	assert.Equal(t, `- name: count
  path: /count
  rpc: demo.counter.v1.CounterService/Count`, streams["count"].YAML)
	assert.Equal(t, crowdPath, streams["tape"].Path)
}
