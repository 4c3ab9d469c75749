package server

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"google.golang.org/protobuf/proto"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
)

func TestTraces(t *testing.T) {
	spans := tracetest.NewSpanRecorder()
	s, lines := newLoggingServer(t, DecisionLog{})
	s.opts.TracerProvider = sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))
	s.handler = s.mux()

	r := request(http.MethodPost, "/domains/shop/access/v1/evaluation", goodEvaluation)
	const traceID = "4bf92f3577b34da6a3ce929d0e0e4736"
	r.Header.Set("Traceparent", "00-"+traceID+"-00f067aa0ba902b7-01")
	serve(s, r)
	ended := spans.Ended()
	if len(ended) != 1 {
		t.Fatalf("%d spans, want 1", len(ended))
	}
	span := ended[0]
	if span.Name() != "POST /domains/{domain}/access/v1/evaluation" || span.SpanContext().TraceID().String() != traceID {
		t.Errorf("span %q of trace %s", span.Name(), span.SpanContext().TraceID())
	}
	if len(span.Events()) == 0 {
		t.Fatal("the span tells of no decision")
	}
	decision := span.Events()[len(span.Events())-1]
	want := []attribute.KeyValue{
		attribute.String("remit.domain", "shop"), attribute.String("remit.decision", "allow"), attribute.String("remit.reason", "superuser"),
	}
	if diff := cmp.Diff(want, decision.Attributes, cmp.AllowUnexported(attribute.Value{})); decision.Name != "decision" || diff != "" {
		t.Errorf("event %q, attributes (-want +got):\n%s", decision.Name, diff)
	}
	if got := lines(); len(got) != 1 || got[0]["trace_id"] != traceID {
		t.Errorf("lines %v, want one with the trace", got)
	}
}

// clearTracing takes away what the environment of the test may say.
func clearTracing(t *testing.T) {
	t.Helper()
	for _, name := range []string{
		"OTEL_TRACES_EXPORTER", "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_SDK_DISABLED",
		"OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES",
	} {
		t.Setenv(name, "")
	}
}

func TestTracesAreAskedForByTheEnvironment(t *testing.T) {
	tests := map[string]struct {
		environment map[string]string
		on          bool
		wantErr     string
	}{
		"nothing said":         {nil, false, ""},
		"an exporter":          {map[string]string{"OTEL_TRACES_EXPORTER": "otlp"}, true, ""},
		"an endpoint":          {map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}, true, ""},
		"an endpoint by gRPC":  {map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:1", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, true, ""},
		"none, at an endpoint": {map[string]string{"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}, false, ""},
		"all of it disabled":   {map[string]string{"OTEL_TRACES_EXPORTER": "otlp", "OTEL_SDK_DISABLED": "TRUE"}, false, ""},
		"another exporter":     {map[string]string{"OTEL_TRACES_EXPORTER": "zipkin"}, false, `OTEL_TRACES_EXPORTER is "zipkin"`},
		"another protocol":     {map[string]string{"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"}, false, `OTEL_EXPORTER_OTLP_PROTOCOL is "http/json"`},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			clearTracing(t)
			for name, value := range tc.environment {
				t.Setenv(name, value)
			}
			provider, stop, err := NewTracerProvider(t.Context())
			if (err != nil) != (tc.wantErr != "") || err != nil && !strings.Contains(err.Error(), tc.wantErr) {
				t.Errorf("error %v, want %q", err, tc.wantErr)
			}
			if (provider != nil) != tc.on {
				t.Errorf("provider %v, want one: %t", provider, tc.on)
			}
			if err := stop(t.Context()); err != nil {
				t.Errorf("stop: %v", err)
			}
		})
	}
}

// TestTracesAreSent has a collector.
func TestTracesAreSent(t *testing.T) {
	received := make(chan *collector.ExportTraceServiceRequest, 1)
	listener := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		export := &collector.ExportTraceServiceRequest{}
		if err == nil {
			err = proto.Unmarshal(body, export)
		}
		if err != nil {
			t.Errorf("read the export: %v", err)
		}
		received <- export
	}))
	defer listener.Close()
	clearTracing(t)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", listener.URL)
	provider, stop, err := NewTracerProvider(t.Context())
	if err != nil {
		t.Fatalf("NewTracerProvider: %v", err)
	}
	s, err := New(fixed{"shop": shop()}, Options{BindAddress: "127.0.0.1:0", Authn: AuthnNone, TracerProvider: provider})
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	post(s, "/domains/shop/access/v1/evaluation", goodEvaluation)
	if err := stop(t.Context()); err != nil {
		t.Fatalf("stop: %v", err)
	}
	mustMention(t, (<-received).String(), "POST /domains/{domain}/access/v1/evaluation", `"service.name"`, `"remit"`, "remit.decision")
}
