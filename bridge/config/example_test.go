package config_test

import (
	"errors"
	"fmt"
	"os"

	"github.com/grpcsse/grpcsse/bridge/config"
)

func ExampleParse() {
	cfg, err := config.Parse("grpcsse.yaml", []byte(`
upstreams:
  market: {target: "localhost:50051"}

routes:
  - path: /quotes/{symbol}
    rpc: demo.market.v1.MarketService/WatchQuotes
`))
	if err != nil {
		fmt.Println(err)
		return
	}
	route := cfg.Routes[0]
	fmt.Println(route.Path, "→", route.Service, route.Method, "every", route.Heartbeat)
	// Output: /quotes/{symbol} → demo.market.v1.MarketService WatchQuotes every 15s
}

// Parse reports all problems at once, each with its position.
func ExampleParse_problems() {
	_, err := config.Parse("grpcsse.yaml", []byte(`upstreams:
  market: {target: "localhost:50051"}
routes:
  - path: /quotes/{symbol}
    rpc: demo.market.v1.MarketService.WatchQuotes
    heartbeet: 5s
`))
	var problems config.Problems
	if errors.As(err, &problems) {
		problems.Render(os.Stdout)
	}
	// Output:
	// grpcsse.yaml:5:10: routes[0].rpc: expected a method as package.Service/Method, found "demo.market.v1.MarketService.WatchQuotes"
	//   5 |     rpc: demo.market.v1.MarketService.WatchQuotes
	//     |          ^
	// hint: did you mean `demo.market.v1.MarketService/WatchQuotes`?
	//
	// grpcsse.yaml:6:5: routes[0].heartbeet: unknown key `heartbeet`
	//   6 |     heartbeet: 5s
	//     |     ^
	// hint: did you mean `heartbeat`?
}

func ExampleWithEnv() {
	env := map[string]string{"PORT": "9000"}
	cfg, err := config.Parse("grpcsse.yaml", []byte(`
server: {listen: ":${env.PORT:-8080}"}
upstreams: {market: {target: "${env.MARKET:-localhost:50051}"}}
routes: [{path: /quotes, rpc: demo.market.v1.MarketService/WatchQuotes}]
`), config.WithEnv(func(name string) (string, bool) {
		value, set := env[name]
		return value, set
	}))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(cfg.Server.Listen, cfg.Upstreams[0].Target)
	// Output: :9000 localhost:50051
}

// A check that needs a schema gives its problem the position of the key in the file.
func ExampleRoute_Problem() {
	cfg, err := config.Parse("grpcsse.yaml", []byte(`upstreams:
  market: {target: "localhost:50051"}
routes:
  - path: /quotes/{symbol}
    rpc: demo.market.v1.MarketService/WatchQuote
`))
	if err != nil {
		fmt.Println(err)
		return
	}
	problem := cfg.Routes[0].Problem("rpc", "the service has no method WatchQuote", "did you mean `WatchQuotes`?")
	problem.Render(os.Stdout)
	// Output:
	// grpcsse.yaml:5:10: routes[0].rpc: the service has no method WatchQuote
	//   5 |     rpc: demo.market.v1.MarketService/WatchQuote
	//     |          ^
	// hint: did you mean `WatchQuotes`?
}

func ExampleForUpstream() {
	cfg := config.ForUpstream("localhost:50051")
	fmt.Println(cfg.Server.Listen, cfg.Upstreams[0].Target, cfg.ServeAll)
	// Output: 127.0.0.1:8080 localhost:50051 true
}
