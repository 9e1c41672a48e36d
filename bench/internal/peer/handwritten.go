package peer

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/encoding/protojson"

	streamv1 "github.com/grpcsse/grpcsse/gen/test/stream/v1"
)

// Handwritten is what a service does without a bridge: the generated client, protojson, a flush per event. Its paths are
// /watch/TOPIC.
func Handwritten(upstream string) (http.Handler, error) {
	client, err := dial(upstream)
	if err != nil {
		return nil, err
	}
	return handler(client, (*http.Request).Context), nil
}

// Leaky is Handwritten with the mistake that is easily made: its upstream streams outlive the browsers. It is here to see
// that the harness finds it out.
func Leaky(upstream string) (http.Handler, error) {
	client, err := dial(upstream)
	if err != nil {
		return nil, err
	}
	return handler(client, func(r *http.Request) context.Context { return context.WithoutCancel(r.Context()) }), nil
}

// dial returns a client whose connection lasts as long as the process does.
func dial(upstream string) (streamv1.StreamServiceClient, error) {
	conn, err := grpc.NewClient(upstream, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, err
	}
	return streamv1.NewStreamServiceClient(conn), nil
}

// handler opens an upstream stream for each request, in the context that scope returns.
func handler(client streamv1.StreamServiceClient, scope func(*http.Request) context.Context) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		topic := strings.TrimPrefix(r.URL.Path, "/watch/")
		stream, err := client.Watch(scope(r), &streamv1.WatchRequest{Topic: topic})
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		w.Header().Set("Cache-Control", "no-store")
		flusher := http.NewResponseController(w)
		for {
			e, err := stream.Recv()
			if err != nil {
				return
			}
			data, err := protojson.MarshalOptions{EmitDefaultValues: true}.Marshal(e)
			if err != nil {
				return
			}
			var frame bytes.Buffer
			fmt.Fprintf(&frame, "id: %d\ndata: %s\n\n", e.GetSequence(), data)
			if _, err := w.Write(frame.Bytes()); err != nil {
				return
			}
			_ = flusher.Flush()
		}
	})
}
