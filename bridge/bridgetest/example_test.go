package bridgetest_test

import (
	"fmt"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/grpcsse/grpcsse/bridge/bridgetest"
	marketv1 "github.com/grpcsse/grpcsse/gen/demo/market/v1"
)

// market is the server that a program has.
type market struct {
	marketv1.UnimplementedMarketServiceServer
}

func (market) WatchQuotes(r *marketv1.WatchQuotesRequest, stream grpc.ServerStreamingServer[marketv1.Quote]) error {
	for n := r.GetAfterSequence() + 1; n <= 2; n++ {
		if err := stream.Send(&marketv1.Quote{Sequence: n, Symbol: r.GetSymbol(), Price: 189.5}); err != nil {
			return err
		}
	}
	<-stream.Context().Done() // more quotes come later
	return stream.Context().Err()
}

const quotes = `
upstreams:
  market: {target: "${env.UPSTREAM}"}
routes:
  - path: /quotes/{symbol}
    rpc: demo.market.v1.MarketService/WatchQuotes
    request: {set: {after_sequence: "${last_event_id}"}}
    event: {id: sequence}
`

// A test of a server of one's own, with its route.
func Example() {
	test := func(t testing.TB) { // in your program: func TestQuotes(t *testing.T)
		up := bridgetest.NewUpstream(t, func(s grpc.ServiceRegistrar) { marketv1.RegisterMarketServiceServer(s, market{}) })
		_, url := bridgetest.NewBridge(t, up.YAML(quotes))

		page := bridgetest.Open(t, url+"/quotes/AAPL")
		first := page.ExpectEvent("", `{"symbol": "AAPL", "price": 189.5}`)
		fmt.Println("first event:", first)

		page = page.Reconnect() // the connection is lost, and the browser comes back
		page.ExpectEvent("", `{"sequence": "2"}`)

		page.Close()
		up.ExpectOpen(0)
		fmt.Println("the server's stream is over")
	}
	run(test)
	// Output:
	// first event: event message, id 1: {"sequence":"1","symbol":"AAPL","price":189.5,"change":0,"volume":0}
	// the server's stream is over
}

// A test without a server: the test says what the method sends, and how it ends.
func ExampleScripted() {
	test := func(t testing.TB) {
		up := bridgetest.NewUpstream(t, bridgetest.Scripted(marketv1.File_demo_market_v1_market_proto))
		_, url := bridgetest.NewBridge(t, up.YAML(quotes))

		page := bridgetest.Open(t, url+"/quotes/AAPL", "Last-Event-ID", "6")
		call := up.NextCall("WatchQuotes")
		call.ExpectRequest(`{"symbol": "AAPL", "after_sequence": 6}`)
		call.SendJSON(`{"sequence": 7}`)
		page.ExpectEvent("", `{"sequence": "7"}`)
		call.End(status.Error(codes.NotFound, "AAPL is not traded any more"))
		end := page.ExpectEnd(`{"status": "NOT_FOUND", "retry": false}`)
		fmt.Println(end.Data)
		fmt.Println("status of the answer when the browser comes back:", page.Reconnect().Status())
	}
	run(test)
	// Output:
	// {"code":5,"status":"NOT_FOUND","message":"AAPL is not traded any more","retry":false,"reason":"upstream"}
	// status of the answer when the browser comes back: 204
}

// run runs a test, and prints how it fails.
func run(test func(testing.TB)) {
	if failure := failureOf(test); failure != "" {
		fmt.Println(failure)
	}
}
