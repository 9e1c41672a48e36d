package schema

import (
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
)

const (
	// maxName is the length in bytes of the longest name, path or reference that is looked at.
	maxName = 1024
	// maxSteps bounds the search for names in one reading, in parts of names that are looked up.
	maxSteps = 10_000_000
)

// importer finds out which imports a server's files lack. Node.js servers declare none at all: they make one file of each
// package, and send the files that it needs along with it.
//
// A type is missing where neither its file nor one that it imports defines it. Then the file that does is to be imported:
// one that the server sent, or one that is linked into the program. The package google.protobuf comes from the program
// first: protobuf reserves it, and a Node.js server that has descriptor.proto in it writes it in a form that nobody can
// read. A file which imports something that is not known yet is left alone, for that may be where its types are.
type importer struct {
	known map[string][]string // path of each file: what it imports publicly
	types symbol
	steps int // done so far
}

// symbol is a part of a full name: a package, a message or an enum, with what is inside it. As a tree, long names around
// many others take no more room than they did on the wire.
type symbol struct {
	inside map[string]*symbol
	files  []string // that define a type of this name
}

func newImporter() *importer {
	return &importer{known: map[string][]string{}}
}

// add makes the types of a file known. It is false for one that was there before: whoever reads files keeps the first.
func (m *importer) add(file *descriptorpb.FileDescriptorProto) bool {
	path := file.GetName()
	if _, ok := m.known[path]; ok || len(path) > maxName || len(file.GetPackage()) > maxName {
		return false
	}
	m.known[path] = publicImports(file)
	scope := &m.types
	for _, part := range split(file.GetPackage()) {
		scope = scope.child(part)
	}
	scope.define(file.GetMessageType(), file.GetEnumType(), path)
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

func (s *symbol) define(messages []*descriptorpb.DescriptorProto, enums []*descriptorpb.EnumDescriptorProto, path string) {
	for _, enum := range enums {
		e := s.child(enum.GetName())
		e.files = append(e.files, path)
	}
	for _, message := range messages {
		d := s.child(message.GetName())
		d.files = append(d.files, path)
		d.define(message.GetNestedType(), message.GetEnumType(), path)
	}
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

// missing lists the imports that a known file lacks, sorted.
func (m *importer) missing(file *descriptorpb.FileDescriptorProto) []string {
	visible, ok := m.visible(file)
	if !ok {
		return nil
	}
	var paths []string
	visitReferences(file, func(scope []string, name string) {
		if path := m.search(visible, scope, name); path != "" {
			visible[path] = true
			paths = append(paths, path)
		}
	})
	slices.Sort(paths)
	return paths
}

// visible is the set of files whose types a file may use, or false where some of them are not known.
func (m *importer) visible(file *descriptorpb.FileDescriptorProto) (map[string]bool, bool) {
	visible := map[string]bool{file.GetName(): true}
	queue := slices.Clone(file.GetDependency())
	for len(queue) > 0 {
		path := queue[0]
		queue = queue[1:]
		if visible[path] {
			continue
		}
		visible[path] = true
		public, ok := m.known[path]
		if !ok {
			if _, err := (linked{}).FindFileByPath(path); err != nil {
				return nil, false
			}
		}
		if m.steps > maxSteps {
			return nil, false
		}
		m.steps += 1 + len(public)
		queue = append(queue, public...)
	}
	return visible, true
}

// search finds the file of a type that is not visible, from the innermost scope outwards as protobuf does. It is empty
// where the type is visible, and where nobody has it.
func (m *importer) search(visible map[string]bool, scope []string, name string) string {
	name, full := strings.CutPrefix(name, ".")
	if name == "" || len(name) > maxName {
		return ""
	}
	if full {
		scope = nil
	}
	parts := split(name)
	found := ""
	for i := len(scope); i >= 0; i-- {
		if m.steps > maxSteps {
			return ""
		}
		m.steps += i + len(parts)
		files := m.types.at(scope[:i]).at(parts).definedIn()
		if slices.ContainsFunc(files, func(path string) bool { return visible[path] }) {
			return ""
		}
		fromProgram := linkedFile(scope[:i], name)
		switch {
		case visible[fromProgram]:
			return ""
		case found != "":
		case strings.HasPrefix(fromProgram, "google/protobuf/"), len(files) == 0:
			found = fromProgram
		default:
			found = files[0]
		}
	}
	return found
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

func (s *symbol) definedIn() []string {
	if s == nil {
		return nil
	}
	return s.files
}

// linkedFile is the path of the linked file that defines a type, or empty.
func linkedFile(scope []string, name string) string {
	if len(scope) > 0 {
		name = strings.Join(scope, ".") + "." + name
	}
	switch d, _ := (linked{}).FindDescriptorByName(protoreflect.FullName(name)); d.(type) {
	case protoreflect.MessageDescriptor, protoreflect.EnumDescriptor:
		return d.ParentFile().Path()
	}
	return ""
}

// visitReferences calls visit with each name of a type that a file uses, and the scope that the name is relative to.
func visitReferences(file *descriptorpb.FileDescriptorProto, visit func(scope []string, name string)) {
	scope := split(file.GetPackage())
	visitFields(file.GetExtension(), scope, visit)
	visitMessages(file.GetMessageType(), scope, visit)
	for _, service := range file.GetService() {
		inside := append(scope, service.GetName())
		for _, method := range service.GetMethod() {
			visit(inside, method.GetInputType())
			visit(inside, method.GetOutputType())
		}
	}
}

func visitMessages(messages []*descriptorpb.DescriptorProto, scope []string, visit func([]string, string)) {
	for _, message := range messages {
		inside := append(scope, message.GetName())
		visitFields(message.GetField(), inside, visit)
		visitFields(message.GetExtension(), inside, visit)
		visitMessages(message.GetNestedType(), inside, visit)
	}
}

func visitFields(fields []*descriptorpb.FieldDescriptorProto, scope []string, visit func([]string, string)) {
	for _, field := range fields {
		visit(scope, field.GetTypeName())
		visit(scope, field.GetExtendee())
	}
}

func split(name string) []string {
	if name == "" {
		return nil
	}
	return strings.Split(name, ".")
}
