package upstream

import (
	"context"
	"fmt"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

// fixedMetadata is sent with every call of a connection. It is immutable.
type fixedMetadata metadata.MD

// newFixedMetadata checks metadata, and refuses what gRPC would refuse or ignore in every call.
func newFixedMetadata(values map[string]string) (fixedMetadata, error) {
	fixed := fixedMetadata{}
	for name, value := range values {
		lower := strings.ToLower(name)
		switch {
		case !isMetadataName(lower):
			return nil, fmt.Errorf("metadata %q: expected a name of letters, digits, '-', '_' and '.'", name)
		case strings.HasPrefix(lower, "grpc-"), lower == "content-type", lower == "te", lower == "user-agent":
			return nil, fmt.Errorf("metadata %q: this name is gRPC's own", name)
		case !strings.HasSuffix(lower, "-bin") && !isPrintable(value):
			return nil, fmt.Errorf("metadata %q: expected a value of printable ASCII; other bytes need a name that ends in -bin", name)
		}
		if _, twice := fixed[lower]; twice {
			return nil, fmt.Errorf("metadata %q: found twice, names are not case-sensitive", name)
		}
		fixed[lower] = []string{value}
	}
	return fixed, nil
}

func isMetadataName(name string) bool {
	for _, c := range []byte(name) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' && c != '.' {
			return false
		}
	}
	return name != ""
}

func isPrintable(value string) bool {
	for _, c := range []byte(value) {
		if c < ' ' || c > '~' {
			return false
		}
	}
	return true
}

func (f fixedMetadata) attach(ctx context.Context) context.Context {
	md, ok := metadata.FromOutgoingContext(ctx) // a copy
	if !ok {
		return metadata.NewOutgoingContext(ctx, metadata.MD(f))
	}
	for name, values := range f {
		md[name] = values
	}
	return metadata.NewOutgoingContext(ctx, md)
}

func (f fixedMetadata) stream(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string,
	streamer grpc.Streamer, opts ...grpc.CallOption,
) (grpc.ClientStream, error) {
	return streamer(f.attach(ctx), desc, cc, method, opts...)
}

func (f fixedMetadata) unary(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn,
	invoker grpc.UnaryInvoker, opts ...grpc.CallOption,
) error {
	return invoker(f.attach(ctx), method, req, reply, cc, opts...)
}
