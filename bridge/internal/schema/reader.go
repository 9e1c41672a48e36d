package schema

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// reader reads files from the reflection of a server into a pool, and remembers the answers.
type reader struct {
	ask     *asker
	pool    *pool
	made    *descriptors
	replies map[string]reply
	common  *linker // links the files of all services while the pool is not ambiguous
}

// reply is the answer to a question.
type reply struct {
	files []*protoFile // the files that can be used, in their order
	err   error
}

func newReader(ask *asker) *reader {
	r := &reader{ask: ask, pool: newPool(), made: newDescriptors(), replies: map[string]reply{}}
	r.common = newLinker(&view{pool: r.pool, instead: map[string]*protoFile{}}, r.made)
	return r
}

// files asks a question, and returns the files of the answer. It asks a question with the same key only once.
func (r *reader) files(ctx context.Context, key string, question *reflectionv1.ServerReflectionRequest) ([]*protoFile, error) {
	if known, ok := r.replies[key]; ok {
		return known.files, known.err
	}
	wires, err := r.ask.files(ctx, question)
	if err != nil && (ctx.Err() != nil || preventsFurther(err)) {
		return nil, err
	}
	known := reply{err: err}
	for _, wire := range wires {
		file, err := r.pool.add(wire)
		if err != nil {
			known.err = err
		}
		if file != nil && !slices.Contains(known.files, file) {
			known.files = append(known.files, file)
		}
	}
	if len(known.files) > 0 {
		known.err = nil
	}
	r.replies[key] = known
	return known.files, known.err
}

// forget drops the answers that were errors, so that their questions are asked again.
func (r *reader) forget() {
	maps.DeleteFunc(r.replies, func(_ string, known reply) bool { return known.err != nil })
}

// closure is a file with all files that it needs, as far as the server has them.
type closure struct {
	*view

	reader *reader
	files  []*protoFile // the file itself, and then the files that it needs
	depth  map[*protoFile]int
}

func (r *reader) newClosure() *closure {
	return &closure{
		reader: r, depth: map[*protoFile]int{},
		view: &view{pool: r.pool, own: map[*protoFile]bool{}, instead: map[string]*protoFile{}},
	}
}

// ask asks a question for the closure. The view of the closure prefers the files of the answer.
func (c *closure) ask(ctx context.Context, key string, question *reflectionv1.ServerReflectionRequest) ([]*protoFile, error) {
	files, err := c.reader.files(ctx, key, question)
	for _, file := range files {
		c.own[file] = true
	}
	return files, err
}

func (c *closure) add(file *protoFile, depth int) {
	if _, ok := c.depth[file]; !ok {
		c.depth[file] = depth
		c.files = append(c.files, file)
	}
}

// gather adds the imports of the files, directly and indirectly, and the files of types that are in no import. It leaves out
// files that the server does not have. The error means that further questions would fail too, or that the imports are too deep.
func (c *closure) gather(ctx context.Context) error {
	for i := 0; i < len(c.files); i++ { // files grows
		file, depth := c.files[i], c.depth[c.files[i]]+1
		if depth > maxImportDepth {
			return fmt.Errorf("import tree depth > %d", maxImportDepth)
		}
		for _, path := range file.message.GetDependency() {
			if err := c.importPath(ctx, path, depth); err != nil {
				return err
			}
		}
		if err := c.importTypes(ctx, file, depth); err != nil {
			return err
		}
	}
	return nil
}

// importPath adds the file with a path. It asks the server, unless the file is known already or protobuf reserves its path.
func (c *closure) importPath(ctx context.Context, path string, depth int) error {
	o := c.at(path)
	if len(path) <= maxName && o.file == nil && (o.isNone() || !strings.HasPrefix(path, "google/protobuf/")) {
		files, err := c.ask(ctx, "path "+path, byFilename(path))
		if err != nil && (ctx.Err() != nil || preventsFurther(err)) {
			return err
		}
		if o = c.at(path); o.file == nil && len(files) > 0 {
			o.file = files[0] // the server has the file under another path
			c.instead[path] = files[0]
			c.reader.common.instead[path] = files[0]
		}
	}
	if o.file != nil {
		c.add(o.file, depth)
	}
	return nil
}

// importTypes asks for types that a file uses and that no known file defines.
func (c *closure) importTypes(ctx context.Context, file *protoFile, depth int) (err error) {
	declared := make([]origin, 0, len(file.message.GetDependency()))
	for _, path := range file.message.GetDependency() {
		declared = append(declared, c.at(path))
	}
	visible := c.visible(file, declared)
	known := map[string]bool{}
	visitReferences(file.message, func(scope []string, name string) {
		if err != nil || name == "" || known[name] || len(name) > maxName {
			return
		}
		known[name] = strings.HasPrefix(name, ".")
		if o, _ := c.find(visible, scope, name); !o.isNone() {
			if o.file != nil {
				c.add(o.file, depth)
			}
			return
		}
		full := strings.TrimPrefix(name, ".")
		if c.pool.steps > maxSteps || !protoreflect.FullName(full).IsValid() {
			return
		}
		_, failed := c.ask(ctx, "symbol "+full, bySymbol(full))
		if failed != nil && (ctx.Err() != nil || preventsFurther(failed)) {
			err = failed
			return
		}
		if o, _ := c.find(visible, scope, name); o.file != nil {
			c.add(o.file, depth)
		}
	})
	return err
}

// ofService returns the closure of a service. Where an error occurs after the file of the service was read, it returns both a
// closure and the error.
func (r *reader) ofService(ctx context.Context, name protoreflect.FullName) (*closure, error) {
	if !name.IsValid() {
		return nil, errors.New("expected a full protobuf name")
	}
	c := r.newClosure()
	files, err := c.ask(ctx, "symbol "+string(name), bySymbol(r.ask.nameOf(string(name))))
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(files, func(f *protoFile) bool { return serviceIn(f, name) != nil })
	if i < 0 {
		return nil, errors.New("expected the file of the service, found none that has it")
	}
	c.add(files[i], 0)
	return c, c.gather(ctx)
}

// nameOf returns the name by which the server knows a service.
func (a *asker) nameOf(service string) string {
	if a.dotted[service] {
		return "." + service
	}
	return service
}

// linker returns the linker for the files of a closure: the common one, unless the pool is ambiguous.
func (c *closure) linker() *linker {
	if !c.pool.ambiguous {
		return c.reader.common
	}
	return newLinker(c.view, c.reader.made)
}
