package route

import (
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"strings"

	"google.golang.org/grpc/metadata"

	"github.com/grpcsse/grpcsse/bridge/internal/bind"
	"github.com/grpcsse/grpcsse/bridge/internal/request"
	"github.com/grpcsse/grpcsse/bridge/internal/tracing"
)

// binarySuffix is the end of the names of metadata whose values are bytes. HTTP headers carry such values in base64 (gRPC over
// HTTP/2, "Custom-Metadata").
const binarySuffix = "-bin"

// outgoing returns the metadata that is sent to the upstream for a caller: the headers that the route forwards, the metadata
// that it sets, and the trace context. A private stream continues the trace of its caller, and a shared stream belongs to no
// trace. No other header reaches the upstream.
func (rt *Route) outgoing(head request.Head, in bind.Input) (metadata.MD, error) {
	md := metadata.MD{}
	traced := traceOf(head.Header)
	if rt.Config.Share == nil {
		maps.Copy(md, traced)
	}
	for _, name := range rt.Config.Metadata.Forward {
		if isTraceContext(name) { // also where it is forwarded by name, a malformed one is dropped
			if values := traced.Get(name); len(values) > 0 {
				md.Set(name, values...)
			}
			continue
		}
		for _, value := range head.Header.Values(name) {
			if !appendMetadata(md, name, value) {
				return nil, fmt.Errorf("header %q: expected %s", name, carried(name))
			}
		}
	}
	set, err := rt.Plan.Binder.Metadata(in)
	if err != nil {
		return nil, err
	}
	for _, m := range set {
		md.Append(m.Name, m.Value)
	}
	return md, nil
}

// traceOf returns the trace context of a caller. A malformed one is left out.
func traceOf(h http.Header) metadata.MD {
	md := metadata.MD{}
	parent, state := tracing.Forwarded(h.Values("Traceparent"), h.Values("Tracestate"))
	appendMetadata(md, "traceparent", parent)
	appendMetadata(md, "tracestate", state)
	return md
}

// carried describes the values that gRPC can carry under a name.
func carried(name string) string {
	if strings.HasSuffix(name, binarySuffix) {
		return "base64"
	}
	return "printable ASCII without blanks at its ends"
}

// appendMetadata adds the value of an HTTP header. It reports false for a value that gRPC cannot carry.
func appendMetadata(md metadata.MD, name, value string) bool {
	if strings.HasSuffix(name, binarySuffix) {
		raw, err := decodeBase64(value)
		if err != nil {
			return false
		}
		md.Append(name, string(raw))
		return true
	}
	for i := range len(value) {
		if value[i] < ' ' || value[i] > '~' {
			return false
		}
	}
	if strings.Trim(value, " ") != value {
		return false // HTTP/2 carries such a value, and the upstream may remove the blanks
	}
	if value != "" {
		md.Append(name, value)
	}
	return true
}

// decodeBase64 decodes base64 with or without padding, as gRPC does.
func decodeBase64(value string) ([]byte, error) {
	return base64.RawStdEncoding.DecodeString(strings.TrimRight(value, "="))
}

// Exposed returns the part of the response metadata of an upstream that the route exposes, nil where that is nothing. A stream keeps
// no more of it.
func (rt *Route) Exposed(md metadata.MD) (exposed metadata.MD) {
	for _, name := range rt.Config.Metadata.Expose {
		if values := md.Get(name); len(values) > 0 {
			if exposed == nil {
				exposed = metadata.MD{}
			}
			exposed.Set(name, values...)
		}
	}
	return exposed
}

// ExposeMetadata adds the response metadata that the route exposes to the headers of a response. Only what [Route.Exposed] returns is
// exposed, also where a replica of another version has sent more.
func (rt *Route) ExposeMetadata(h http.Header, md metadata.MD) {
	for name, values := range rt.Exposed(md) {
		for _, value := range values {
			if strings.HasSuffix(name, binarySuffix) {
				value = base64.StdEncoding.EncodeToString([]byte(value))
			}
			h.Add(name, value)
		}
	}
}
