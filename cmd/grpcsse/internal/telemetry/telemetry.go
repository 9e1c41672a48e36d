// Package telemetry sends the spans of the program to where the standard environment variables of OpenTelemetry say. It is the
// only package that knows the SDK of OpenTelemetry and its exporters.
package telemetry

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// flushTimeout is how long the last spans may take at the end of the program.
const flushTimeout = 3 * time.Second

// Telemetry exports spans. A nil Telemetry does nothing.
type Telemetry struct {
	provider *sdktrace.TracerProvider
	faults   *faults
}

// Start starts to export spans. It returns nil where the environment does not ask for them: then nothing runs. It waits for no
// collector. The error says which variable has a value that is not known.
func Start(ctx context.Context, version string, log *slog.Logger) (*Telemetry, error) {
	if !asked() {
		return nil, nil
	}
	t := &Telemetry{faults: &faults{log: log}}
	otel.SetErrorHandler(t.faults) // the SDK reports its errors in no other way
	exporter, err := newExporter(ctx)
	if err != nil {
		return nil, fmt.Errorf("OpenTelemetry (OTEL_TRACES_EXPORTER, OTEL_EXPORTER_OTLP_PROTOCOL and others): %w", err)
	}
	about, err := resource.New(ctx,
		resource.WithTelemetrySDK(),
		resource.WithAttributes(attribute.String("service.name", "grpcsse"), attribute.String("service.version", version)),
		resource.WithFromEnv(), // last, since the later one wins
	)
	if err != nil {
		t.faults.Handle(err) // what could be read is used
	}
	// The processor drops spans when its queue is full, so a collector that is down costs no stream.
	t.provider = sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(about))
	log.Info("tracing is on", "hint", "OTEL_TRACES_SAMPLER says which traces are recorded")
	return t, nil
}

// asked reports whether the environment asks for spans.
func asked() bool {
	exporter := os.Getenv("OTEL_TRACES_EXPORTER")
	switch {
	case strings.EqualFold(os.Getenv("OTEL_SDK_DISABLED"), "true"), exporter == "none":
		return false
	case exporter != "":
		return true
	}
	return os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") != "" || os.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") != ""
}

// Provider returns the provider for the library, nil where there are no spans.
func (t *Telemetry) Provider() trace.TracerProvider {
	if t == nil {
		return nil
	}
	return t.provider
}

// Stop exports the last spans, for a short time at most.
func (t *Telemetry) Stop(ctx context.Context) {
	if t == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTimeout)
	defer cancel()
	if err := t.provider.Shutdown(ctx); err != nil {
		t.faults.Handle(err)
	}
}
