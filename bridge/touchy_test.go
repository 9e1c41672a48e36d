package bridge_test

import (
	"context"
	"io"
	"log"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/grpcsse/grpcsse/bridge"
)

// touchyHandler is a log handler that panics at each line.
type touchyHandler struct{ slog.Handler }

func (touchyHandler) Enabled(context.Context, slog.Level) bool  { return true }
func (touchyHandler) Handle(context.Context, slog.Record) error { panic("a log handler") }
func (h touchyHandler) WithAttrs([]slog.Attr) slog.Handler      { return h }
func (h touchyHandler) WithGroup(string) slog.Handler           { return h }

// touchyTracer is a provider whose spans panic when they end.
type touchyTracer struct{ noop.TracerProvider }

func (touchyTracer) Tracer(string, ...trace.TracerOption) trace.Tracer { return touchySpans{} }

type touchySpans struct{ noop.Tracer }

func (touchySpans) Start(ctx context.Context, _ string, _ ...trace.SpanStartOption) (context.Context, trace.Span) {
	return ctx, touchySpan{}
}

type touchySpan struct{ noop.Span }

func (touchySpan) IsRecording() bool          { return true }
func (touchySpan) End(...trace.SpanEndOption) { panic("a span") }

// What the program brings for its logs and traces may panic at each call, on whichever goroutine: streams go on.
func TestStreamsSurviveALogHandlerAndATracerThatPanic(t *testing.T) {
	before := log.Writer()
	log.SetOutput(io.Discard)
	t.Cleanup(func() { log.SetOutput(before) })
	for _, share := range []string{"share: off", "share: {late_join: all, linger: 1ms}"} {
		s := startServer(t, "127.0.0.1:0", count(3, nil))
		cfg := parse(t, s, routeFile(share))
		l := slog.New(touchyHandler{})
		b, err := bridge.New(t.Context(), cfg, bridge.WithLogger(l), bridge.WithAccessLog(l),
			bridge.WithTracerProvider(touchyTracer{}))
		require.NoError(t, err)
		require.NoError(t, b.Ready(t.Context()))
		url := serveHTTP(t, b)
		for kind, client := range clients(t) {
			t.Run(kind+" "+share, func(t *testing.T) {
				events := newReader(do(t, client, eventSource(t.Context(), t, url+"/watch/x"))).all(t)
				require.NotEmpty(t, events)
				assert.Contains(t, events[len(events)-1].data, `"status":"OK"`)
				_ = do(t, client, eventSource(t.Context(), t, url+"/nothing")).Body.Close()
			})
		}
	}
}
