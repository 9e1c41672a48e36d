package metrics_test

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/grpcsse/grpcsse/bridge"
	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/metrics"
)

func ExampleNew() {
	m := metrics.New()
	ticks := bridge.Func(func(context.Context, struct{}) iter.Seq2[int, error] {
		return func(yield func(int, error) bool) { yield(1, nil) }
	})
	route := config.NewRoute("/ticks")
	b, err := bridge.New(context.Background(), nil, bridge.WithRoute(route, ticks), bridge.WithObserver(m))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = b.Close() }()

	public, private := http.NewServeMux(), http.NewServeMux()
	public.Handle("/", b)
	private.Handle("/metrics", m.Handler()) // on an address that only operators can reach

	public.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/unknown", nil))
	page := httptest.NewRecorder()
	private.ServeHTTP(page, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	for line := range strings.Lines(page.Body.String()) {
		if strings.HasPrefix(line, "grpcsse_opens_total") {
			fmt.Print(line)
		}
	}
	// Output:
	// grpcsse_opens_total{outcome="left",route="/ticks"} 0
	// grpcsse_opens_total{outcome="opened",route="/ticks"} 0
	// grpcsse_opens_total{outcome="refused",route=""} 1
	// grpcsse_opens_total{outcome="refused",route="/ticks"} 0
}

// A program that has a registry registers the metrics there.
func ExampleMetrics() {
	registry := prometheus.NewRegistry()
	m := metrics.New()
	if err := registry.Register(m); err != nil {
		fmt.Println(err)
	}
	b, err := bridge.New(context.Background(), nil, bridge.WithObserver(m))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = b.Close() }()
	families, _ := registry.Gather()
	fmt.Println(families[0].GetName())
	// Output: grpcsse_build_info
}
