// Package schema reads the descriptors of an upstream's methods and messages.
//
// The descriptors come from the reflection of the server ([FromReflection], kept up to date by a [Watcher]), from a
// FileDescriptorSet ([FromDescriptorSet]), from .proto sources ([FromProto]) or from the program itself ([FromProgram]). The
// result is a [Snapshot], which never changes: when a server changes its schema, there is another snapshot.
package schema

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"maps"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"
)

// Snapshot is one state of an upstream's schema. It never changes, and its methods may be called concurrently.
type Snapshot struct {
	hash      string // of the files and services
	found     string // of types that were looked up, where they differ from those of the snapshot before
	services  map[protoreflect.FullName]protoreflect.ServiceDescriptor
	broken    map[protoreflect.FullName]*BrokenService
	streaming []protoreflect.MethodDescriptor
	types     *dynamicpb.Types
	// own holds the types of services for which a name has another meaning than for other services.
	own    map[protoreflect.FullName]*dynamicpb.Types
	finder *finder // nil for a schema that does not come by reflection
}

// newSnapshot returns a snapshot of linked files. services are the services that can be served, and broken those that cannot.
// Where two files define the same name, the first file is used.
func newSnapshot(files []protoreflect.FileDescriptor, services map[protoreflect.FullName]protoreflect.ServiceDescriptor,
	broken map[protoreflect.FullName]*BrokenService,
) (*Snapshot, error) {
	s := &Snapshot{services: services, broken: broken}
	registry := new(protoregistry.Files)
	for _, file := range files {
		_ = registry.RegisterFile(file) // an error means a collision
	}
	var err error
	if s.hash, err = fingerprint(files, s.services, broken); err != nil {
		return nil, err
	}
	s.streaming = streamingMethods(s.services)
	addLinked(registry)
	s.types = dynamicpb.NewTypes(registry)
	return s, nil
}

// servicesIn returns the services in files for which offered returns true.
func servicesIn(
	files []protoreflect.FileDescriptor, offered func(protoreflect.FullName) bool,
) map[protoreflect.FullName]protoreflect.ServiceDescriptor {
	services := map[protoreflect.FullName]protoreflect.ServiceDescriptor{}
	for _, file := range files {
		for i := range file.Services().Len() {
			if service := file.Services().Get(i); offered(service.FullName()) {
				services[service.FullName()] = service
			}
		}
	}
	return services
}

// Hash identifies the content of a snapshot. Two snapshots have the same hash if and only if their files and services are the
// same, in any order and apart from comments. There is one exception: where a type that was looked up has changed, the snapshot
// that a [Watcher] reports for that has another hash.
func (s *Snapshot) Hash() string { return s.hash + s.found }

// HasService reports whether the upstream has a service with a full name, including one that it cannot describe.
func (s *Snapshot) HasService(name string) bool {
	full := protoreflect.FullName(name)
	return s.services[full] != nil || s.broken[full] != nil
}

// Method returns a server-streaming method by the full name of its service and its own name. The error is a *[UnknownService],
// a *[BrokenService], a *[UnknownMethod] or a *[NotServerStreaming].
func (s *Snapshot) Method(service, method string) (protoreflect.MethodDescriptor, error) {
	full := protoreflect.FullName(service)
	sd, ok := s.services[full]
	if !ok {
		if broken, ok := s.broken[full]; ok {
			return nil, broken
		}
		return nil, &UnknownService{Service: service, Have: s.serviceNames()}
	}
	md := sd.Methods().ByName(protoreflect.Name(method))
	if md == nil {
		return nil, &UnknownMethod{Service: service, Method: method, Have: methodNames(sd)}
	}
	if kind := kindOf(md); kind != serverStreaming {
		return nil, &NotServerStreaming{Method: service + "/" + method, Kind: kind}
	}
	return md, nil
}

// Streaming returns the server-streaming methods of all services, sorted by full name. The caller must not change the slice.
func (s *Snapshot) Streaming() []protoreflect.MethodDescriptor { return s.streaming }

// Broken returns the services that the upstream lists but cannot describe, sorted by name.
func (s *Snapshot) Broken() []*BrokenService {
	return slices.SortedFunc(maps.Values(s.broken), func(a, b *BrokenService) int { return cmp.Compare(a.Service, b.Service) })
}

// Types returns the resolver of types in a google.protobuf.Any, and of extensions, for the messages of a service. It searches
// the files that the service uses, then the other files of the snapshot, and then the well-known types of protobuf and the
// error details of google.rpc. See [Types] for types that none of them has.
func (s *Snapshot) Types(service protoreflect.FullName) *Types {
	return &Types{own: s.own[service], common: s.types, finder: s.finder}
}

// renew records that the schema was read again and is the same. Types that the server did not know before may be looked up
// again.
func (s *Snapshot) renew() {
	if s.finder != nil {
		s.finder.renew()
	}
}

func (s *Snapshot) serviceNames() []string {
	return sortedNames(maps.Keys(s.services))
}

func methodNames(service protoreflect.ServiceDescriptor) []string {
	names := make([]string, service.Methods().Len())
	for i := range names {
		names[i] = string(service.Methods().Get(i).Name())
	}
	slices.Sort(names)
	return names
}

// serverStreaming is the kind of method that a route can serve.
const serverStreaming = "server-streaming"

func kindOf(m protoreflect.MethodDescriptor) string {
	switch {
	case m.IsStreamingClient() && m.IsStreamingServer():
		return "bidirectional"
	case m.IsStreamingClient():
		return "client-streaming"
	case m.IsStreamingServer():
		return serverStreaming
	}
	return "unary"
}

func streamingMethods(services map[protoreflect.FullName]protoreflect.ServiceDescriptor) []protoreflect.MethodDescriptor {
	var methods []protoreflect.MethodDescriptor
	for _, service := range services {
		for i := range service.Methods().Len() {
			if m := service.Methods().Get(i); kindOf(m) == serverStreaming {
				methods = append(methods, m)
			}
		}
	}
	slices.SortFunc(methods, func(a, b protoreflect.MethodDescriptor) int { return cmp.Compare(a.FullName(), b.FullName()) })
	return methods
}

// fingerprint returns a hash of the files and of the names of the services: a server may have the file of a service and not the
// service.
func fingerprint(files []protoreflect.FileDescriptor, services map[protoreflect.FullName]protoreflect.ServiceDescriptor,
	broken map[protoreflect.FullName]*BrokenService,
) (string, error) {
	var wires [][]byte
	for _, file := range files {
		message := protodesc.ToFileDescriptorProto(file)
		message.SourceCodeInfo = nil
		wire, err := proto.MarshalOptions{Deterministic: true, AllowPartial: true}.Marshal(message)
		if err != nil {
			return "", err
		}
		wires = append(wires, wire)
	}
	slices.SortFunc(wires, bytes.Compare)
	wires = slices.CompactFunc(wires, bytes.Equal)
	for _, names := range [][]string{sortedNames(maps.Keys(services)), sortedNames(maps.Keys(broken))} {
		wires = append(wires, []byte(strings.Join(names, " ")))
	}
	return digest(wires), nil
}

// digest returns a hash of several parts. The length of each part is hashed too, so that different sequences differ.
func digest(parts [][]byte) string {
	sum := sha256.New()
	for _, b := range parts {
		sum.Write(binary.AppendUvarint(nil, uint64(len(b))))
		sum.Write(b)
	}
	return hex.EncodeToString(sum.Sum(nil)[:16])
}
