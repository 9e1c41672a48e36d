package bridge_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/grpcsse/grpcsse/bridge"
	"github.com/grpcsse/grpcsse/bridge/config"
	streamv1 "github.com/grpcsse/grpcsse/gen/test/stream/v1"
)

// A Timestamp can be the id of an event, and a cursor field of the same type can have that id.
func TestATimeAsAnID(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 678_000_000, time.UTC)
	since := make(chan *timestamppb.Timestamp, 1)
	s := startServer(t, "127.0.0.1:0", func(r *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
		since <- r.GetSince()
		return stream.Send(&streamv1.Event{Time: timestamppb.New(at)})
	})
	f := startFront(t, s, routeFile("event: {id: time}", `request: {set: {since: "${last_event_id}"}}`))
	got := newReader(do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, f.url+"/watch/x"))).all(t)
	require.NotEmpty(t, got)
	assert.Equal(t, "2026-01-02T03:04:05.678Z", got[0].id)
	assert.Nil(t, <-since)
	r := eventSource(t.Context(), t, f.url+"/watch/x")
	r.Header.Set("Last-Event-ID", got[0].id)
	newReader(do(t, clients(t)["HTTP1"], r)).all(t)
	assert.True(t, at.Equal((<-since).AsTime()))
}

// Neither a oneof nor a message without a text form can be an id.
func TestWhatCannotBeAnID(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", count(1, nil))
	for field, want := range map[string]string{"filter": "test.stream.v1.Filter", "body": "oneof"} {
		cfg, err := config.Parse("grpcsse.yaml", []byte(strings.ReplaceAll(routeFile("event: {id: "+field+"}"), "ADDR", s.addr)))
		require.NoError(t, err)
		got := bridge.Check(t.Context(), cfg)
		require.Len(t, got, 1)
		assert.Contains(t, got[0].Message, "cannot serve here")
		assert.Contains(t, got[0].Message, want)
	}
}
