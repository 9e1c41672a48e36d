package schema

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
)

// maxImportDepth bounds the depth of imports. Real imports are a few dozen levels deep.
const maxImportDepth = 1024

// linker makes descriptors of the files of a view. A linked file imports the files that define the types it uses, wherever they
// were found, and those of its declared imports that can be linked. A declared import that is missing, broken or part of a
// cycle does no harm to a file that does not use it.
type linker struct {
	*view

	done  map[*protoFile]outcome
	made  *descriptors
	stack []*protoFile // the files that are being linked
}

// descriptors holds the descriptors that all linkers of a reading have made. Linkers for which a file means the same share its
// descriptor.
type descriptors struct {
	byKey   map[string]protoreflect.FileDescriptor
	numbers map[protoreflect.FileDescriptor]int
}

func newDescriptors() *descriptors {
	return &descriptors{byKey: map[string]protoreflect.FileDescriptor{}, numbers: map[protoreflect.FileDescriptor]int{}}
}

func (d *descriptors) put(key string, fd protoreflect.FileDescriptor) {
	d.byKey[key] = fd
	d.numbers[fd] = len(d.numbers)
}

type outcome struct {
	file protoreflect.FileDescriptor
	err  error
}

func newLinker(v *view, made *descriptors) *linker {
	return &linker{view: v, done: map[*protoFile]outcome{}, made: made}
}

// missingTypeError is the error for a type that neither the server nor the program has.
type missingTypeError struct {
	name, user string   // the type, and the file that uses the type
	imports    []string // the missing imports of that file
}

func (e *missingTypeError) Error() string {
	if len(e.imports) == 0 {
		return fmt.Sprintf("the type %s, which %s uses, is missing", e.name, e.user)
	}
	return fmt.Sprintf("the type %s is missing: the server does not have %s, which %s imports", e.name, anyOf(e.imports), e.user)
}

func anyOf(paths []string) string {
	if len(paths) > 3 {
		return fmt.Sprintf("%s or %d others", strings.Join(paths[:3], " or "), len(paths)-3)
	}
	return strings.Join(paths, " or ")
}

// cycleError is the error for files that import each other and use each other's types.
type cycleError struct{ paths []string }

func (e *cycleError) Error() string { return "cyclic import path: " + strings.Join(e.paths, " -> ") }

// link returns the descriptor of a file, and makes it where it does not exist yet.
func (l *linker) link(file *protoFile) (protoreflect.FileDescriptor, error) {
	if o, ok := l.done[file]; ok {
		return o.file, o.err
	}
	if i := slices.Index(l.stack, file); i >= 0 {
		cycle := new(cycleError)
		for _, f := range append(l.stack[i:len(l.stack):len(l.stack)], file) {
			cycle.paths = append(cycle.paths, f.path())
		}
		return nil, cycle
	}
	if len(l.stack) >= maxImportDepth {
		return nil, fmt.Errorf("import tree depth > %d", maxImportDepth)
	}
	if !l.pool.spend(1) {
		return nil, &limitError{what: fmt.Sprintf("%d names to look up", maxSteps)}
	}
	l.stack = append(l.stack, file)
	fd, err := l.build(file)
	l.stack = l.stack[:len(l.stack)-1]
	// A file in a cycle may be linked when another file of the cycle comes first, so such an error is kept only at the top.
	if cycle := (*cycleError)(nil); len(l.stack) == 0 || !errors.As(err, &cycle) {
		l.done[file] = outcome{fd, err}
	}
	return fd, err
}

func (l *linker) build(file *protoFile) (protoreflect.FileDescriptor, error) {
	uses, err := l.uses(file)
	if err != nil {
		return nil, err
	}
	imports := imports{
		byPath: map[string]protoreflect.FileDescriptor{}, byName: map[protoreflect.FullName]protoreflect.FileDescriptor{},
	}
	var kept []origin
	for _, path := range file.message.GetDependency() {
		o := l.at(path)
		if o.isNone() || o.file == file || slices.Contains(kept, o) {
			continue
		}
		fd, err := l.linkOrigin(o)
		if err != nil && uses.has(o) {
			return nil, err
		}
		if err == nil && imports.has(fd, file) {
			continue
		}
		if err == nil {
			kept = append(kept, o)
			imports.byPath[fd.Path()] = fd
		}
	}
	visible := l.visible(file, kept)
	for _, o := range uses.sorted() {
		fd, err := l.linkOrigin(o)
		if err != nil {
			return nil, err
		}
		if !visible[o] && !imports.has(fd, file) {
			kept = append(kept, o)
			imports.byPath[fd.Path()] = fd
		}
		for _, name := range uses.names[o] {
			imports.byName[name] = fd
		}
	}
	key := l.made.keyOf(file, kept, imports)
	if fd, ok := l.made.byKey[key]; ok {
		return fd, nil
	}
	fd, err := protodesc.NewFile(importing(file.message, kept, l.view), imports)
	if err != nil {
		return nil, err
	}
	l.made.put(key, fd)
	return fd, nil
}

func (l *linker) linkOrigin(o origin) (protoreflect.FileDescriptor, error) {
	if o.file == nil {
		return linked{}.FindFileByPath(o.linked)
	}
	return l.link(o.file)
}

// uses holds the types of other files that a file uses, by file.
type uses struct {
	names map[origin][]protoreflect.FullName
}

func (u uses) has(o origin) bool { return len(u.names[o]) > 0 }

// sorted returns the files in an order that does not depend on the order of the references.
func (u uses) sorted() []origin {
	files := make([]origin, 0, len(u.names))
	for o := range u.names {
		files = append(files, o)
	}
	slices.SortFunc(files, func(a, b origin) int {
		if c := strings.Compare(a.path(), b.path()); c != 0 || a.file == nil || b.file == nil {
			return c
		}
		return a.file.number - b.file.number
	})
	return files
}

// uses returns the types of other files to which a file refers.
func (l *linker) uses(file *protoFile) (uses, error) {
	var declared []origin
	var missing []string
	for _, path := range file.message.GetDependency() {
		o := l.at(path)
		declared = append(declared, o)
		if o.isNone() {
			missing = append(missing, path)
		}
	}
	visible := l.visible(file, declared)
	u := uses{names: map[origin][]protoreflect.FullName{}}
	known := map[string]bool{} // full names
	var err error
	visitReferences(file.message, func(scope []string, name string) {
		if err != nil || name == "" || known[name] {
			return
		}
		o, full := l.find(visible, scope, name)
		switch {
		case o.isNone() && l.pool.steps > maxSteps:
			err = &limitError{what: fmt.Sprintf("%d names to look up", maxSteps)}
		case o.isNone():
			err = &missingTypeError{name: strings.TrimPrefix(name, "."), user: file.path(), imports: missing}
		case !known["."+full]:
			known["."+full] = true
			if o.file != file {
				u.names[o] = append(u.names[o], protoreflect.FullName(full))
			}
		}
	})
	return u, err
}

// importing returns the message of a file with exactly the given imports.
func importing(message *descriptorpb.FileDescriptorProto, files []origin, v *view) *descriptorpb.FileDescriptorProto {
	paths := make([]string, len(files))
	for i, o := range files {
		paths[i] = o.path()
	}
	if slices.Equal(paths, message.GetDependency()) {
		return message
	}
	public := map[origin]bool{}
	for _, path := range publicImports(message) {
		public[v.at(path)] = true
	}
	message = proto.CloneOf(message)
	message.Dependency, message.PublicDependency, message.WeakDependency = paths, nil, nil
	for i, o := range files {
		if public[o] {
			message.PublicDependency = append(message.PublicDependency, int32(i)) //nolint:gosec // far from overflow
		}
	}
	return message
}

// keyOf returns a key for the descriptor of a file. Two descriptors have the same key where all imports and the definitions of
// all names are the same.
func (d *descriptors) keyOf(file *protoFile, kept []origin, i imports) string {
	var b strings.Builder
	write := func(fd protoreflect.FileDescriptor) {
		if number, ok := d.numbers[fd]; ok {
			b.WriteString(strconv.Itoa(number))
		} else {
			b.WriteString(strconv.Quote(fd.Path())) // linked into the program
		}
		b.WriteByte(' ')
	}
	b.WriteString(strconv.Itoa(file.number) + ": ")
	for _, o := range kept {
		write(i.byPath[o.path()])
	}
	for _, name := range slices.Sorted(maps.Keys(i.byName)) {
		b.WriteString(string(name) + "=")
		write(i.byName[name])
	}
	return b.String()
}

// imports resolves the paths and the names that one file uses.
type imports struct {
	byPath map[string]protoreflect.FileDescriptor
	byName map[protoreflect.FullName]protoreflect.FileDescriptor
}

// has reports whether a file with the path of fd is imported already, or is the importing file itself.
func (i imports) has(fd protoreflect.FileDescriptor, importer *protoFile) bool {
	return i.byPath[fd.Path()] != nil || fd.Path() == importer.path()
}

// FindFileByPath implements [protodesc.Resolver].
func (i imports) FindFileByPath(path string) (protoreflect.FileDescriptor, error) {
	if fd := i.byPath[path]; fd != nil {
		return fd, nil
	}
	return nil, protoregistry.NotFound
}

// FindDescriptorByName implements [protodesc.Resolver].
func (i imports) FindDescriptorByName(name protoreflect.FullName) (protoreflect.Descriptor, error) {
	if fd := i.byName[name]; fd != nil {
		if d := typeIn(fd, name); d != nil {
			return d, nil
		}
	}
	return nil, protoregistry.NotFound
}

// typeIn returns a message or an enum in a file by its full name, nil where there is none.
func typeIn(file protoreflect.FileDescriptor, name protoreflect.FullName) protoreflect.Descriptor {
	rest := string(name)
	if file.Package() != "" {
		inside, ok := strings.CutPrefix(rest, string(file.Package())+".")
		if !ok {
			return nil
		}
		rest = inside
	}
	var scope interface {
		Messages() protoreflect.MessageDescriptors
		Enums() protoreflect.EnumDescriptors
	} = file
	parts := strings.Split(rest, ".")
	for _, part := range parts[:len(parts)-1] {
		message := scope.Messages().ByName(protoreflect.Name(part))
		if message == nil {
			return nil
		}
		scope = message
	}
	last := protoreflect.Name(parts[len(parts)-1])
	if message := scope.Messages().ByName(last); message != nil {
		return message
	}
	if enum := scope.Enums().ByName(last); enum != nil {
		return enum
	}
	return nil
}
