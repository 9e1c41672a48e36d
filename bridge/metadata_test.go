package bridge_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"github.com/grpcsse/grpcsse/bridge/bridgetest"
	streamv1 "github.com/grpcsse/grpcsse/gen/test/stream/v1"
)

// incoming is the metadata that a server has received.
func incoming(ctx context.Context) metadata.MD {
	md, _ := metadata.FromIncomingContext(ctx)
	return md
}

// hear answers with the metadata of the call, and passes the metadata to the test.
func hear(got chan<- metadata.MD) watch {
	return func(_ *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
		got <- incoming(stream.Context())
		err := stream.SendHeader(metadata.Pairs("x-cursor", "17", "x-raw-bin", "\x00\xff", "x-secret", "s"))
		if err != nil {
			return err
		}
		return stream.Send(&streamv1.Event{Sequence: 1})
	}
}

func TestOnlyListedMetadataPasses(t *testing.T) {
	up := bridgetest.NewUpstream(t, scripted)
	_, url := bridgetest.NewBridge(t, up.YAML(upstreamFile("metadata: {forward: [authorization, x-trace-bin], expose: [x-cursor, x-raw-bin]}")))
	page := bridgetest.Open(t, url+"/watch/x",
		"Authorization", "Bearer t", "X-Trace-Bin", "AP8=", "X-Other", "no", "Cookie", "session=1",
		"Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "Grpc-Timeout", "1n")
	call := up.NextCall("Watch")
	call.SendHeader("x-cursor", "17", "x-raw-bin", "\x00\xff", "x-secret", "s")
	assert.Equal(t, "17", page.Header().Get("X-Cursor"))
	assert.Equal(t, "AP8=", page.Header().Get("X-Raw-Bin"))
	assert.Empty(t, page.Header().Get("X-Secret"))
	call.SendJSON(`{"sequence": 1}`)
	page.ExpectEvent("", `{"sequence": "1"}`)
	call.End(nil)
	page.ExpectEnd(`{"status": "OK"}`)

	assert.Equal(t, []string{"Bearer t"}, call.Metadata.Get("authorization"))
	assert.Equal(t, []string{"\x00\xff"}, call.Metadata.Get("x-trace-bin"))
	assert.Equal(t, []string{"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}, call.Metadata.Get("traceparent"))
	for _, name := range []string{"x-other", "cookie", "last-event-id", "accept", "grpc-timeout"} {
		assert.Empty(t, call.Metadata.Get(name), name)
	}
}

func TestHeadersThatGRPCCannotSend(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", count(1, nil))
	f := startFront(t, s, routeFile("metadata: {forward: [x-name, x-data-bin]}"))
	for name, header := range map[string][]string{
		"not ASCII":  {"X-Name", "J\xc3\xbcrgen"},
		"not base64": {"X-Data-Bin", "!!"},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, f.url+"/watch/x", nil)
			require.NoError(t, err)
			r.Header.Set(header[0], header[1])
			assert.Equal(t, http.StatusBadRequest, do(t, clients(t)["HTTP1"], r).StatusCode)
		})
	}
	assert.Zero(t, s.opened.Load())
}
