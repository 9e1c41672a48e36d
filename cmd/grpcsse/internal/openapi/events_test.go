package openapi_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/grpcsse/grpcsse/cmd/grpcsse/internal/openapi"
)

// TestTheEventsOfAStream validates events by the itemSchema of OpenAPI 3.2. A validator does not look into the text of data, so that the
// schema of data is found by the name of the event, and validates its JSON.
func TestTheEventsOfAStream(t *testing.T) {
	api := described(t, shopFiles())
	doc := made(t, api, openapi.V32)
	const order = `{"number":"7","paid":{"side":"SIDE_BUY","raw":""}}`
	const status = `{"code":0,"status":"OK","message":"","retry":false,"reason":"upstream"}`
	for _, tt := range []struct {
		path, name, data string
		fits             bool
	}{
		{"/shops/{shop}/orders", "paid", order, true},
		{"/shops/{shop}/orders", "void_reason", `{"number":"7","voidReason":""}`, true},
		{"/shops/{shop}/orders", "", `{"number":"7"}`, true},
		{"/shops/{shop}/orders", "paid", `{"number":"7"}`, false},
		{"/shops/{shop}/orders", "void_reason", order, false},
		{"/shops/{shop}/orders", "grpc-status", status, true},
		{"/shops/{shop}/orders", "grpc-status", `{"code":0,"status":"OK"}`, false},
		{"/shops/{shop}/orders", "grpc-end", `{}`, true},
		{"/shops/{shop}/orders", "grpc-reset", `{"reason":"slow","last_event_id":"7"}`, true},
		{"/shops/{shop}/orders", "grpc-reset", `{"reason":"other","last_event_id":"7"}`, false},
		{"/shops/{shop}/orders", "grpc-cursor", `{}`, true},
		{"/shops/{shop}/orders", "grpc-stale", `{"code":14,"status":"UNAVAILABLE"}`, true},
		{"/shops/{shop}/orders", "grpc-expiring", `{"in":"30s"}`, true},
		{"/shops/{shop}/orders", "order", order, false},
		{"/towns/{range.place.town}/{segment-2}", "order", order, true},
		{"/towns/{range.place.town}/{segment-2}", "", order, false},
		{"/towns/{range.place.town}/{segment-2}", "grpc-cursor", `{}`, false},
	} {
		item := doc.schema(t, "paths", tt.path, "get", "responses", "200", "content", "text/event-stream", "itemSchema")
		event := map[string]any{"data": tt.data, "id": "7", "retry": 1000}
		if tt.name != "" {
			event["event"] = tt.name
		}
		text, err := json.Marshal(event)
		assert.NoError(t, err)
		at, name := -1, tt.name
		if name == "" {
			name = "message"
		}
		for i, one := range doc.Paths.Value(tt.path).Get.Responses.Value("200").Value.Content["text/event-stream"].ItemSchema.Value.OneOf {
			if one.Value.Properties["event"].Value.Const == name {
				at = i
			}
		}
		good := fits(t, item, string(text)) == nil && at >= 0
		if good {
			data := doc.schema(t, "paths", tt.path, "get", "responses", "200", "content", "text/event-stream", "itemSchema", "oneOf", fmt.Sprint(at),
				"properties", "data", "contentSchema")
			good = fits(t, data, tt.data) == nil
		}
		assert.Equal(t, tt.fits, good, "%s: event %q with %s", tt.path, tt.name, tt.data)
	}
}

func TestNamesOfEventsThatNoSchemaLists(t *testing.T) {
	doc := made(t, described(t, map[string]string{
		"p.proto": `syntax = "proto2"; package p;
enum Side { error = 0; BUY = 1; }
message M { optional string text = 1; optional Side side = 2; optional double price = 3; }
service S { rpc Watch(M) returns (stream M); }`,
		"grpcsse.yaml": `
upstreams: {u: {target: "127.0.0.1:1", schema: {proto: {files: [p.proto]}}}}
routes:
  - {path: /text, rpc: p.S/Watch, event: {name: text}}
  - {path: /side, rpc: p.S/Watch, event: {name: side}}
  - {path: /price, rpc: p.S/Watch, event: {name: price}}
`,
	}), openapi.V32)
	for path, names := range map[string]map[string]bool{
		"/text":  {"anything": true, "grpc-other_": true, "": true},
		"/side":  {"error_": true, "BUY": true, "7": true, "-7": true, "": true, "SELL": false, "error": false},
		"/price": {"1.5": true, "-1e+21": true, "NaN": true, "+Inf": true, "-Inf": true, "": true, "x": false},
	} {
		item := doc.schema(t, "paths", path, "get", "responses", "200", "content", "text/event-stream", "itemSchema")
		for name, want := range names {
			text := fmt.Sprintf(`{"data": "{}", "event": %q}`, name)
			if name == "" {
				text = `{"data": "{}"}`
			}
			assert.Equal(t, want, fits(t, item, text) == nil, "%s: %q", path, name)
		}
	}
}
