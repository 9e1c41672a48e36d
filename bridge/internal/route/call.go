package route

import (
	"encoding/binary"
	"maps"
	"slices"

	"google.golang.org/grpc/metadata"

	"github.com/grpcsse/grpcsse/bridge/internal/bind"
	"github.com/grpcsse/grpcsse/bridge/internal/request"
)

// Call is the request message and the metadata with which an upstream stream is opened.
type Call struct {
	Request  []byte // in the protobuf wire format
	Metadata metadata.MD
}

// Bind returns the call for a request. The error is a [*bind.CursorError] where only the cursor does not fit.
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

// ShareKey returns the key of the shared stream for a call without a cursor. Two calls have the same key only if the compiled
// route, the request message and all metadata are the same.
func (rt *Route) ShareKey(c *Call) string { return shareKey(rt.Plan.Digest, c) }

// shareKey is [Route.ShareKey] for the digest of a route. The length or count of each part stands before the part, so that two
// keys are the same only if all parts are.
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
