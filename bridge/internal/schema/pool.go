package schema

import (
	"crypto/sha256"
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
)

const (
	// maxName is the length in bytes of the longest name, path or reference that is looked at.
	maxName = 1024
	// maxSteps bounds the search for names in one reading, in parts of names that are looked up.
	maxSteps = 10_000_000
)

// pool is every file that a server showed. Servers do show two files of one path, and one type in two files: both are kept.
type pool struct {
	files  []*protoFile
	byPath map[string][]*protoFile
	byWire map[[sha256.Size]byte]*protoFile
	types  symbol
	// ambiguous is set once a path or a name has two meanings. Until then it does not matter who asks for it.
	ambiguous bool
	steps     int // done so far in the search for names
}

func newPool() *pool {
	return &pool{byPath: map[string][]*protoFile{}, byWire: map[[sha256.Size]byte]*protoFile{}}
}

// protoFile is one file as a server showed it, with what [repair] did to it.
type protoFile struct {
	number  int // in the pool
	message *descriptorpb.FileDescriptorProto
	size    int // in elements
	public  []string
}

func (f *protoFile) path() string { return f.message.GetName() }

// symbol is a part of a full name: a package, a message, an enum or another thing, with what is inside it. As a tree, long
// names around many others take no more room than they did on the wire.
type symbol struct {
	inside map[string]*symbol
	files  []*protoFile // that define a type of this name
	others []*protoFile // that define something else of this name
}

// add takes in a file from the wire, and returns it. It returns nil for a file that counts as absent: a placeholder, which
// stands for an import that the server itself does not have, or one whose names are too long.
func (p *pool) add(wire []byte) (*protoFile, error) {
	key := sha256.Sum256(wire)
	if file, ok := p.byWire[key]; ok {
		return file, nil
	}
	message := new(descriptorpb.FileDescriptorProto)
	if err := (proto.UnmarshalOptions{AllowPartial: true}).Unmarshal(wire, message); err != nil {
		return nil, fmt.Errorf("a file cannot be read: %w", err)
	}
	if isPlaceholder(message) || len(message.GetName()) > maxName || len(message.GetPackage()) > maxName {
		p.byWire[key] = nil
		return nil, nil
	}
	if isMerged(message) {
		genuine, _ := linked{}.FindFileByPath(message.GetName()) // isMerged has seen it
		message = protodesc.ToFileDescriptorProto(genuine)
	}
	repair(message)
	var s structure
	s.measure(wire, fileParts(), 0)
	file := &protoFile{number: len(p.files), message: message, size: s.elements, public: publicImports(message)}
	p.files = append(p.files, file)
	p.byWire[key] = file
	p.ambiguous = p.ambiguous || len(p.byPath[file.path()]) > 0
	p.byPath[file.path()] = append(p.byPath[file.path()], file)
	p.define(file)
	return file, nil
}

// isPlaceholder recognizes what grpc-go before 1.60 shows of an import that is not linked into the server.
func isPlaceholder(file *descriptorpb.FileDescriptorProto) bool {
	switch file.GetSyntax() {
	case "", "proto2", "proto3", "editions":
		return file.GetName() == ""
	}
	return true
}

func publicImports(file *descriptorpb.FileDescriptorProto) []string {
	var paths []string
	for _, i := range file.GetPublicDependency() {
		if i >= 0 && int(i) < len(file.GetDependency()) {
			paths = append(paths, file.GetDependency()[i])
		}
	}
	return paths
}

func (p *pool) define(file *protoFile) {
	scope := &p.types
	for _, part := range split(file.message.GetPackage()) {
		scope = scope.child(part)
	}
	other := func(name string) {
		s := scope.child(name)
		p.ambiguous = p.ambiguous || s.isDefinedBeside(file)
		s.others = append(s.others, file)
	}
	for _, enum := range file.message.GetEnumType() {
		for _, value := range enum.GetValue() {
			other(value.GetName())
		}
		p.ambiguous = p.ambiguous || scope.child(enum.GetName()).isDefinedBeside(file)
	}
	for _, extension := range file.message.GetExtension() {
		other(extension.GetName())
	}
	for _, service := range file.message.GetService() {
		other(service.GetName())
	}
	for _, message := range file.message.GetMessageType() {
		p.ambiguous = p.ambiguous || scope.child(message.GetName()).isDefinedBeside(file)
	}
	scope.define(file.message.GetMessageType(), file.message.GetEnumType(), file)
}

func (s *symbol) define(messages []*descriptorpb.DescriptorProto, enums []*descriptorpb.EnumDescriptorProto, file *protoFile) {
	for _, enum := range enums {
		e := s.child(enum.GetName())
		e.files = append(e.files, file)
	}
	for _, message := range messages {
		d := s.child(message.GetName())
		d.files = append(d.files, file)
		d.define(message.GetNestedType(), message.GetEnumType(), file)
	}
}

// isDefinedBeside says whether a file other than this one defines the name too.
func (s *symbol) isDefinedBeside(file *protoFile) bool {
	another := func(f *protoFile) bool { return f != file }
	return slices.ContainsFunc(s.files, another) || slices.ContainsFunc(s.others, another)
}

// child is made where there is none.
func (s *symbol) child(name string) *symbol {
	if child, ok := s.inside[name]; ok {
		return child
	}
	if s.inside == nil {
		s.inside = map[string]*symbol{}
	}
	child := new(symbol)
	s.inside[name] = child
	return child
}

// at goes down by the parts of a name. It is nil where there is nothing.
func (s *symbol) at(parts []string) *symbol {
	for _, part := range parts {
		if s == nil {
			return nil
		}
		s = s.inside[part]
	}
	return s
}

func (s *symbol) definedIn() []*protoFile {
	if s == nil {
		return nil
	}
	return s.files
}

// serviceIn finds a service in a file, nil where it has none of that name.
func serviceIn(file *protoFile, name protoreflect.FullName) *descriptorpb.ServiceDescriptorProto {
	if protoreflect.FullName(file.message.GetPackage()) != name.Parent() {
		return nil
	}
	for _, service := range file.message.GetService() {
		if service.GetName() == string(name.Name()) {
			return service
		}
	}
	return nil
}

// spend counts steps of the search for names, and is false once there were too many.
func (p *pool) spend(steps int) bool {
	if p.steps > maxSteps {
		return false
	}
	p.steps += steps
	return true
}
