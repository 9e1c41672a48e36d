// Package bridgetest helps to test the routes of a bridge, as package httptest helps to test a handler. It has an upstream of this
// process, a bridge on a loopback port, and a client that does what a browser's EventSource does.
//
// A test with a server of your own:
//
//	func TestQuotes(t *testing.T) {
//		up := bridgetest.NewUpstream(t, func(s grpc.ServiceRegistrar) { pb.RegisterMarketServer(s, NewMarket()) })
//		_, url := bridgetest.NewBridge(t, up.YAML(`
//	upstreams:
//	  market: {target: "${env.UPSTREAM}"}
//	routes:
//	  - path: /quotes/{symbol}
//	    rpc: market.v1.Market/WatchQuotes
//	`))
//		page := bridgetest.Open(t, url+"/quotes/AAPL")
//		page.ExpectEvent("", `{"symbol": "AAPL"}`)
//		page.Close()
//		up.ExpectOpen(0) // the server's stream is over
//	}
//
// To test the file of a deployment, load it by [config.Load] and give its upstream's place to the one of the test by
// [Upstream.Replace].
//
// A test without a server: the methods of a [Scripted] service do what the test tells them. The test takes each stream that the
// bridge opens as a [Call], looks at its request and metadata, and sends messages, headers and an end. [Upstream.Kill] and
// [Upstream.Restart] show what a page sees of a crash.
//
// Each wait is bounded: by 10 s, or by the Timeout of the [Upstream] or the [Stream]. When the time is over, or something else
// comes, the test fails by Fatalf with a text that says what came instead. So all functions and methods that take or have a
// [testing.TB] are for the test's own goroutine. Everything that was started ends with the test, and no goroutine is left.
package bridgetest
