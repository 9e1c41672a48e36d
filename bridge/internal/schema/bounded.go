package schema

import (
	"fmt"

	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/protobuf/proto"
)

// limits bound the answers of a server in one reading.
type limits struct {
	files, bytes int
	elements     int // of all files together
	depth        int // of nested messages
}

// defaultLimits returns limits that are far above the size of real schemas, and far below a size that would harm the process.
func defaultLimits() limits {
	return limits{files: 10_000, bytes: 64 << 20, elements: 1_000_000, depth: 64}
}

// limitError says which limit was exceeded.
type limitError struct{ what string }

func (e *limitError) Error() string {
	return fmt.Sprintf("expected a schema of at most %s, found more", e.what)
}

// budget compares what was read so far with the limits.
type budget struct {
	limits limits
	seen   limits // the sizes that were read so far
}

// count adds the size of an answer, before its files are parsed. An answer without files counts as one file, since it needed a
// question.
func (b *budget) count(answer *reflectionv1.ServerReflectionResponse) error {
	files := answer.GetFileDescriptorResponse().GetFileDescriptorProto()
	var s structure
	for _, wire := range files {
		s.measure(wire, fileParts(), 0)
	}
	b.seen.files += max(1, len(files))
	b.seen.bytes += proto.Size(answer)
	b.seen.elements += s.elements
	b.seen.depth = max(b.seen.depth, s.depth)
	return b.check()
}

// check returns a *limitError where a limit is exceeded.
func (b *budget) check() error {
	switch {
	case b.seen.bytes > b.limits.bytes:
		return &limitError{what: fmt.Sprintf("%d bytes", b.limits.bytes)}
	case b.seen.files > b.limits.files:
		return &limitError{what: fmt.Sprintf("%d files", b.limits.files)}
	case b.seen.elements > b.limits.elements:
		return &limitError{what: fmt.Sprintf("%d elements", b.limits.elements)}
	case b.seen.depth > b.limits.depth:
		return &limitError{what: fmt.Sprintf("%d messages inside each other", b.limits.depth)}
	}
	return nil
}

// extend sets new limits for what is read from now on.
func (b *budget) extend(files, bytes, elements int) {
	b.limits.files = b.seen.files + files
	b.limits.bytes = b.seen.bytes + bytes
	b.limits.elements = b.seen.elements + elements
}
