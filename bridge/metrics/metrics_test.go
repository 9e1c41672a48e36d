package metrics_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/grpcsse/grpcsse/bridge"
	"github.com/grpcsse/grpcsse/bridge/metrics"
	streamv1 "github.com/grpcsse/grpcsse/gen/test/stream/v1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func over(protocol string) func(*http.Request) {
	return func(r *http.Request) {
		if protocol == "unparked" {
			r.Header.Set("Accept", "application/x-ndjson")
		}
	}
}

// While a stream is open, its events count already, and the stream counts in no histogram of durations.
func TestAStreamCountsWhileItIsOpen(t *testing.T) {
	for _, kind := range []string{"private", "shared"} {
		for _, connection := range []string{"parked", "unparked"} {
			t.Run(kind+" "+connection, func(t *testing.T) {
				share := ""
				if kind == "shared" {
					share = ", share: {late_join: all, linger: 1h}"
				}
				s := newSite(t, metrics.New(), "name: news, path: /news"+share)
				s.service.serves(sends(1, 2, 3))
				ctx, leave := context.WithCancel(t.Context())
				defer leave()
				resp := s.ask(ctx, t, "/news", over(connection))
				if connection == "parked" {
					await(t, resp, 3)
				}
				label := `{route="news"}`
				kinds := fmt.Sprintf("{kind=%q,route=\"news\"}", kind)
				s.eventually(t, map[string]float64{
					"grpcsse_streams" + kinds: 1, "grpcsse_events_total" + label: 3, "grpcsse_upstream_streams" + label: 1,
					"grpcsse_first_event_seconds" + kinds: 1, "grpcsse_route_in_order" + label: 1,
					`grpcsse_opens_total{outcome="opened",route="news"}`: 1, "grpcsse_stream_duration_seconds" + label: 0,
				})
				got := s.scrape(t)
				assert.Greater(t, got["grpcsse_bytes_total"+label], 30.0)
				assert.Less(t, s.sum(t, "grpcsse_first_event_seconds"), patience.Seconds())
				assert.GreaterOrEqual(t, got["grpcsse_delivery_delay_seconds"+kinds], 1.0)
				assert.Equal(t, kind == "shared", got["grpcsse_shared_log_bytes"+label] > 0)
				leave()
				s.eventually(t, map[string]float64{
					"grpcsse_streams" + kinds: 0, "grpcsse_stream_duration_seconds" + label: 1,
					`grpcsse_streams_ended_total{code="CANCELLED",limit="",reason="gone",route="news"}`: 1,
				})
				if kind == "private" {
					s.eventually(t, map[string]float64{
						"grpcsse_upstream_streams" + label: 0, `grpcsse_upstream_streams_ended_total{code="CANCELLED",route="news"}`: 1,
					})
				} else {
					s.eventually(t, map[string]float64{"grpcsse_upstream_streams" + label: 1, "grpcsse_shared_streams" + label: 1})
				}
			})
		}
	}
}

func TestWhatBecomesOfRequests(t *testing.T) {
	s := newSite(t, metrics.New(), `name: news, path: /news, event: {id: sequence}, reopen: {backoff: {base: 1ms, max: 1ms}}, `+
		`request: {set: {after_sequence: "${last_event_id}"}}`)
	s.service.serves(func(r *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
		switch r.GetAfterSequence() {
		case 0:
			if err := stream.Send(&streamv1.Event{Sequence: 1}); err != nil {
				return err
			}
			return status.Error(codes.Unavailable, "")
		case 99:
			return status.Error(codes.OutOfRange, "")
		}
		return nil
	})
	for _, id := range []string{"", "7", "99", "x"} {
		resp := s.ask(t.Context(), t, "/news", func(r *http.Request) { r.Header.Set("Last-Event-ID", id) })
		_, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
	}
	s.service.serves(func(*streamv1.WatchRequest, grpc.ServerStreamingServer[streamv1.Event]) error {
		return status.Error(codes.NotFound, "")
	})
	s.ask(t.Context(), t, "/news")
	s.ask(t.Context(), t, "/none")
	s.eventually(t, map[string]float64{
		`grpcsse_opens_total{outcome="opened",route="news"}`:                               4,
		`grpcsse_opens_total{outcome="refused",route="news"}`:                              1,
		`grpcsse_opens_total{outcome="refused",route=""}`:                                  1,
		`grpcsse_refusals_total{code="NOT_FOUND",limit="",reason="upstream",route="news"}`: 1,
		`grpcsse_refusals_total{code="NOT_FOUND",limit="",reason="request",route=""}`:      1,
		`grpcsse_streams_ended_total{code="OK",limit="",reason="upstream",route="news"}`:   4,
		`grpcsse_reopens_total{code="UNAVAILABLE",route="news"}`:                           3,
		`grpcsse_upstream_streams_ended_total{code="UNAVAILABLE",route="news"}`:            3,
		`grpcsse_upstream_streams_ended_total{code="OUT_OF_RANGE",route="news"}`:           1,
		`grpcsse_resumes_total{result="upstream",route="news"}`:                            1,
		`grpcsse_resumes_total{result="reset",route="news"}`:                               2,
		`grpcsse_resets_total{reason="invalid",route="news"}`:                              2,
		`grpcsse_events_total{route="news"}`:                                               3,
	})
}

// Clients and upstreams may say what they like: the number of series depends on the configuration alone.
func TestHostileRequestsMakeNoSeries(t *testing.T) {
	s := newSite(t, metrics.New(), "name: news, path: '/news/{topic}'",
		`name: shared, path: '/shared/{topic}', event: {id: sequence}, share: {late_join: all, linger: 1ms}`)
	s.service.serves(func(_ *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
		return stream.Send(&streamv1.Event{Sequence: rand.Int64(), Text: noise()})
	})
	flood := func(rounds int) {
		for range rounds {
			for _, path := range []string{"/news/" + noise(), "/shared/" + noise(), "/" + noise(), "/news/" + noise() + "?" + noise(), "/unknown"} {
				for _, change := range hostile() {
					resp := s.ask(t.Context(), t, path, change)
					_, err := io.ReadAll(resp.Body)
					require.NoError(t, err)
				}
			}
		}
	}
	flood(2)
	before := s.scrape(t)
	flood(10)
	s.eventually(t, map[string]float64{`grpcsse_streams{kind="private",route="news"}`: 0, `grpcsse_streams{kind="shared",route="shared"}`: 0})
	after := s.scrape(t)
	for series := range after {
		assert.Contains(t, before, series)
	}
	assert.NotEmpty(t, after[`grpcsse_unknown_types_total{route="/unknown"}`])
}

// hostile returns what a client may change in a request.
func hostile() []func(*http.Request) {
	return []func(*http.Request){
		func(r *http.Request) { r.Method = "M" + noise() },
		func(r *http.Request) { r.Host = noise() },
		func(r *http.Request) { r.Header.Set("Last-Event-ID", noise()) },
		func(r *http.Request) { r.Header.Set("Origin", "https://"+noise()) },
		func(r *http.Request) { r.Header.Set("Accept", noise()) },
		func(r *http.Request) { r.Header.Set("X-"+noise(), noise()) },
		func(*http.Request) {},
	}
}

func noise() string { return fmt.Sprintf("n%x", rand.Uint64()) }

// An autoscaler takes a missing series for an unknown number, and an alert on an increase does not see a counter begin with 1.
func TestARouteWithoutAStreamHasItsSeries(t *testing.T) {
	s := newSite(t, metrics.New(), "name: alone, path: /alone", "name: news, path: /news, share: {late_join: all}")
	require.NoError(t, s.bridge.Reload(t.Context(), parse(t, "name: news, path: /news, share: {late_join: all}", "name: new, path: /new")))
	s.eventually(t, map[string]float64{
		`grpcsse_streams{kind="private",route="new"}`: 0, `grpcsse_streams{kind="shared",route="news"}`: 0,
		`grpcsse_opens_total{outcome="opened",route="new"}`: 0, `grpcsse_opens_total{outcome="refused",route="new"}`: 0,
		`grpcsse_opens_total{outcome="left",route="new"}`: 0, `grpcsse_ids_left_out_total{route="new"}`: 0,
		`grpcsse_unknown_types_total{route="new"}`: 0,
	})
	series := s.scrape(t)
	assert.NotContains(t, series, `grpcsse_streams{kind="private",route="news"}`)
	assert.Contains(t, series, `grpcsse_streams{kind="private",route="new"}`, "a series that is missing is no 0")
	require.Eventually(t, func() bool {
		_, there := s.scrape(t)[`grpcsse_streams{kind="private",route="alone"}`]
		return !there
	}, patience, 1, "the series of a removed route vanish")
}

func TestTheSeriesOfARemovedRouteVanish(t *testing.T) {
	s := newSite(t, metrics.New(), "name: old, path: /old", "name: kept, path: /kept")
	hold := make(chan struct{})
	s.service.serves(func(_ *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
		err := stream.Send(&streamv1.Event{Sequence: 1})
		<-hold
		return err
	})
	await(t, s.ask(t.Context(), t, "/old"), 1)
	await(t, s.ask(t.Context(), t, "/kept"), 1)
	has := func(route string) (n int) {
		for series := range s.scrape(t) {
			if strings.Contains(series, fmt.Sprintf("route=%q", route)) {
				n++
			}
		}
		return n
	}
	require.NotZero(t, has("old"))
	require.NoError(t, s.bridge.Reload(t.Context(), parse(t, "name: kept, path: /kept", "name: new, path: /new")))
	for range 3 {
		assert.Equal(t, 1.0, s.scrape(t)[`grpcsse_streams{kind="private",route="old"}`], "the stream of the route goes on")
	}
	close(hold)
	s.eventually(t, map[string]float64{`grpcsse_streams{kind="private",route="old"}`: 0})
	require.Eventually(t, func() bool { return has("old") == 0 }, patience, 1)
	assert.NotZero(t, has("kept"))
	assert.NotZero(t, has("new"))
}

func TestAnUpstreamThatIsDownIsShown(t *testing.T) {
	s := newSite(t, metrics.New(), "name: news, path: /news")
	s.eventually(t, map[string]float64{`grpcsse_upstream_up{upstream="down"}`: 0, `grpcsse_upstream_connections{upstream="down"}`: 1})
	require.Eventually(t, func() bool {
		since := s.scrape(t)[`grpcsse_upstream_down_since_timestamp_seconds{upstream="down"}`]
		return since > 0 && time.Since(time.UnixMilli(int64(since*1e3))) < time.Hour
	}, patience, time.Millisecond)
}

func TestReloadsAreTold(t *testing.T) {
	s := newSite(t, metrics.New(), "name: news, path: /news")
	loaded := s.scrape(t)["grpcsse_config_last_reload_success_timestamp_seconds{}"]
	assert.Positive(t, loaded)
	assert.Equal(t, 1.0, s.scrape(t)["grpcsse_config_last_reload_successful{}"])
	s.metrics.Reloaded(bridge.Reload{Err: errors.New("the file has a mistake")})
	assert.Equal(t, 0.0, s.scrape(t)["grpcsse_config_last_reload_successful{}"])
	assert.Equal(t, loaded, s.scrape(t)["grpcsse_config_last_reload_success_timestamp_seconds{}"], "of the last one that succeeded")
	require.NoError(t, s.bridge.Reload(t.Context(), parse(t, "name: news, path: /news")))
	assert.Equal(t, 1.0, s.scrape(t)["grpcsse_config_last_reload_successful{}"])
	assert.Greater(t, s.scrape(t)["grpcsse_config_last_reload_success_timestamp_seconds{}"], loaded)
	require.NoError(t, s.bridge.Shutdown(t.Context()))
	require.ErrorIs(t, s.bridge.Reload(t.Context(), parse(t)), bridge.ErrShutdown)
	assert.Equal(t, 1.0, s.scrape(t)["grpcsse_config_last_reload_successful{}"], "nothing is wrong with the configuration")
}

func TestSeveralBridgesAddUp(t *testing.T) {
	m := metrics.New()
	first := newSite(t, m, "name: news, path: /news")
	second := &site{own: first.own}
	first.service.serves(sends(1))
	b, err := bridge.New(t.Context(), parse(t, "name: news, path: /news"), bridge.WithObserver(m),
		bridge.WithService(&streamv1.StreamService_ServiceDesc, first.service))
	require.NoError(t, err)
	web := httptest.NewServer(b)
	defer web.Close()
	second.url = web.URL
	for _, s := range []*site{first, second} {
		await(t, s.ask(t.Context(), t, "/news"), 1)
	}
	first.eventually(t, map[string]float64{
		`grpcsse_streams{kind="private",route="news"}`: 2, `grpcsse_events_total{route="news"}`: 2, `grpcsse_upstream_streams{route="news"}`: 2,
	})
	web.CloseClientConnections()
	require.NoError(t, b.Close())
	first.eventually(t, map[string]float64{`grpcsse_upstream_streams{route="news"}`: 1, `grpcsse_events_total{route="news"}`: 1})
}

func TestTheHandlerShowsTheProcessToo(t *testing.T) {
	m := metrics.New()
	s := newSite(t, m, "name: news, path: /news")
	s.ask(t.Context(), t, "/none")
	page := httptest.NewRecorder()
	m.Handler().ServeHTTP(page, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
	for _, series := range []string{
		`grpcsse_opens_total{outcome="refused",route=""} 1`, "process_open_fds ", "go_goroutines ", "grpcsse_build_info{goversion=",
	} {
		assert.Contains(t, page.Body.String(), series)
	}
	problems, err := testutil.GatherAndLint(s.own)
	require.NoError(t, err)
	assert.Empty(t, problems)
	_, err = prometheus.NewPedanticRegistry().Gather()
	require.NoError(t, err)
}
