package bridge_test

import (
	"bufio"
	"context"
	"fmt"
	"iter"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/grpcsse/grpcsse/bridge"
	"github.com/grpcsse/grpcsse/bridge/config"
	marketv1 "github.com/grpcsse/grpcsse/gen/demo/market/v1"
)

// market is a gRPC service. After the cursor of the request it sends the sequence numbers up to 3.
type market struct {
	marketv1.UnimplementedMarketServiceServer
}

func (market) WatchQuotes(r *marketv1.WatchQuotesRequest, stream grpc.ServerStreamingServer[marketv1.Quote]) error {
	for n := r.GetAfterSequence() + 1; n <= 3; n++ {
		if err := stream.Send(&marketv1.Quote{Sequence: n, Symbol: r.GetSymbol()}); err != nil {
			return err
		}
	}
	return nil
}

// quotesRoute is a route that can resume with any source.
func quotesRoute() *config.Route {
	quotes := config.NewRoute("/quotes/{symbol}")
	quotes.Event.ID = "sequence"
	quotes.Request.Set = []config.Setting{{Field: "after_sequence", Value: config.Reference("last_event_id")}}
	quotes.JSON.EmitDefaults = false // to keep the examples short
	return quotes
}

// show serves a bridge, and prints the events that a browser receives after the event lastEventID.
func show(b *bridge.Bridge, err error, path, lastEventID string) {
	if err != nil {
		fmt.Println(err)
		return
	}
	server := httptest.NewServer(b)
	defer server.Close()
	defer func() { _ = b.Close() }()
	r, err := http.NewRequest(http.MethodGet, server.URL+path, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	r.Header.Set("Accept", "text/event-stream")
	r.Header.Set("Last-Event-ID", lastEventID)
	resp, err := server.Client().Do(r)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = resp.Body.Close() }()
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		if line := lines.Text(); line != ":" && line != "" && !strings.HasPrefix(line, "retry:") {
			fmt.Println(line)
		}
	}
}

func ExampleFunc() {
	quotes := bridge.Func(func(ctx context.Context, r *marketv1.WatchQuotesRequest) iter.Seq2[*marketv1.Quote, error] {
		return func(yield func(*marketv1.Quote, error) bool) {
			defer fmt.Println("# cleaned up") // also when the browser leaves
			for n := r.GetAfterSequence() + 1; n <= 3; n++ {
				if !yield(&marketv1.Quote{Sequence: n, Symbol: r.GetSymbol()}, nil) {
					return
				}
			}
		}
	})
	b, err := bridge.New(context.Background(), nil, bridge.WithRoute(quotesRoute(), quotes))
	show(b, err, "/quotes/AAPL", "1")
	// Unordered output:
	// # cleaned up
	// data: {"sequence":"2","symbol":"AAPL"}
	// id: 2
	// data: {"sequence":"3","symbol":"AAPL"}
	// id: 3
	// event: grpc-status
	// data: {"code":0,"status":"OK","message":"","retry":false,"reason":"upstream"}
	// id: grpc-end
	// event: grpc-end
	// data: {}
}

// The request may be a plain struct: path variables and parameters set its fields. The values may be plain Go values: they become
// JSON. All fields have their JSON names.
func ExampleFunc_json() {
	type progress struct {
		Percent int    `json:"percent"`
		Step    string `json:"step"`
	}
	type request struct {
		ID    string `json:"id"`
		First int    `json:"first"`
	}
	job := bridge.Func(func(_ context.Context, r request) iter.Seq2[progress, error] {
		return func(yield func(progress, error) bool) {
			_ = yield(progress{r.First, "compile " + r.ID}, nil) && yield(progress{100, "link"}, nil)
		}
	})
	route := config.NewRoute("/jobs/{id}")
	route.Event.ID, route.Event.Name = "percent", "step"
	b, err := bridge.New(context.Background(), nil, bridge.WithRoute(route, job))
	show(b, err, "/jobs/7?first=50", "")
	// Output:
	// event: compile 7
	// data: {"percent":50,"step":"compile 7"}
	// id: 50
	// event: link
	// data: {"percent":100,"step":"link"}
	// id: 100
	// event: grpc-status
	// data: {"code":0,"status":"OK","message":"","retry":false,"reason":"upstream"}
	// id: grpc-end
	// event: grpc-end
	// data: {}
}

func ExampleRPC() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	server := grpc.NewServer()
	defer server.Stop()
	marketv1.RegisterMarketServiceServer(server, market{})
	go func() { _ = server.Serve(listener) }()

	conn, err := grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = conn.Close() }()
	client := marketv1.NewMarketServiceClient(conn)
	b, err := bridge.New(context.Background(), nil, bridge.WithRoute(quotesRoute(), bridge.RPC(client.WatchQuotes)))
	show(b, err, "/quotes/AAPL", "2")
	// Output:
	// data: {"sequence":"3","symbol":"AAPL"}
	// id: 3
	// event: grpc-status
	// data: {"code":0,"status":"OK","message":"","retry":false,"reason":"upstream"}
	// id: grpc-end
	// event: grpc-end
	// data: {}
}

func ExampleWithService() {
	quotes := quotesRoute()
	quotes.Service, quotes.Method = "demo.market.v1.MarketService", "WatchQuotes"
	b, err := bridge.New(context.Background(), config.New(quotes),
		bridge.WithService(&marketv1.MarketService_ServiceDesc, market{}))
	show(b, err, "/quotes/AAPL", "2")
	// Output:
	// data: {"sequence":"3","symbol":"AAPL"}
	// id: 3
	// event: grpc-status
	// data: {"code":0,"status":"OK","message":"","retry":false,"reason":"upstream"}
	// id: grpc-end
	// event: grpc-end
	// data: {}
}

// New reports all mistakes of a route at once.
func ExampleWithRoute() {
	quotes := quotesRoute()
	quotes.Event.ID = "sequense"
	quotes.Event.Data = "symbol"
	src := bridge.Func(func(context.Context, *marketv1.WatchQuotesRequest) iter.Seq2[*marketv1.Quote, error] { return nil })
	_, err := bridge.New(context.Background(), nil, bridge.WithRoute(quotes, src))
	fmt.Println(err)
	// Output:
	// routes["/quotes/{symbol}"].event.id: field path "sequense": "sequense" in demo.market.v1.Quote does not exist
	// routes["/quotes/{symbol}"].event.data: "symbol" leads to a scalar, which cannot serve here: expected a message
}

// A shared route in front of an iterator costs least: there is one call of the iterator for all browsers, and no goroutine for each
// browser.
func ExampleBridge_Park() {
	ticks := bridge.Func(func(context.Context, struct{}) iter.Seq2[int, error] {
		return func(yield func(int, error) bool) {
			for n := 1; n <= 3 && yield(n, nil); n++ {
			}
		}
	})
	route := config.NewRoute("/ticks")
	route.Share = config.NewShare(config.LateJoin{Mode: config.LateJoinNone})
	b, err := bridge.New(context.Background(), nil, bridge.WithRoute(route, ticks))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = b.Close() }()
	server := httptest.NewUnstartedServer(b)
	if err := b.Park(server.Config); err != nil { // as for any http.Server, before it serves
		fmt.Println(err)
		return
	}
	server.Start()
	defer server.Close()

	resp, err := http.Get(server.URL + "/ticks")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = resp.Body.Close() }()
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok && !strings.HasPrefix(data, "{") {
			fmt.Println(data)
		}
	}
	// Output:
	// 1
	// 2
	// 3
}
