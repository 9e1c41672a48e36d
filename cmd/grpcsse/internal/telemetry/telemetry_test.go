package telemetry

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// environment sets the variables of OpenTelemetry for a test, and takes away all others of its own.
func environment(t *testing.T, pairs ...string) {
	t.Helper()
	for _, name := range []string{
		"OTEL_SDK_DISABLED", "OTEL_TRACES_EXPORTER", "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
		"OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_SERVICE_NAME",
	} {
		t.Setenv(name, "")
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		t.Setenv(pairs[i], pairs[i+1])
	}
}

func TestWithoutTheVariablesNothingRuns(t *testing.T) {
	for name, pairs := range map[string][]string{
		"none set":        {},
		"none":            {"OTEL_TRACES_EXPORTER", "none", "OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1"},
		"disabled":        {"OTEL_SDK_DISABLED", "true", "OTEL_TRACES_EXPORTER", "otlp"},
		"only a protocol": {"OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"},
	} {
		environment(t, pairs...)
		spans, err := Start(t.Context(), "v1", slog.New(slog.DiscardHandler))
		require.NoError(t, err, name)
		assert.Nil(t, spans, name)
		assert.Nil(t, spans.Provider(), name)
		spans.Stop(t.Context())
	}
}

func TestSpansReachTheCollector(t *testing.T) {
	var mu sync.Mutex
	var got bytes.Buffer
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		mu.Lock()
		defer mu.Unlock()
		got.WriteString(r.URL.Path)
		got.Write(body)
	}))
	defer collector.Close()
	environment(t, "OTEL_EXPORTER_OTLP_ENDPOINT", collector.URL)
	spans, err := Start(t.Context(), "v1", slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	_, span := spans.Provider().Tracer("test").Start(t.Context(), "a span of the test")
	span.End()
	spans.Stop(t.Context())
	mu.Lock()
	defer mu.Unlock()
	for _, part := range []string{"/v1/traces", "a span of the test", "service.name", "grpcsse", "service.version", "v1"} {
		assert.Contains(t, got.String(), part)
	}
}

func TestTheNameOfTheServiceCanBeSet(t *testing.T) {
	environment(t, "OTEL_TRACES_EXPORTER", "console", "OTEL_SERVICE_NAME", "edge")
	spans, err := Start(t.Context(), "v1", slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	spans.Stop(t.Context())
}

func TestAnUnknownExporterIsAnError(t *testing.T) {
	for want, pairs := range map[string][]string{
		`OTEL_TRACES_EXPORTER: expected otlp, console or none, found "otpl"`: {"OTEL_TRACES_EXPORTER", "otpl"},
		`OTEL_EXPORTER_OTLP_PROTOCOL: expected grpc or http/protobuf, found "smoke signals"`: {
			"OTEL_TRACES_EXPORTER", "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL", "smoke signals",
		},
		`OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: expected grpc or http/protobuf, found "http/json"`: {
			"OTEL_TRACES_EXPORTER", "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/json",
		},
	} {
		environment(t, pairs...)
		_, err := Start(t.Context(), "v1", slog.New(slog.DiscardHandler))
		assert.ErrorContains(t, err, want)
	}
}

// The variable for traces comes before the one for everything, and HTTP is what is used without either.
func TestTheProtocolOfTheExporter(t *testing.T) {
	const all, traces = "OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"
	for name, test := range map[string]struct {
		pairs []string
		want  string
	}{
		"no protocol":    {nil, "otlptracehttp"},
		"gRPC":           {[]string{all, "grpc"}, "otlptracegrpc"},
		"HTTP":           {[]string{all, "http/protobuf"}, "otlptracehttp"},
		"gRPC for spans": {[]string{all, "http/protobuf", traces, "grpc"}, "otlptracegrpc"},
		"HTTP for spans": {[]string{all, "grpc", traces, "http/protobuf"}, "otlptracehttp"},
	} {
		environment(t, append([]string{"OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1"}, test.pairs...)...)
		exporter, err := newExporter(t.Context())
		require.NoError(t, err, name)
		about := exporter.(interface{ MarshalLog() any }).MarshalLog() // has the client
		assert.Contains(t, fmt.Sprintf("%#v", about), "*"+test.want+".client", name)
		require.NoError(t, exporter.Shutdown(t.Context()), name)
	}
}

// A collector that does not answer costs a line of the log, and a short time at the end.
func TestACollectorThatIsDown(t *testing.T) {
	stalled := make(chan struct{})
	collector := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-stalled }))
	defer collector.Close()
	defer close(stalled)
	for name, endpoint := range map[string]string{"nobody listens": "http://127.0.0.1:1", "it stalls": collector.URL} {
		environment(t, "OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
		var log bytes.Buffer
		began := time.Now()
		spans, err := Start(t.Context(), "v1", slog.New(slog.NewTextHandler(&log, nil)))
		require.NoError(t, err)
		for range 10_000 { // more than the queue holds
			_, span := spans.Provider().Tracer("test").Start(t.Context(), "span")
			span.End()
		}
		spans.Stop(t.Context())
		assert.Less(t, time.Since(began), 4*flushTimeout, name)
		assert.Equal(t, 1, strings.Count(log.String(), "spans cannot be exported"), "%s: %s", name, &log)
	}
}

func TestFaultsAreLoggedOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		f := &faults{log: slog.New(slog.NewTextHandler(&log, nil))}
		for range 121 {
			f.Handle(errors.New("down"))
			time.Sleep(time.Second)
		}
		assert.Equal(t, 3, strings.Count(log.String(), "\n"))
		assert.Equal(t, 2, strings.Count(log.String(), "left_out=59"))
	})
	otel.SetErrorHandler(&faults{log: slog.New(slog.DiscardHandler)})
}
