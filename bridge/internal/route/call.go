package route

import (
	"encoding/binary"
	"maps"
	"slices"

	"google.golang.org/grpc/metadata"

	"github.com/grpcsse/grpcsse/bridge/internal/bind"
	"github.com/grpcsse/grpcsse/bridge/internal/request"
)

// Call is what is sent to open an upstream stream.
type Call struct {
	Request  []byte // on the wire
	Metadata metadata.MD
}

// Bind returns what is sent to open an upstream stream. A [*bind.CursorError] means that the cursor alone does not fit.
func (rt *Route) Bind(head request.Head, in bind.Input) (*Call, error) {
	message, err := rt.Plan.Binder.Bind(in)
	if err != nil {
		return nil, err
	}
	md, err := rt.outgoing(head, in)
	if err != nil {
		return nil, err
	}
	return &Call{message, md}, nil
}

// ShareKey returns the key of the shared stream for a call without a cursor. It identifies what callers share: the compiled route,
// the request message, and all metadata that is sent on their behalf.
func (rt *Route) ShareKey(c *Call) string { return shareKey(rt.Plan.Digest, c) }

// shareKey is [Route.ShareKey] for the digest of a route. Each part has its length or its count before it, so two keys are the
// same only where all parts are.
func shareKey(route Digest, c *Call) string {
	md := c.Metadata
	key := appendText(route[:], c.Request)
	key = binary.AppendUvarint(key, uint64(len(md)))
	for _, name := range slices.Sorted(maps.Keys(md)) {
		key = appendText(key, []byte(name))
		key = binary.AppendUvarint(key, uint64(len(md[name])))
		for _, value := range md[name] {
			key = appendText(key, []byte(value))
		}
	}
	return string(key)
}
