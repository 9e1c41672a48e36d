package openapi_test

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/cmd/grpcsse/internal/openapi"
)

var update = flag.Bool("update", false, "write the golden files anew")

const shop = `syntax = "proto3";
package shop.v1;
import "google/protobuf/timestamp.proto";
import "other.proto";
message Ask {
  // The shop that is meant.
  string shop = 1;
  Range range = 2;
  repeated other.v1.Side sides = 3 [deprecated = true];
  string tenant = 4;
  oneof way { string by_name = 5; int64 by_number = 6; }
  message Range { int64 from = 1; Place place = 2; }
  message Place { string town = 1; }
}
// Order is what somebody has bought. It may be large.
message Order {
  int64 number = 1;
  google.protobuf.Timestamp time = 2;
  // What has happened.
  oneof what { other.v1.Order paid = 3; string void_reason = 4; }
}
// Shop sells.
service Shop {
  // Watch watches. It goes on behind the cursor.
  rpc Watch(Ask) returns (stream Order);
}
`

const other = `syntax = "proto3";
package other.v1;
enum Side { SIDE_UNSPECIFIED = 0; SIDE_BUY = 1; /* Sold. */ SIDE_SELL = 2; }
message Order { Side side = 1; bytes raw = 2; }
`

const shopRoutes = `
auth:
  warn: 30s
  jwt:
    corp: {issuer: https://id.hidden.example, audience: [hidden-audience], from: [header, "cookie:session", "query:access_token"]}
  ask:
    hidden-endpoint: {url: "http://hidden-auth:8080/check", forward: [x-key], claims: [x-user]}
server: {hosts: [hidden.example.com]}
upstreams:
  hidden-upstream: {target: "hidden-target:1", schema: {proto: {files: [shop.proto]}}}
routes:
  - {path: "/shops/{shop}/orders", rpc: shop.v1.Shop/Watch, name: orders of a shop, event: {name: what, id: number}, share: {late_join: latest},
     auth: {jwt: corp}, request: {set: {tenant: "hidden-literal ${query.tenant:-hidden-default}"}}, metadata: {expose: [x-trace]}}
  - {path: "/towns/{range.place.town}/**", rpc: shop.v1.Shop/Watch, auth: {ask: hidden-endpoint}, metadata: {forward: [authorization, x-shop]},
     event: {name: {const: order}}, request: {set: {by_number: "${header.x-number}", tenant: "${cookie.name:-hidden}"}}}
  - {path: "/post/{shop}", rpc: shop.v1.Shop/Watch, methods: [GET, POST], body: "*", event: {data: paid}, request: {set: {tenant: hidden-tenant}}}
  - {path: "/resume", rpc: shop.v1.Shop/Watch, request: {query: [shop], set: {by_number: "${last_event_id}"}}, event: {id: number}, metadata: {forward: [authorization]}}
`

func shopFiles() map[string]string {
	return map[string]string{"shop.proto": shop, "other.proto": other, "grpcsse.yaml": shopRoutes}
}

func TestTheGoldenDocuments(t *testing.T) {
	api := described(t, shopFiles())
	for _, target := range []openapi.Target{openapi.V31, openapi.V32} {
		doc := made(t, api, target)
		file := filepath.Join("testdata", "shop-"+string(target)+".json")
		if *update {
			require.NoError(t, os.WriteFile(file, []byte(doc.text), 0o600))
		}
		want, err := os.ReadFile(file)
		require.NoError(t, err)
		assert.Equal(t, string(want), doc.text, "go test ./cmd/grpcsse/internal/openapi -run Golden -update writes %s anew", file)
		slices.Reverse(api.Routes)
		assert.Equal(t, doc.text, made(t, api, target).text, "the order of the routes in the configuration does not matter")
	}
}

// The document tells a client what to send, and nothing of what is behind the bridge.
func TestADocumentKeepsTheConfigurationToItself(t *testing.T) {
	api := described(t, shopFiles())
	for _, target := range []openapi.Target{openapi.V31, openapi.V32} {
		text := made(t, api, target).text
		assert.NotContains(t, text, "hidden")
		assert.NotContains(t, text, "127.0.0.1")
	}
}

// in returns the names of the parameters in a place, with ! where they are required.
func in(op *openapi3.Operation, place string) string {
	var names []string
	for _, p := range op.Parameters {
		if p.Value.In == place {
			name := p.Value.Name
			if p.Value.Required {
				name += "!"
			}
			names = append(names, name)
		}
	}
	return strings.Join(names, " ")
}

func TestTheParametersOfARequest(t *testing.T) {
	doc := made(t, described(t, shopFiles()), openapi.V31)
	for _, tt := range []struct{ path, method, variables, query, header, cookie string }{
		{"/shops/{shop}/orders", "GET", "shop!", "range.from range.place.town sides by_name by_number tenant last_event_id", "Last-Event-ID", ""},
		{"/towns/{range.place.town}/{segment-2}", "GET", "range.place.town! segment-2!", "shop range.from sides", "x-shop x-number!", "name"},
		{"/post/{shop}", "GET", "shop!", "range.from range.place.town sides by_name by_number", "", ""},
		{"/post/{shop}", "POST", "shop!", "", "", ""},
		{"/resume", "GET", "", "shop last_event_id", "Last-Event-ID", ""},
	} {
		op := doc.Paths.Value(tt.path).GetOperation(tt.method)
		require.NotNil(t, op, tt.path)
		assert.Equal(t, tt.variables, in(op, "path"), tt.path)
		assert.Equal(t, tt.query, in(op, "query"), tt.path)
		assert.Equal(t, tt.header, in(op, "header"), tt.path)
		assert.Equal(t, tt.cookie, in(op, "cookie"), tt.path)
	}
	sides := doc.Paths.Value("/post/{shop}").Get.Parameters.GetByInAndName("query", "sides")
	assert.True(t, sides.Deprecated)
	assert.Equal(t, "array", (*sides.Schema.Value.Type)[0])
	assert.Equal(t, "The shop that is meant.", doc.Paths.Value("/post/{shop}").Get.Parameters.GetByInAndName("path", "shop").Description)
}

func TestABodyLeavesOutWhatTheRouteGives(t *testing.T) {
	doc := made(t, described(t, shopFiles()), openapi.V31)
	body := doc.schema(t, "paths", "/post/{shop}", "post", "requestBody", "content", "application/json", "schema")
	for text, want := range map[string]bool{
		`{}`:                                   true,
		`{"range": {"from": "1"}}`:             true,
		`{"range": {"from": 1}}`:               true,
		`{"sides": ["SIDE_BUY", 7]}`:           true,
		`{"byName": "x"}`:                      true,
		`{"byName": "x", "byNumber": "1"}`:     false,
		`{"shop": "x"}`:                        false,
		`{"tenant": "x"}`:                      false,
		`{"range": {"from": true}}`:            false,
		`{"range": {"place": {"town": null}}}`: false,
		`{"sides": ["BUY"]}`:                   false,
		`[]`:                                   false,
	} {
		assert.Equal(t, want, fits(t, body, text) == nil, text)
	}
	assert.NotContains(t, doc.Paths.Value("/post/{shop}").Post.RequestBody.Value.Content["application/json"].Schema.Value.Properties, "shop")
}

func TestTheSecurityOfRoutes(t *testing.T) {
	doc := made(t, described(t, shopFiles()), openapi.V31)
	for path, want := range map[string][]string{
		"/shops/{shop}/orders":                  {"bearer", "cookie-session", "query-access_token"},
		"/towns/{range.place.town}/{segment-2}": {"header-x-key"},
		"/post/{shop}":                          nil,
		"/resume":                               {"", "authorization"},
	} {
		var ways []string
		if security := doc.Paths.Value(path).Get.Security; security != nil {
			for _, way := range *security {
				name := ""
				for scheme := range way {
					name += scheme
				}
				ways = append(ways, name)
			}
		}
		assert.Equal(t, want, ways, path)
	}
	assert.Equal(t, "bearer", doc.Components.SecuritySchemes["bearer"].Value.Scheme)
	assert.Equal(t, "query", doc.Components.SecuritySchemes["query-access_token"].Value.In)
	assert.Equal(t, "access_token", doc.Components.SecuritySchemes["query-access_token"].Value.Name)
}

func TestOperationsAreDocumented(t *testing.T) {
	api := described(t, shopFiles())
	api.Title, api.Version, api.Servers, api.Missing = "Shops", "7", []string{"https://app.example.com/x"}, []string{"/later"}
	doc := made(t, api, openapi.V31)
	op := doc.Paths.Value("/shops/{shop}/orders").Get
	assert.Equal(t, "ordersOfAShop", op.OperationID)
	assert.Equal(t, "Watch watches", op.Summary)
	assert.Equal(t, "Watch watches. It goes on behind the cursor.", op.Description)
	assert.Equal(t, "Shop sells.", doc.Tags.Get("shop.v1.Shop").Description)
	assert.Equal(t, "Shops 7 https://app.example.com/x", doc.Info.Title+" "+doc.Info.Version+" "+doc.Servers[0].URL)
	assert.Equal(t, []any{"/later"}, doc.Extensions["x-grpcsse-missing"])
	assert.Equal(t, "/towns/{range.place.town}/**", doc.Paths.Value("/towns/{range.place.town}/{segment-2}").Get.Extensions["x-grpcsse-path"])
	assert.Contains(t, *op.Responses.Value("200").Value.Description, "`paid`, `void_reason`, or none")
	assert.Contains(t, op.Responses.Value("200").Value.Headers, "x-trace")
	for _, status := range []string{"400", "401", "403", "421", "429", "503"} {
		assert.NotNil(t, op.Responses.Value(status), status)
	}
	assert.Nil(t, op.Responses.Value("413"), "a GET has no body")
	assert.Nil(t, op.Responses.Value("204"))
	assert.NotNil(t, made(t, api, openapi.V32).Paths.Value("/shops/{shop}/orders").Get.Responses.Value("204"))
	ids := map[string]bool{}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			assert.False(t, ids[op.OperationID], "the id of %s %s", method, path)
			ids[op.OperationID] = true
		}
	}
}

// The reasons are those of the bridge. "gone" is told to no client.
func TestTheReasonsOfTheStatus(t *testing.T) {
	source, err := os.ReadFile("../../../../bridge/reason.go")
	require.NoError(t, err)
	var want []any
	for _, m := range regexp.MustCompile(`Reason = "(\w+)"`).FindAllSubmatch(source, -1) {
		if string(m[1]) != "gone" {
			want = append(want, string(m[1]))
		}
	}
	require.NotEmpty(t, want)
	doc := made(t, described(t, shopFiles()), openapi.V31)
	assert.Equal(t, want, doc.Components.Schemas["grpc-status"].Value.Properties["reason"].Value.Enum)
}
