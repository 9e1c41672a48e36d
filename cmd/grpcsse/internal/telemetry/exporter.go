package telemetry

import (
	"cmp"
	"context"
	"fmt"
	"os"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/exporters/stdout/stdouttrace"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// newExporter returns the exporter that the environment asks for, by the variables of the specification of OpenTelemetry ("OpenTelemetry
// Environment Variable Specification", exporter selection, and "OpenTelemetry Protocol Exporter"). Package autoexport does the same, and
// brings the exporters of metrics and logs too: every tenth package of the program was theirs.
func newExporter(ctx context.Context) (sdktrace.SpanExporter, error) {
	switch name := cmp.Or(os.Getenv("OTEL_TRACES_EXPORTER"), "otlp"); name {
	case "otlp":
		return newOTLP(ctx)
	case "console":
		return stdouttrace.New()
	default:
		return nil, fmt.Errorf("OTEL_TRACES_EXPORTER: expected otlp, console or none, found %q", name)
	}
}

func newOTLP(ctx context.Context) (sdktrace.SpanExporter, error) {
	for _, variable := range []string{"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"} {
		switch protocol := os.Getenv(variable); protocol {
		case "":
		case "grpc":
			return otlptracegrpc.New(ctx)
		case "http/protobuf":
			return otlptracehttp.New(ctx)
		default:
			return nil, fmt.Errorf("%s: expected grpc or http/protobuf, found %q", variable, protocol)
		}
	}
	return otlptracehttp.New(ctx)
}
