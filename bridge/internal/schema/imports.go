package schema

import (
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
)

// view is a pool from the point of view of one service. Of several files that have the same path or define the same type, it
// uses a file that answered a question about the service, or else the first file.
type view struct {
	pool *pool
	own  map[*protoFile]bool // the files that answered questions about the service; nil in the view for all services
	// instead holds files that the server returned for a path although they have another path. The key is the path of the
	// question.
	instead map[string]*protoFile
}

// origin is the file that defines a type: a file of the server, or a file that is linked into the program.
type origin struct {
	file   *protoFile
	linked string // the path of a linked file
}

func (o origin) isNone() bool { return o == origin{} }

func (o origin) path() string {
	if o.file != nil {
		return o.file.path()
	}
	return o.linked
}

// at returns the file with a path. Where the server has no such file, at returns the linked one.
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

// pick returns the file that the view uses of several files, nil for an empty list.
func (v *view) pick(files []*protoFile) *protoFile {
	if len(files) == 0 {
		return nil
	}
	if i := slices.IndexFunc(files, func(f *protoFile) bool { return v.own[f] }); i >= 0 {
		return files[i]
	}
	return files[0]
}

// visible returns the set of files whose types a file may use if it has the given imports.
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
			continue // no linked file has public imports
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

// find returns the file that defines a type, and the full name of the type. name is the name that a file uses in a scope. find
// searches from the innermost scope outwards, as protobuf does. It prefers visible files, and then takes any file of the
// server: files do not always declare all their imports, or declare them with another path. For types of the package
// google.protobuf, it takes the linked file, unless a file of the server has the path that protobuf reserves for the type.
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

// among chooses one of the files that define a type, and reports whether that file is visible. program is the path of the
// linked file that defines the type, "" where there is none.
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

// linkedFile returns the path of the linked file that defines a type, "" where there is none.
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

// visitReferences calls visit for each use of a type in a file, with the name of the type and the scope of the use.
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
