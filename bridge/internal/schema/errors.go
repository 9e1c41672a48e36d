package schema

import (
	"errors"
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
	// Streaming is the server-streaming methods of the service, where the server gave as much as its own file.
	Streaming []BrokenMethod
}

// BrokenMethod is what is known of a method whose messages cannot be read.
type BrokenMethod struct {
	Name     string
	Bindings []Binding // as [Bindings] has them
}

// Error says what was found and what to do.
func (e *BrokenService) Error() string {
	return fmt.Sprintf("service %s: the server lists it but its reflection does not give its descriptors: %v; "+
		"give them with schema.descriptor_set or schema.proto", e.Service, e.Err)
}

// Unwrap is the reason.
func (e *BrokenService) Unwrap() error { return e.Err }

// PublicMessage is what callers may be told: which service it is, and what is missing. Whatever else the server said stays out.
func (e *BrokenService) PublicMessage() string {
	text := "the schema of " + e.Service + " cannot be read"
	var (
		missing *missingTypeError
		cycle   *cycleError
	)
	switch {
	case errors.As(e.Err, &missing) && len(missing.imports) > 0:
		return text + ": import " + anyOf(missing.imports) + " is missing"
	case errors.As(e.Err, &missing):
		return text + ": the type " + missing.name + " is missing"
	case errors.As(e.Err, &cycle):
		return text + ": its imports form a cycle"
	}
	return text
}

// streamingIn lists the server-streaming methods of a service as its file declares them.
func streamingIn(file *protoFile, service protoreflect.FullName) []BrokenMethod {
	var out []BrokenMethod
	for _, method := range serviceIn(file, service).GetMethod() {
		if method.GetServerStreaming() && !method.GetClientStreaming() {
			out = append(out, BrokenMethod{Name: method.GetName(), Bindings: bindingsOf(method.GetOptions())})
		}
	}
	return out
}

func sortedNames(names iter.Seq[protoreflect.FullName]) []string {
	var sorted []string
	for name := range names {
		sorted = append(sorted, string(name))
	}
	slices.Sort(sorted)
	return sorted
}
