package schema

import (
	"fmt"
	"iter"
	"slices"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// UnknownService says that the upstream has no service of this name.
type UnknownService struct {
	Service string
	Have    []string // the services that it has, sorted
}

// Error says what is missing where.
func (e *UnknownService) Error() string {
	if len(e.Have) == 0 {
		return fmt.Sprintf("unknown service %s: the upstream's schema has no services", e.Service)
	}
	return fmt.Sprintf("unknown service %s: the upstream's schema does not have it", e.Service)
}

// UnknownMethod says that the service has no method of this name.
type UnknownMethod struct {
	Service, Method string
	Have            []string // the methods that it has, of whatever kind, sorted
}

// Error says what is missing where.
func (e *UnknownMethod) Error() string {
	return fmt.Sprintf("unknown method %s: service %s does not have it", e.Method, e.Service)
}

// NotServerStreaming says that a method exists but is of a kind that cannot be a stream of events.
type NotServerStreaming struct {
	Method string // "package.Service/Method"
	Kind   string // "unary", "client-streaming" or "bidirectional"
}

// Error says what was expected and found.
func (e *NotServerStreaming) Error() string {
	return fmt.Sprintf("expected a server-streaming method, found %s, which is %s", e.Method, e.Kind)
}

// BrokenService says that the upstream lists a service for which it gives no usable descriptors. Its other services are
// not affected.
type BrokenService struct {
	Service string
	Err     error
}

// Error says what was found and what to do.
func (e *BrokenService) Error() string {
	return fmt.Sprintf("service %s: the server lists it but its reflection does not give its descriptors: %v; "+
		"give them with schema.descriptor_set or schema.proto", e.Service, e.Err)
}

// Unwrap is the reason.
func (e *BrokenService) Unwrap() error { return e.Err }

func sortedNames(names iter.Seq[protoreflect.FullName]) []string {
	var sorted []string
	for name := range names {
		sorted = append(sorted, string(name))
	}
	slices.Sort(sorted)
	return sorted
}
