package bridge_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge"
	"github.com/grpcsse/grpcsse/bridge/config"
)

const shopProto = `syntax = "proto3";
package shop.v1;
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";
message Watch {
  string text = 1; int64 long = 2; int32 short = 3; bool flag = 4; Level level = 5; bytes raw = 6; double real = 7;
  google.protobuf.Timestamp time = 8; google.protobuf.Int64Value wrapped = 9;
}
enum Level { LOW = 0; HIGH = 1; }
message Order {
  string text = 1; int64 long = 2; int32 short = 3; bool flag = 4; Level level = 5; bytes raw = 6; double real = 7;
  Item item = 10;
}
message Item { string name = 1; int32 amount = 2; }
service OrderService { rpc WatchOrders(Watch) returns (stream Order); }
`

// localCheck checks a file with a .proto source, without a connection. $UPSTREAM in the file is replaced by the upstream with
// that source.
func localCheck(t *testing.T, file string) config.Problems {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "shop.proto"), []byte(shopProto), 0o600))
	name := filepath.Join(dir, "grpcsse.yaml")
	file = strings.ReplaceAll(file, "$UPSTREAM", `{target: "127.0.0.1:1", schema: {proto: {files: [shop.proto]}}}`)
	require.NoError(t, os.WriteFile(name, []byte(file), 0o600))
	cfg, problems, err := config.Inspect(name)
	require.NoError(t, err)
	require.NotNil(t, cfg)
	return append(problems, bridge.CheckOffline(context.WithoutCancel(t.Context()), cfg)...)
}

// A browser cannot resume with an id that the field of the cursor cannot hold.
func TestIDsThatCannotBeTheCursor(t *testing.T) {
	for _, tt := range []struct {
		id, field string
		fits      bool
	}{
		{"text", "text", true}, {"long", "text", true}, {"flag", "text", true}, {"level", "text", true},
		{"text", "long", false}, {"long", "long", true}, {"short", "long", true}, {"flag", "long", false}, {"level", "long", false}, {"real", "long", false},
		{"long", "short", false}, {"short", "short", true}, {"text", "short", false},
		{"text", "flag", false}, {"flag", "flag", true}, {"level", "level", true}, {"text", "level", false}, {"long", "level", false},
		{"text", "raw", true}, {"long", "real", true}, {"text", "real", false},
		{"text", "time", false}, {"long", "time", false}, {"long", "wrapped", true}, {"text", "wrapped", false},
	} {
		t.Run(tt.id+" into "+tt.field, func(t *testing.T) {
			problems := localCheck(t, `upstreams: {shop: $UPSTREAM}
routes:
  - path: /orders
    rpc: shop.v1.OrderService/WatchOrders
    event: {id: `+tt.id+`}
    request: {set: {`+tt.field+`: "${last_event_id}"}}
`)
			if tt.fits {
				assert.Empty(t, problems)
				return
			}
			require.Len(t, problems, 1, problems)
			assert.True(t, problems[0].Warning)
			assert.Contains(t, problems[0].Message, `the field "`+tt.field+`" takes the cursor and is of type `)
			assert.Equal(t, 6, problems[0].Line)
		})
	}
}

func TestHintsFromASchema(t *testing.T) {
	for name, tt := range map[string]struct{ route, message, hint string }{
		"a service without its package": {"rpc: OrderService/WatchOrders", "unknown service", "did you mean `shop.v1.OrderService/WatchOrders`?"},
		"a service in another case":     {"rpc: orderservice/WatchOrders", "unknown service", "did you mean `shop.v1.OrderService/WatchOrders`?"},
		"a service of another package":  {"rpc: shop.OrderService/WatchOrders", "unknown service", "did you mean `shop.v1.OrderService/WatchOrders`?"},
		"a misspelled one, without":     {"rpc: OrderServise/WatchOrders", "unknown service", "did you mean `shop.v1.OrderService/WatchOrders`?"},
		"a name without a similar name": {"rpc: a.B/C", "unknown service", "there are: shop.v1.OrderService"},
		"a field that does not exist":   {"rpc: shop.v1.OrderService/WatchOrders, event: {id: order.id}", "", "there are: text, long, short, flag, level, raw, real, item"},
		"a field inside of another":     {"rpc: shop.v1.OrderService/WatchOrders, event: {id: item.zzzzzz}", "", "there are: name, amount"},
		"a field with a misspelt name":  {"rpc: shop.v1.OrderService/WatchOrders, event: {id: item.nam}", "", "did you mean `name`?"},
	} {
		t.Run(name, func(t *testing.T) {
			problems := localCheck(t, "upstreams: {shop: $UPSTREAM}\nroutes: [{path: /a, "+tt.route+"}]\n")
			var hints []string
			for _, p := range problems {
				if !p.Warning && strings.Contains(p.Message, tt.message) {
					hints = append(hints, p.Hint)
				}
			}
			assert.Equal(t, []string{tt.hint}, hints, problems)
		})
	}
}

// Mistakes in the file do not hide mistakes that the schema shows, and no mistake is reported twice.
func TestMistakesOfFileAndSchemaAreReportedTogether(t *testing.T) {
	problems := localCheck(t, `upstreams:
  shop: $UPSTREAM
  far: {target: "127.0.0.1:1"}
  broken: {tarket: "127.0.0.1:1"}
server: {lisen: ":1"}
routes:
  - path: /a
    rpc: shop.v1.OrderService/WatchOrder
    upstream: shop
    heartbeat: x
  - path: /b
    rpc: shop.v1.OrderService/WatchOrders
    upstream: shop
    event: {id: sequence, retry: 1}
    request: {set: {"a b": 1, texts: x}}
  - {path: /far, rpc: any.Service/Method, upstream: far}
  - {path: /unknown, rpc: any.Service/Method}
  - {path: /a, rpc: any.Service/Method, upstream: shop}
  - {path: /nowhere, rpc: any.Service/Method, upstream: fra}
  - {path: /broken, rpc: any.Service/Method, upstream: broken}
  - {path: "/{", rpc: any.Service/Method, upstream: shop}
`)
	var found []string
	for _, p := range problems {
		if !p.Warning {
			found = append(found, p.Path)
		}
	}
	assert.ElementsMatch(t, []string{
		"upstreams.broken.tarket", "server.lisen", "routes[0].heartbeat", "routes[1].event.retry", `routes[1].request.set."a b"`,
		"routes[4].path", "routes[5].upstream", "routes[7].path",
		"routes[0].rpc", "routes[1].event.id", "routes[1].request.set.texts",
	}, found, problems)
}
