package contract_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge"
	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/cmd/grpcsse/internal/contract"
)

const source = `syntax = "proto2";
package p;
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";
message Filter { optional string venue = 1; repeated int64 depth = 2; }
message Ask { required string symbol = 1; required int32 must = 2; optional Filter filter = 3; optional bool open = 4; optional string secret = 5; }
enum Side { option allow_alias = true; NONE = 0; BUY = 1; BID = 1; error = 2; }
message Event {
  oneof what { Filter filter = 1; string message = 2; string message_ = 3; }
  optional Side side = 4; required Side must = 5; optional string text = 6; optional double price = 7; optional bool live = 8;
  optional google.protobuf.Timestamp at = 9; optional google.protobuf.BoolValue flag = 10; optional Inner inner = 11;
  optional uint64 number = 12;
}
message Inner { oneof kind { string a = 1; string b = 2; } required Side must = 3; }
service S { rpc Watch(Ask) returns (stream Event); }
`

// contracts returns the contracts of the routes of a configuration, by their names.
func contracts(t *testing.T, routes string) map[string]contract.Route {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "p.proto"), []byte(source), 0o600))
	three := "syntax = \"proto3\";\npackage q;\nenum Side { NONE = 0; BUY = 1; }\nmessage M { Side side = 1; bool live = 2; }\nservice S { rpc Watch(M) returns (stream M); }\n"
	require.NoError(t, os.WriteFile(filepath.Join(dir, "q.proto"), []byte(three), 0o600))
	file := filepath.Join(dir, "grpcsse.yaml")
	text := "upstreams:\n  u: {target: \"127.0.0.1:1\", schema: {proto: {files: [p.proto, q.proto]}}}\nroutes:\n" + routes
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	cfg, err := config.Load(file)
	require.NoError(t, err)
	b, err := bridge.New(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, b.Close()) })
	require.NoError(t, b.Ready(t.Context()))
	out := map[string]contract.Route{}
	for _, info := range b.Routes() {
		if r, ok := contract.New(info); assert.True(t, ok, "%s: %v", info.Name, info.Problem) {
			out[r.Name] = r
		}
	}
	return out
}

// words returns names as text.
func words(n contract.Names) string {
	var out []string
	for _, name := range n.Known {
		text := name.Text
		for _, member := range name.Members {
			text += "<" + string(member.Name())
		}
		out = append(out, text)
	}
	for i, is := range []bool{n.Any, n.Numbers, n.Unnamed} {
		if is {
			out = append(out, []string{"+any", "+numbers", "+unnamed"}[i])
		}
	}
	return strings.Join(out, " ")
}

func TestTheNamesOfEvents(t *testing.T) {
	for _, tt := range []struct{ rpc, event, want string }{
		{"p.S/Watch", "{}", "+unnamed"},
		{"p.S/Watch", "{name: {const: quote}}", "quote"},
		{"p.S/Watch", "{name: {const: error}}", "error_"},
		{"p.S/Watch", "{name: {const: grpc-status}}", "grpc-status_"},
		{"p.S/Watch", "{name: what}", "filter<filter message_<message<message_ +unnamed"},
		{"p.S/Watch", "{name: what, data: inner}", "filter message_ +unnamed"},
		{"p.S/Watch", "{name: inner.kind}", "a b +unnamed"},
		{"p.S/Watch", "{name: side}", "NONE BUY error_ +numbers +unnamed"},
		{"p.S/Watch", "{name: must}", "NONE BUY error_ +numbers"},
		{"p.S/Watch", "{name: inner.must}", "NONE BUY error_ +numbers +unnamed"},
		{"p.S/Watch", "{name: text}", "+any +unnamed"},
		{"p.S/Watch", "{name: price}", "NaN +Inf -Inf +numbers +unnamed"},
		{"p.S/Watch", "{name: number}", "+numbers +unnamed"},
		{"p.S/Watch", "{name: live}", "false true +unnamed"},
		{"p.S/Watch", "{name: at}", "+any +unnamed"},
		{"p.S/Watch", "{name: flag}", "false true +unnamed"},
		{"q.S/Watch", "{name: side}", "BUY +numbers +unnamed"},
		{"q.S/Watch", "{name: live}", "true +unnamed"},
	} {
		t.Run(tt.rpc+" "+tt.event, func(t *testing.T) {
			routes := contracts(t, fmt.Sprintf("  - {path: /x, rpc: %s, event: %s}\n", tt.rpc, tt.event))
			assert.Equal(t, tt.want, words(routes["/x"].Events))
		})
	}
}

// parameters returns parameters as text.
func parameters(list []contract.Parameter) string {
	var out []string
	for _, p := range list {
		text := p.Name
		if fd := p.Field(); fd != nil {
			text += ":" + fd.Kind().String()
		}
		if !p.Required {
			text += "?"
		}
		out = append(out, text)
	}
	return strings.Join(out, " ")
}

func TestWhatARequestMaySay(t *testing.T) {
	routes := contracts(t, `
  - {name: all, path: "/all/{symbol}", rpc: p.S/Watch}
  - {name: none, path: /none, rpc: p.S/Watch, request: {query: []}}
  - {name: some, path: "/some/{symbol}/{filter.venue}/{other}", rpc: p.S/Watch,
     request: {query: [filter.depth, open], set: {secret: "${query.q} ${query.r:-x} ${path.other}", must: "${query.open}"}},
     metadata: {set: {x-r: "${query.r}"}}}
  - {name: body, path: "/body/{symbol}", rpc: p.S/Watch, methods: [GET, POST], body: filter}
  - {name: whole, path: "/whole/{symbol}", rpc: p.S/Watch, methods: [POST], body: "*"}
  - {name: written, path: /written, rpc: p.S/Watch, json: {field_names: proto, enums: numbers, emit_defaults: false}, event: {data: filter}}
`)
	for name, want := range map[string][3]string{
		"all":     {"symbol:string", "must:int32 filter.venue:string? filter.depth:int64? open:bool? secret:string?", "-"},
		"none":    {"", "", "-"},
		"some":    {"symbol:string filter.venue:string other", "filter.depth:int64? open:bool q r", "-"},
		"body":    {"symbol:string", "must:int32 filter.venue:string? filter.depth:int64? open:bool? secret:string?", "must:int32 open:bool? secret:string?"},
		"whole":   {"symbol:string", "", ""},
		"written": {"", "symbol:string must:int32 filter.venue:string? filter.depth:int64? open:bool? secret:string?", "-"},
	} {
		r := routes[name]
		assert.Equal(t, want[0], parameters(r.Variables), name)
		assert.Equal(t, want[1], parameters(r.Query), name)
		if want[2] == "-" {
			assert.Nil(t, r.Body, name)
		} else if assert.NotNil(t, r.Body, name) {
			assert.Equal(t, want[2], parameters(r.QueryBesideBody()), name)
		}
		assert.Equal(t, name != "whole", r.Gets(), name)
		assert.Equal(t, name == "whole" || name == "body", r.Posts(), name)
	}
	assert.Equal(t, "Filter", string(routes["written"].Data.Name()))
	assert.Equal(t, "{ProtoNames:true EnumNumbers:true EmitDefaults:false EmitUnpopulated:false}", fmt.Sprintf("%+v", routes["written"].JSON))
	assert.Equal(t, "{ProtoNames:false EnumNumbers:false EmitDefaults:true EmitUnpopulated:false}", fmt.Sprintf("%+v", routes["all"].JSON))
}

func TestWhatSettingsReadAndGive(t *testing.T) {
	routes := contracts(t, `
  - {name: read, path: /read, rpc: p.S/Watch, metadata: {forward: [x-a], set: {x-b: "${header.x-b} ${header.x-a:-1} ${cookie.c}", x-c: "${cookie.c:-1}"}},
     request: {set: {secret: "${header.x-d:-1}", symbol: "${last_event_id}"}}}
  - {name: whole, path: "/whole/{symbol}", rpc: p.S/Watch, methods: [POST], body: "*", request: {set: {secret: x, "filter.venue": y, open: "true"}}}
  - {name: inner, path: "/inner/{filter.venue}", rpc: p.S/Watch, methods: [POST], body: filter, request: {set: {secret: x}}}
`)
	assert.Equal(t, "x-a? x-d? x-b", parameters(routes["read"].Headers))
	assert.Equal(t, "c", parameters(routes["read"].Cookies))
	assert.True(t, routes["read"].Resumes)
	assert.False(t, routes["whole"].Resumes)
	assert.Equal(t, "/read", routes["read"].Config.Path)
	for name, want := range map[string]string{"whole": "symbol open secret", "inner": "venue"} {
		var given []string
		for _, fd := range routes[name].Body.Given {
			given = append(given, string(fd.Name()))
		}
		assert.Equal(t, want, strings.Join(given, " "), name)
	}
}
