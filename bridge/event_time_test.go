package bridge_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge"
	"github.com/grpcsse/grpcsse/bridge/bridgetest"
)

// A Timestamp can be the id of an event, and a cursor field of the same type can have that id.
func TestATimeAsAnID(t *testing.T) {
	up := bridgetest.NewUpstream(t, scripted)
	_, url := bridgetest.NewBridge(t, up.YAML(upstreamFile("event: {id: time}", `request: {set: {since: "${last_event_id}"}}`)))
	page := bridgetest.Open(t, url+"/watch/x")
	call := up.NextCall("Watch")
	call.ExpectRequest(`{"topic": "x"}`)
	call.SendJSON(`{"time": "2026-01-02T03:04:05.678Z"}`)
	assert.Equal(t, "2026-01-02T03:04:05.678Z", page.Next().ID)
	page.Reconnect()
	up.NextCall("Watch").ExpectRequest(`{"topic": "x", "since": "2026-01-02T03:04:05.678Z"}`)
}

// Neither a oneof nor a message without a text form can be an id.
func TestWhatCannotBeAnID(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", count(1, nil))
	for field, want := range map[string]string{"filter": "test.stream.v1.Filter", "body": "oneof"} {
		cfg := parse(t, s, routeFile("event: {id: "+field+"}"))
		got := bridge.Check(t.Context(), cfg)
		require.Len(t, got, 1)
		assert.Contains(t, got[0].Message, "cannot serve here")
		assert.Contains(t, got[0].Message, want)
	}
}
