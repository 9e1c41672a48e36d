package upstream

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"github.com/grpcsse/grpcsse/bridge/internal/secret"
)

// fixedMetadata is sent with every call of a connection. Its own values do not change, and those of files are the newest ones.
type fixedMetadata struct {
	values metadata.MD
	files  map[string]*secret.Fresh[string]
}

// metadataEvery is how often files with metadata are looked at while calls are made.
const metadataEvery = time.Second

// newFixedMetadata checks metadata, and refuses what gRPC would refuse or ignore in every call. It reads the files.
func newFixedMetadata(values, files map[string]string, stale func(error)) (fixedMetadata, error) {
	fixed := fixedMetadata{metadata.MD{}, map[string]*secret.Fresh[string]{}}
	for name, value := range values {
		lower, err := fixed.nameOf(name)
		switch {
		case err != nil:
			return fixed, err
		case !strings.HasSuffix(lower, "-bin") && (!secret.IsPrintable(value) || strings.Trim(value, " ") != value):
			return fixed, fmt.Errorf("metadata %q: expected a value of printable ASCII without blanks at its ends; other bytes need a name that ends in -bin", name)
		}
		fixed.values[lower] = []string{value}
	}
	for name, file := range files {
		lower, err := fixed.nameOf(name)
		if err != nil {
			return fixed, err
		}
		read := func() (string, error) {
			text, err := secret.Read(file)
			if err != nil {
				err = fmt.Errorf("metadata %q, file %s: %w", name, file, err)
			}
			return text, err
		}
		if fixed.files[lower], err = secret.New([]string{file}, metadataEvery, read, stale); err != nil {
			return fixed, err
		}
	}
	return fixed, nil
}

// nameOf checks the name of metadata, and returns it in lower case.
func (f fixedMetadata) nameOf(name string) (string, error) {
	lower := strings.ToLower(name)
	switch {
	case !isMetadataName(lower):
		return "", fmt.Errorf("metadata %q: expected a name of letters, digits, '-', '_' and '.'", name)
	case strings.HasPrefix(lower, "grpc-"), lower == "content-type", lower == "te", lower == "user-agent":
		return "", fmt.Errorf("metadata %q: this name is gRPC's own", name)
	case f.values[lower] != nil, f.files[lower] != nil:
		return "", fmt.Errorf("metadata %q: found twice, names are not case-sensitive", name)
	}
	return lower, nil
}

func (f fixedMetadata) empty() bool { return len(f.values)+len(f.files) == 0 }

func isMetadataName(name string) bool {
	for _, c := range []byte(name) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' && c != '.' {
			return false
		}
	}
	return name != ""
}

func (f fixedMetadata) attach(ctx context.Context) context.Context {
	md, ok := metadata.FromOutgoingContext(ctx) // a copy
	switch {
	case !ok && len(f.files) == 0:
		return metadata.NewOutgoingContext(ctx, f.values)
	case !ok:
		md = metadata.MD{}
	}
	maps.Copy(md, f.values)
	for name, file := range f.files {
		md[name] = []string{file.Get()}
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
