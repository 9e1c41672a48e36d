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
	// maxName is the length of the longest name, path or reference in bytes. Longer ones are ignored.
	maxName = 1024
	// maxSteps bounds how many parts of names are looked up in one reading.
	maxSteps = 10_000_000
)

// pool holds every file that a server returned. A server may return two files with one path, or define one type in two files:
// the pool keeps both.
type pool struct {
	files  []*protoFile
	byPath map[string][]*protoFile
	byWire map[[sha256.Size]byte]*protoFile
	types  symbol
	// ambiguous is set once a path or a name has two meanings. Until then, all services see the same files.
	ambiguous bool
	steps     int // how many parts of names were looked up
}

func newPool() *pool {
	return &pool{byPath: map[string][]*protoFile{}, byWire: map[[sha256.Size]byte]*protoFile{}}
}

// protoFile is one file that a server returned, after [repair].
type protoFile struct {
	number  int // the index in the pool
	message *descriptorpb.FileDescriptorProto
	size    int      // in elements
	public  []string // the paths of public imports
}

func (f *protoFile) path() string { return f.message.GetName() }

// symbol is a part of a full name, such as a package, a message or an enum, with the symbols inside it. The tree of symbols
// takes no more memory than the names on the wire, even where a long name is the prefix of many others.
type symbol struct {
	inside map[string]*symbol
	files  []*protoFile // the files that define a type of this name
	others []*protoFile // the files that define something else of this name
}

// add parses a file, adds it to the pool and returns it. It returns nil for a file that counts as missing: a placeholder for an
// import that the server itself does not have, or a file whose names are too long.
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
		genuine, _ := linked{}.FindFileByPath(message.GetName()) // isMerged has found the same file
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

// isPlaceholder reports whether a file is the placeholder that grpc-go before 1.60 returns for an import that is not linked
// into the server.
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

// isDefinedBeside reports whether a file other than this one defines the name too.
func (s *symbol) isDefinedBeside(file *protoFile) bool {
	another := func(f *protoFile) bool { return f != file }
	return slices.ContainsFunc(s.files, another) || slices.ContainsFunc(s.others, another)
}

// child returns the symbol with a name inside s, and makes it where it does not exist.
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

// at returns the symbol for the parts of a name, nil where there is none.
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

// serviceIn returns a service in a file, nil where the file has none of that name.
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

// spend counts parts of names that are looked up. It reports false once there were more than maxSteps.
func (p *pool) spend(steps int) bool {
	if p.steps > maxSteps {
		return false
	}
	p.steps += steps
	return true
}
