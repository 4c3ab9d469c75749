package server

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"os"
	"strings"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// NewTracerProvider makes what Options.TracerProvider asks for from OpenTelemetry's usual environment variables, and
// a function that sends what is left and ends it. Without OTEL_TRACES_EXPORTER, OTEL_EXPORTER_OTLP_ENDPOINT or
// OTEL_EXPORTER_OTLP_TRACES_ENDPOINT the provider is nil: there are no traces. The only exporter is otlp, by gRPC or
// HTTP. It fails for another, and when a variable makes no sense; not when nobody listens at the endpoint.
func NewTracerProvider(ctx context.Context) (trace.TracerProvider, func(context.Context) error, error) {
	off := func(context.Context) error { return nil }
	switch exporter := os.Getenv("OTEL_TRACES_EXPORTER"); exporter {
	case "":
		if os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") == "" && os.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") == "" {
			return nil, off, nil
		}
	case "none":
		return nil, off, nil
	case "otlp":
	default:
		return nil, off, fmt.Errorf("OTEL_TRACES_EXPORTER is %q; it must be otlp or none", exporter)
	}
	if strings.EqualFold(os.Getenv("OTEL_SDK_DISABLED"), "true") {
		return nil, off, nil
	}
	var exporter *otlptrace.Exporter
	var err error
	switch protocol := cmp.Or(os.Getenv("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"), os.Getenv("OTEL_EXPORTER_OTLP_PROTOCOL"), "http/protobuf"); protocol {
	case "http/protobuf":
		exporter, err = otlptracehttp.New(ctx)
	case "grpc":
		exporter, err = otlptracegrpc.New(ctx)
	default:
		err = fmt.Errorf("OTEL_EXPORTER_OTLP_PROTOCOL is %q; it must be http/protobuf or grpc", protocol)
	}
	if err != nil {
		return nil, off, err
	}
	// What the environment says of the service comes after, and wins.
	service, err := resource.New(ctx, resource.WithTelemetrySDK(), resource.WithAttributes(attribute.String("service.name", "remit")), resource.WithFromEnv())
	if err != nil {
		return nil, off, err
	}
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(service))
	return provider, provider.Shutdown, nil
}

// traced makes spans of the requests to a route, which continue the trace of the caller.
func (s *Server) traced(rt *route, next http.Handler) http.Handler {
	if s.opts.TracerProvider == nil {
		return next
	}
	return otelhttp.NewHandler(next, rt.name,
		otelhttp.WithTracerProvider(s.opts.TracerProvider),
		otelhttp.WithPropagators(propagation.TraceContext{}),
		otelhttp.WithSpanNameFormatter(func(_ string, r *http.Request) string { return r.Method + " " + r.Pattern }),
	)
}

// traceDecision notes a decision in the span of the call, and gives the id of its trace; empty where there is none.
func (c *call) traceDecision(decision, reason string) (traceID string) {
	if c.server.opts.TracerProvider == nil {
		return ""
	}
	span := trace.SpanFromContext(c.Context())
	if span.IsRecording() {
		span.AddEvent("decision", trace.WithAttributes(
			attribute.String("remit.domain", c.domain.Namespace),
			attribute.String("remit.decision", decision),
			attribute.String("remit.reason", reason),
		))
	}
	if of := span.SpanContext(); of.HasTraceID() {
		return of.TraceID().String()
	}
	return ""
}
