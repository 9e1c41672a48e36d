package schema

import (
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
)

// view is a pool as one service sees it: of several files of one path, or with one type, it takes those that came in
// answer to questions about the service itself, and else the first.
type view struct {
	pool *pool
	own  map[*protoFile]bool // nil where nothing has two meanings
	// instead is the file that the server gave where it was asked for a path and had it under another name.
	instead map[string]*protoFile
}

// origin is where a type is defined: in a file of the server, or in one that is linked into the program.
type origin struct {
	file   *protoFile
	linked string // path
}

func (o origin) isNone() bool { return o == origin{} }

func (o origin) path() string {
	if o.file != nil {
		return o.file.path()
	}
	return o.linked
}

// at returns what the view has at a path. The well-known types come from the program where the server shows none.
func (v *view) at(path string) origin {
	if file := v.pick(v.pool.byPath[path]); file != nil {
		return origin{file: file}
	}
	if file := v.instead[path]; file != nil {
		return origin{file: file}
	}
	if _, err := (linked{}).FindFileByPath(path); err == nil {
		return origin{linked: path}
	}
	return origin{}
}

// pick takes the one of several files that counts, nil where there is none.
func (v *view) pick(files []*protoFile) *protoFile {
	if len(files) == 0 {
		return nil
	}
	if i := slices.IndexFunc(files, func(f *protoFile) bool { return v.own[f] }); i >= 0 {
		return files[i]
	}
	return files[0]
}

// visible is the set of files whose types a file may use if it imports these.
func (v *view) visible(file *protoFile, imports []origin) map[origin]bool {
	visible := map[origin]bool{{file: file}: true}
	queue := slices.Clone(imports)
	for len(queue) > 0 {
		o := queue[0]
		queue = queue[1:]
		if visible[o] || o.isNone() {
			continue
		}
		visible[o] = true
		if o.file == nil {
			continue // none of the linked files imports another one publicly
		}
		if !v.pool.spend(1 + len(o.file.public)) {
			break
		}
		for _, path := range o.file.public {
			queue = append(queue, v.at(path))
		}
	}
	return visible
}

// find finds where a type is defined that a file refers to by a name, from the innermost scope outwards as protobuf does, and
// the full name of it. What is visible comes first, and then whatever the server has: files do not always declare what they
// import, and not always by the path that it has. The package google.protobuf is the program's own wherever a file of the
// server does not stand at the path that belongs to it: protobuf reserves the package.
func (v *view) find(visible map[origin]bool, scope []string, name string) (found origin, full string) {
	name, isFull := strings.CutPrefix(name, ".")
	if name == "" || len(name) > maxName {
		return origin{}, ""
	}
	if isFull {
		scope = nil
	}
	parts := split(name)
	for i := len(scope); i >= 0; i-- {
		if !v.pool.spend(i + len(parts)) {
			return origin{}, ""
		}
		files := v.pool.types.at(scope[:i]).at(parts).definedIn()
		program := linkedFile(scope[:i], name)
		o, seen := v.among(files, program, visible)
		if seen || found.isNone() && !o.isNone() {
			found, full = o, strings.Join(append(slices.Clone(scope[:i]), name), ".")
		}
		if seen {
			break
		}
	}
	return found, full
}

// among chooses between the files that define a type, and says whether the chosen one is visible.
func (v *view) among(files []*protoFile, program string, visible map[origin]bool) (origin, bool) {
	reserved := strings.HasPrefix(program, "google/protobuf/")
	for _, file := range files {
		if visible[origin{file: file}] {
			if reserved && file.path() != program {
				return origin{linked: program}, true
			}
			return origin{file: file}, true
		}
	}
	switch {
	case program != "" && visible[origin{linked: program}]:
		return origin{linked: program}, true
	case reserved || len(files) == 0 && program != "":
		return origin{linked: program}, false
	case len(files) > 0:
		return origin{file: v.pick(files)}, false
	}
	return origin{}, false
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
