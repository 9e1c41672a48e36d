package typescript_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge"
	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/cmd/grpcsse/internal/contract"
	"github.com/grpcsse/grpcsse/cmd/grpcsse/internal/typescript"
)

// declared returns the declarations for a configuration whose schemas are in files beside it.
func declared(t *testing.T, files map[string]string, o typescript.Options) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	cfg, err := config.Load(filepath.Join(dir, "grpcsse.yaml"))
	require.NoError(t, err)
	b, err := bridge.New(t.Context(), cfg)
	require.NoError(t, err)
	defer func() { assert.NoError(t, b.Close()) }()
	require.NoError(t, b.Ready(t.Context()))
	var routes []contract.Route
	for _, info := range b.Routes() {
		route, ok := contract.New(info)
		require.True(t, ok, "%s: %v", info.Path, info.Problem)
		routes = append(routes, route)
	}
	return string(typescript.File(routes, o))
}

const use = `
import {subscribe, type Message} from "grpcsse";
import type {QuoteJson, ActivityJson, a_v1_TwinJson, b_v1_TwinJson, PostRoutes, TreeJson} from "./events";

/** Fails to compile unless both types are the same. */
function same<A, B>(..._: (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? [] : [never]): void {}

export async function page(): Promise<void> {
  for await (const {data, name} of subscribe("/quotes/{symbol}", {symbol: "AAPL"}, {query: {recent: 3}})) {
    same<typeof data, QuoteJson>();
    same<typeof name, "message">();
    same<typeof data.sequence, string>();
    same<typeof data.time, string | undefined>();
    // @ts-expect-error: there is no such field
    data.prise;
    // @ts-expect-error: it may be NaN
    data.price.toFixed(2);
  }
  for await (const event of subscribe("/activity")) {
    if (event.name === "ended") same<typeof event.data.ended.code, string>();
    // @ts-expect-error: another event has it
    if (event.name === "opened") event.data.ended.code;
    if (event.data.ended !== undefined) same<typeof event.data.ended.code, string>();
  }
  subscribe("/activity").addEventListener("cleaned_up", (e) => same<typeof e.data.cleanedUp.note, string>());
  for await (const event of subscribe("/twins")) same<typeof event.data, a_v1_TwinJson>();
  for await (const event of subscribe("/other")) same<typeof event, Message<b_v1_TwinJson, "twin">>();
  for await (const event of subscribe("/tree", {query: {ids: ["1", 2n, 3], kind: "KIND_SAME", must: "x"}})) {
    same<typeof event.data, TreeJson>();
    same<typeof event.name, string>();
  }
}

export const body: PostRoutes["/post/{name}"]["body"] = {kind: 1, ids: ["1", 2], "@odd*/": "x"};
export const activity: ActivityJson = {sequence: "1", stream: 0, rpc: "", peer: "", opened: {}};
export const leaf: TreeJson = {id: "", kind: "KIND_ONE", children: [], odd: "x", a: {left: {id: "", kind: 7, children: [], odd: ""}}};

export function refused(): void {
  // @ts-expect-error: the variable has another name
  subscribe("/quotes/{symbol}", {symbl: "AAPL"});
  // @ts-expect-error: the parameter has another type
  subscribe("/quotes/{symbol}", {symbol: "AAPL"}, {query: {recent: "3"}});
  // @ts-expect-error: a setting of the route needs the parameter
  subscribe("/tree");
  // @ts-expect-error: the value of the enum has another name
  subscribe("/tree", {query: {kind: "ONE", must: "x"}});
  // @ts-expect-error: the path gives the name
  body satisfies {name: string};
  // @ts-expect-error: a setting of the route gives the tree
  body.deep;
  // @ts-expect-error: the route takes no GET, and a path with variables needs them
  subscribe("/post/{name}");
}
`

const a = `syntax = "proto3";
package a.v1;
// A twin. */ } declare global { const evil: 1 } /*
// @ts-expect-error
message Twin { string id = 1; }
message Tree {
  string id = 1;
  Kind kind = 2;
  repeated Tree children = 3; /* @ts-ignore */
  // One of them.
  oneof way { Tree left = 4; Tree right = 5; }
  Inner a = 6;
  string odd = 7 [json_name = "odd"];
  message Inner { oneof way { Tree left = 1; Tree right = 2; } }
}
message Ask { repeated int64 ids = 1; Kind kind = 2; string name = 3; string odd = 4 [json_name = "@odd*/"]; Tree deep = 5; }
enum Kind { option allow_alias = true; KIND_UNSPECIFIED = 0; KIND_ONE = 1; KIND_SAME = 1; }
service S { rpc Twins(Ask) returns (stream Twin); rpc Trees(Ask) returns (stream Tree); }
`

const b = `syntax = "proto3";
package b.v1;
message Twin { int32 id = 1; }
service S { rpc Twins(Twin) returns (stream Twin); }
`

// TestAPageIsTypedEndToEnd compiles what a page does, and what it must not do, with the types of the demo and of hostile schemas.
func TestAPageIsTypedEndToEnd(t *testing.T) {
	protos, err := filepath.Abs("../../../../proto")
	require.NoError(t, err)
	made := declared(t, map[string]string{"a.proto": a, "b.proto": b, "grpcsse.yaml": `
upstreams:
  demo: {target: "127.0.0.1:1", schema: {proto: {files: [demo/market/v1/market.proto, demo/activity/v1/activity.proto], import_paths: [` + protos + `]}}}
  own: {target: "127.0.0.1:1", schema: {proto: {files: [a.proto, b.proto]}}}
routes:
  - {path: "/quotes/{symbol}", rpc: demo.market.v1.MarketService/WatchQuotes}
  - {path: /activity, rpc: demo.activity.v1.ActivityService/WatchActivity, event: {name: what}}
  - {path: /twins, rpc: a.v1.S/Twins}
  - {path: /other, rpc: b.v1.S/Twins, event: {name: {const: twin}}}
  - {path: /tree, rpc: a.v1.S/Trees, event: {name: id}, request: {set: {name: "${query.must}"}}}
  - {path: "/post/{name}", rpc: a.v1.S/Trees, methods: [POST], body: "*", request: {set: {deep: {id: x}}}}
`}, typescript.Options{})
	page, err := os.ReadFile("../../../../docs/browser.md")
	require.NoError(t, err)
	script := regexp.MustCompile("(?ms)^```ts\n(.*?)^```$").FindStringSubmatch(string(page))
	require.NotNil(t, script)
	assert.Contains(t, script[1], "subscribe(")
	compile(t, map[string]string{"events.d.ts": made, "use.ts": strings.TrimSpace(use), "page.ts": script[1]})
}

func TestTheOrderOfRoutesMakesNoDifference(t *testing.T) {
	files := func(routes ...string) map[string]string {
		return map[string]string{"a.proto": a, "b.proto": b, "grpcsse.yaml": "upstreams:\n  own: {target: \"127.0.0.1:1\", schema: {proto: {files: [a.proto, b.proto]}}}\nroutes:\n" + strings.Join(routes, "")}
	}
	const one, two, three = "  - {path: /one, rpc: a.v1.S/Trees}\n", "  - {path: /two, rpc: b.v1.S/Twins}\n", "  - {path: /three, rpc: a.v1.S/Twins, json: {emit_defaults: false}}\n"
	want := declared(t, files(one, two, three), typescript.Options{})
	assert.Equal(t, want, declared(t, files(three, two, one), typescript.Options{}))
	assert.Contains(t, want, "a_v1_TwinJsonNoDefaults")
	assert.NotContains(t, want, "*/ }")
	assert.True(t, typescript.IsMade([]byte(want)))
	assert.False(t, typescript.IsMade([]byte("export const x = 1;")))
}
