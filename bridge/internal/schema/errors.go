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
	Have    []string // the services that the upstream has, sorted
}

// Error returns a message with the name of the service.
func (e *UnknownService) Error() string {
	if len(e.Have) == 0 {
		return fmt.Sprintf("unknown service %s: the upstream's schema has no services", e.Service)
	}
	return fmt.Sprintf("unknown service %s: the upstream's schema does not have it", e.Service)
}

// UnknownMethod says that the service has no method of this name.
type UnknownMethod struct {
	Service, Method string
	Have            []string // the methods that the service has, of any kind, sorted
}

// Error returns a message with the names of the method and the service.
func (e *UnknownMethod) Error() string {
	return fmt.Sprintf("unknown method %s: service %s does not have it", e.Method, e.Service)
}

// NotServerStreaming says that a method exists but is not server-streaming, so that it cannot be a stream of events.
type NotServerStreaming struct {
	Method string // "package.Service/Method"
	Kind   string // "unary", "client-streaming" or "bidirectional"
}

// Error returns a message with the method and its kind.
func (e *NotServerStreaming) Error() string {
	return fmt.Sprintf("expected a server-streaming method, found %s, which is %s", e.Method, e.Kind)
}

// BrokenService says that the upstream lists a service for which its reflection returns no usable descriptors. The other
// services of the upstream are not affected.
type BrokenService struct {
	Service string
	Err     error
	// Streaming lists the server-streaming methods of the service. It is empty where the file of the service itself is missing.
	Streaming []BrokenMethod
}

// BrokenMethod is a method whose message types cannot be read.
type BrokenMethod struct {
	Name     string
	Bindings []Binding // the result of [Bindings]
}

// Error returns a message that says what is wrong and what to do.
func (e *BrokenService) Error() string {
	return fmt.Sprintf("service %s: the server lists it but its reflection does not give its descriptors: %v; "+
		"give them with schema.descriptor_set or schema.proto", e.Service, e.Err)
}

// Unwrap returns Err.
func (e *BrokenService) Unwrap() error { return e.Err }

// PublicMessage returns a message that callers may see. It names the service and what is missing, and contains no text of the
// server.
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

// streamingIn returns the server-streaming methods of a service, as its file declares them.
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
