// Package schema knows what an upstream's methods and messages look like.
//
// Descriptors come from the server's own reflection ([FromReflection], kept fresh by a [Watcher]), from a
// FileDescriptorSet ([FromDescriptorSet]) or from .proto sources ([FromProto]). Each of them ends in a [Snapshot], which
// never changes: a server that shows another schema later gives another snapshot.
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
	found     string // of types that were looked up, where they are not those of the snapshot before
	services  map[protoreflect.FullName]protoreflect.ServiceDescriptor
	broken    map[protoreflect.FullName]*BrokenService
	streaming []protoreflect.MethodDescriptor
	types     *dynamicpb.Types
	// own has the types of services for which a name means something else than for others.
	own    map[protoreflect.FullName]*dynamicpb.Types
	finder *finder // nil where there is nobody to ask for more types
}

// newSnapshot indexes files, which are linked, and the services that are offered; broken says why others cannot be. Where two
// files define the same name, the first one counts.
func newSnapshot(files []protoreflect.FileDescriptor, services map[protoreflect.FullName]protoreflect.ServiceDescriptor,
	broken map[protoreflect.FullName]*BrokenService,
) (*Snapshot, error) {
	s := &Snapshot{services: services, broken: broken}
	registry := new(protoregistry.Files)
	for _, file := range files {
		_ = registry.RegisterFile(file) // an error is a collision
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

// servicesIn returns those services of files that offered accepts.
func servicesIn(files []protoreflect.FileDescriptor, offered func(protoreflect.FullName) bool) map[protoreflect.FullName]protoreflect.ServiceDescriptor {
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

// Hash tells snapshots apart: two have the same hash if and only if their files and services are the same, in whatever order
// they came. Comments do not count. A snapshot that a [Watcher] told since a type that was looked up has changed has a hash of
// its own.
func (s *Snapshot) Hash() string { return s.hash + s.found }

// HasService says whether the upstream offers a service of this full name, if only one that it cannot describe.
func (s *Snapshot) HasService(name string) bool {
	full := protoreflect.FullName(name)
	return s.services[full] != nil || s.broken[full] != nil
}

// Method finds a server-streaming method by the full name of its service and its own name. Errors are *[UnknownService],
// *[BrokenService], *[UnknownMethod] and *[NotServerStreaming].
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

// Streaming lists the server-streaming methods of all services, sorted by full name. The caller must not change it.
func (s *Snapshot) Streaming() []protoreflect.MethodDescriptor { return s.streaming }

// Broken lists the services that the upstream offers but cannot describe, sorted by name.
func (s *Snapshot) Broken() []*BrokenService {
	return slices.SortedFunc(maps.Values(s.broken), func(a, b *BrokenService) int { return cmp.Compare(a.Service, b.Service) })
}

// Types resolves what a google.protobuf.Any holds, and extensions, for the messages of a service: from the files that the
// service uses, then from the others of the snapshot, and from protobuf's well-known types and the error details of
// google.rpc where the snapshot has none of that name. See [Types] for what it does about all others.
func (s *Snapshot) Types(service protoreflect.FullName) *Types {
	return &Types{own: s.own[service], common: s.types, finder: s.finder}
}

// renew says that the schema was read anew and is the same: what the server did not know then, it may know now.
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

// serverStreaming is the one kind that a route can serve.
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

// fingerprint covers the files, and which services are offered: a server may have a file and not its service.
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

// digest is a hash of several things. A length before each makes that no two sequences look alike.
func digest(parts [][]byte) string {
	sum := sha256.New()
	for _, b := range parts {
		sum.Write(binary.AppendUvarint(nil, uint64(len(b))))
		sum.Write(b)
	}
	return hex.EncodeToString(sum.Sum(nil)[:16])
}
