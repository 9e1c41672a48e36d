// Package schema knows what an upstream's methods and messages look like.
//
// Descriptors come from the server's own reflection ([FromReflection], kept fresh by a [Watcher]), from a
// FileDescriptorSet ([FromDescriptorSet]) or from .proto sources ([FromProto]). Each of them ends in a [Snapshot], which
// never changes: a server that shows another schema later gives another snapshot.
package schema

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"maps"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"
)

// Snapshot is one state of an upstream's schema. It is immutable, and its methods may be called concurrently.
type Snapshot struct {
	hash      string
	services  map[protoreflect.FullName]protoreflect.ServiceDescriptor
	broken    map[protoreflect.FullName]*BrokenService
	streaming []protoreflect.MethodDescriptor
	types     *dynamicpb.Types
}

// newSnapshot indexes files, which are linked and closed under imports. It offers the services that offered accepts, and
// remembers why those in broken cannot be used. Where two files define the same name, the first one counts.
func newSnapshot(files []protoreflect.FileDescriptor, offered func(protoreflect.FullName) bool, broken map[protoreflect.FullName]*BrokenService) (*Snapshot, error) {
	s := &Snapshot{services: map[protoreflect.FullName]protoreflect.ServiceDescriptor{}, broken: broken}
	registry := new(protoregistry.Files)
	for _, file := range files {
		if registry.RegisterFile(file) != nil {
			continue
		}
		for i := range file.Services().Len() {
			if service := file.Services().Get(i); offered(service.FullName()) {
				s.services[service.FullName()] = service
			}
		}
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

// Hash tells snapshots apart: two have the same hash if and only if their files and services are the same, in whatever
// order they came. Comments do not count.
func (s *Snapshot) Hash() string { return s.hash }

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

// Types resolves what a google.protobuf.Any holds, and extensions: from the snapshot's files, and from protobuf's
// well-known types and the error details of google.rpc where the snapshot has none of that name. It serves as
// protojson.MarshalOptions.Resolver.
func (s *Snapshot) Types() *dynamicpb.Types { return s.types }

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
	sum := sha256.New()
	sorted := slices.SortedFunc(slices.Values(files), func(a, b protoreflect.FileDescriptor) int { return strings.Compare(a.Path(), b.Path()) })
	for _, file := range sorted {
		message := protodesc.ToFileDescriptorProto(file)
		message.SourceCodeInfo = nil
		wire, err := proto.MarshalOptions{Deterministic: true, AllowPartial: true}.Marshal(message)
		if err != nil {
			return "", err
		}
		addTo(sum, wire)
	}
	for _, names := range [][]string{sortedNames(maps.Keys(services)), sortedNames(maps.Keys(broken))} {
		addTo(sum, []byte(strings.Join(names, " ")))
	}
	return hex.EncodeToString(sum.Sum(nil)[:16]), nil
}

// addTo writes a length before the bytes, so that no two sequences look alike.
func addTo(sum hash.Hash, b []byte) {
	sum.Write(binary.AppendUvarint(nil, uint64(len(b))))
	sum.Write(b)
}
