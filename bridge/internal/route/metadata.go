package route

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"

	"google.golang.org/grpc/metadata"

	"github.com/grpcsse/grpcsse/bridge/internal/bind"
	"github.com/grpcsse/grpcsse/bridge/internal/request"
)

// binarySuffix ends the names of metadata whose values are bytes: base64 in HTTP headers (gRPC over HTTP/2,
// "Custom-Metadata").
const binarySuffix = "-bin"

// outgoing returns what is sent to the upstream on behalf of a caller: the headers that the route forwards, what it sets,
// and the trace context, which a stream of one's own continues; a shared one is part of no trace. No other header ever reaches the upstream.
func (rt *Route) outgoing(head request.Head, in bind.Input) (metadata.MD, error) {
	md := metadata.MD{}
	if rt.Config.Share == nil {
		for _, name := range traceContext() {
			appendMetadata(md, name, head.Header.Get(name)) // one that is malformed is no reason to refuse anybody
		}
	}
	for _, name := range rt.Config.Metadata.Forward {
		md.Delete(name)
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

// carried says what gRPC can carry under a name.
func carried(name string) string {
	if strings.HasSuffix(name, binarySuffix) {
		return "base64"
	}
	return "printable ASCII"
}

// appendMetadata adds a value as it stands in HTTP. It reports false for one that gRPC cannot carry.
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
	if value != "" {
		md.Append(name, value)
	}
	return true
}

// decodeBase64 takes the padding that a client may send or leave out, as gRPC does.
func decodeBase64(value string) ([]byte, error) {
	return base64.RawStdEncoding.DecodeString(strings.TrimRight(value, "="))
}

// Expose copies response metadata that the route names to the headers of the response.
func (rt *Route) Expose(h http.Header, md metadata.MD) {
	for _, name := range rt.Config.Metadata.Expose {
		for _, value := range md.Get(name) {
			if strings.HasSuffix(name, binarySuffix) {
				value = base64.StdEncoding.EncodeToString([]byte(value))
			}
			h.Add(name, value)
		}
	}
}
