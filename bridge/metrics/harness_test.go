package metrics_test

import (
	"bufio"
	"context"
	"fmt"
	"iter"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/grpcsse/grpcsse/bridge"
	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/metrics"
	streamv1 "github.com/grpcsse/grpcsse/gen/test/stream/v1"
	transcodev1 "github.com/grpcsse/grpcsse/gen/test/transcode/v1"
)

// patience is how long a test waits for something that happens at once on an idle machine.
const patience = 20 * time.Second

// watch is the method of a [service].
type watch func(*streamv1.WatchRequest, grpc.ServerStreamingServer[streamv1.Event]) error

// service is a gRPC service of this process.
type service struct {
	streamv1.UnimplementedStreamServiceServer

	mu    sync.Mutex
	watch watch
}

func (s *service) Watch(r *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
	s.mu.Lock()
	watch := s.watch
	s.mu.Unlock()
	return watch(r, stream)
}

// serves replaces what the service does.
func (s *service) serves(w watch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.watch = w
}

// sends returns a method that sends events with the given numbers, and then waits until the client leaves.
func sends(numbers ...int64) watch {
	return func(_ *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
		for _, n := range numbers {
			if err := stream.Send(&streamv1.Event{Sequence: n}); err != nil {
				return err
			}
		}
		<-stream.Context().Done()
		return stream.Context().Err()
	}
}

// unknownTypes is a source whose event has a type with a name that was not there before.
func unknownTypes() bridge.Source {
	return bridge.Func(func(context.Context, struct{}) iter.Seq2[*transcodev1.Known, error] {
		return func(yield func(*transcodev1.Known, error) bool) {
			yield(&transcodev1.Known{OneAny: &anypb.Any{TypeUrl: "x.org/no." + noise()}}, nil)
		}
	})
}

// site is a bridge over a service of this process, behind an HTTP server.
type site struct {
	bridge  *bridge.Bridge
	service *service
	metrics *metrics.Metrics
	url     string
	own     *prometheus.Registry
}

// newSite serves the routes of a configuration. Its indented lines are the routes.
func newSite(t *testing.T, m *metrics.Metrics, routes ...string) *site {
	t.Helper()
	s := &site{service: &service{}, metrics: m, own: prometheus.NewPedanticRegistry()}
	require.NoError(t, s.own.Register(m))
	b, err := bridge.New(t.Context(), parse(t, routes...), bridge.WithObserver(m),
		bridge.WithService(&streamv1.StreamService_ServiceDesc, s.service), bridge.WithRoute(config.NewRoute("/unknown"), unknownTypes()))
	require.NoError(t, err)
	s.bridge = b
	web := httptest.NewUnstartedServer(b)
	web.Config.Protocols = new(http.Protocols)
	web.Config.Protocols.SetHTTP1(true)
	web.Config.Protocols.SetUnencryptedHTTP2(true)
	require.NoError(t, b.Park(web.Config))
	web.Start()
	t.Cleanup(func() {
		web.CloseClientConnections()
		assert.NoError(t, b.Close())
		web.Close()
	})
	s.url = web.URL
	return s
}

// parse returns a configuration with routes, and with an upstream that cannot be reached and has none of them. Each is a flow mapping without its rpc.
func parse(t *testing.T, routes ...string) *config.Config {
	t.Helper()
	file := "server: {hosts: [127.0.0.1], drain_timeout: 1ms}\nupstreams: {down: {target: '127.0.0.1:1'}}\nroutes:\n"
	for _, r := range routes {
		file += "  - {rpc: test.stream.v1.StreamService/Watch, " + r + "}\n"
	}
	cfg, err := config.Parse("grpcsse.yaml", []byte(file))
	require.NoError(t, err)
	return cfg
}

// ask sends a request of an EventSource, changed by change.
func (s *site) ask(ctx context.Context, t *testing.T, path string, change ...func(*http.Request)) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+path, nil)
	require.NoError(t, err)
	r.Header.Set("Accept", "text/event-stream")
	for _, c := range change {
		c(r)
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
	require.NoError(t, err)
	t.Cleanup(func() { _ = resp.Body.Close() })
	return resp
}

// await reads events until n of them have come.
func await(t *testing.T, resp *http.Response, n int) {
	t.Helper()
	timer := time.AfterFunc(patience, func() { _ = resp.Body.Close() })
	defer timer.Stop()
	for lines := bufio.NewScanner(resp.Body); n > 0; {
		require.True(t, lines.Scan(), "%d events more are expected", n)
		if strings.HasPrefix(lines.Text(), "data:") {
			n--
		}
	}
}

// scrape returns the values of all series: of a histogram, the number of observations. A series is written as in PromQL.
func (s *site) scrape(t require.TestingT) map[string]float64 {
	families, err := s.own.Gather()
	require.NoError(t, err)
	all := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, fmt.Sprintf("%s=%q", l.GetName(), l.GetValue()))
			}
			all[f.GetName()+"{"+strings.Join(labels, ",")+"}"] = valueOf(f, m)
		}
	}
	return all
}

// sum returns the sum of all observations of a histogram.
func (s *site) sum(t require.TestingT, name string) (sum float64) {
	families, err := s.own.Gather()
	require.NoError(t, err)
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == name {
				sum += m.GetHistogram().GetSampleSum()
			}
		}
	}
	return sum
}

func valueOf(f *dto.MetricFamily, m *dto.Metric) float64 {
	switch f.GetType() {
	case dto.MetricType_COUNTER:
		return m.GetCounter().GetValue()
	case dto.MetricType_HISTOGRAM:
		return float64(m.GetHistogram().GetSampleCount())
	default:
		return m.GetGauge().GetValue()
	}
}

// eventually waits until the series have these values. A value of 0 stands for a series that may be missing.
func (s *site) eventually(t *testing.T, want map[string]float64) {
	t.Helper()
	require.EventuallyWithT(t, func(t *assert.CollectT) {
		got := s.scrape(t)
		for series, value := range want {
			assert.InDelta(t, value, got[series], 0, series)
		}
	}, patience, 5*time.Millisecond)
}
