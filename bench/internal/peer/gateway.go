package peer

import (
	"context"
	"net/http"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/encoding/protojson"

	gateway "github.com/grpcsse/grpcsse/bench/gen/test/stream/v1"
)

//go:generate go -C ../../.. tool buf generate --template bench/buf.gen.yaml

// Gateway is grpc-gateway with the marshaler that people use for server-sent events. Its path is that of gateway.yaml,
// /watch/{topic}. It writes an envelope, {"result":{…}}, and no id.
func Gateway(ctx context.Context, upstream string) (http.Handler, error) {
	mux := runtime.NewServeMux(runtime.WithMarshalerOption("text/event-stream", &events{
		JSONPb: runtime.JSONPb{MarshalOptions: protojson.MarshalOptions{EmitDefaultValues: true}},
	}))
	options := []grpc.DialOption{grpc.WithTransportCredentials(insecure.NewCredentials())}
	return mux, gateway.RegisterStreamServiceHandlerFromEndpoint(ctx, mux, upstream, options)
}

// events makes blocks of JSON.
type events struct{ runtime.JSONPb }

// ContentType implements runtime.Marshaler.
func (*events) ContentType(any) string { return "text/event-stream" }

// Marshal implements runtime.Marshaler.
func (e *events) Marshal(v any) ([]byte, error) {
	data, err := e.JSONPb.Marshal(v)
	if err != nil {
		return nil, err
	}
	return append([]byte("data: "), data...), nil
}

// Delimiter implements runtime.Delimited.
func (*events) Delimiter() []byte { return []byte("\n\n") }
