package schema

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"
)

// reflectionTimeout bounds one reading of a server's schema.
const reflectionTimeout = 10 * time.Second

// FromReflection asks a server for its schema, with grpc.reflection.v1, or with v1alpha where the server refuses v1. The
// snapshot has the services that the server lists. A service that the server lists but cannot describe becomes a
// [BrokenService], and does not affect the others. Imports are found by their paths, or else by the types that a file uses.
// Well-known types come from the program. An import that no file uses may be missing.
//
// A reading is limited to 10 s, 10,000 files and 64 MiB. Errors of gRPC keep their status ([status.FromError]). The snapshot
// asks the server for types that no service imports when [Types] first looks for them, until ctx ends.
func FromReflection(ctx context.Context, cc grpc.ClientConnInterface) (*Snapshot, error) {
	return fromReflection(ctx, cc, defaultLimits())
}

func fromReflection(lifetime context.Context, cc grpc.ClientConnInterface, limits limits) (*Snapshot, error) {
	ctx, cancel := context.WithTimeout(lifetime, reflectionTimeout)
	defer cancel()
	ask := newAsker(cc, limits)
	defer ask.closeStream()
	names, err := ask.list(ctx)
	if err == nil && len(names) > limits.files {
		err = &limitError{what: fmt.Sprintf("%d services", limits.files)}
	}
	if err != nil {
		return nil, explainReflection(err)
	}
	reading := &reading{
		reader: newReader(ask), listed: map[protoreflect.FullName]*closure{}, broken: map[protoreflect.FullName]*BrokenService{},
	}
	for _, name := range names {
		if err := reading.gather(ctx, protoreflect.FullName(name)); err != nil {
			return nil, explainReflection(err)
		}
	}
	snapshot, err := reading.snapshot()
	if err != nil {
		return nil, explainReflection(err)
	}
	snapshot.finder = newFinder(lifetime, reading.reader)
	return snapshot, nil
}

// reading is one reading of a whole schema.
type reading struct {
	*reader

	order  []protoreflect.FullName // the keys of listed in the order of the server
	listed map[protoreflect.FullName]*closure
	broken map[protoreflect.FullName]*BrokenService
}

// gather reads the files that a service needs. The error means that further questions would fail too.
func (r *reading) gather(ctx context.Context, name protoreflect.FullName) error {
	if _, ok := r.listed[name]; ok {
		return nil
	}
	c, err := r.ofService(ctx, name)
	if err != nil && (ctx.Err() != nil || preventsFurther(err)) {
		return err
	}
	r.order = append(r.order, name)
	r.listed[name] = c
	if err != nil {
		r.markBroken(name, err)
	}
	return nil
}

// markBroken records that a service cannot be described.
func (r *reading) markBroken(name protoreflect.FullName, err error) {
	broken := &BrokenService{Service: string(name), Err: oneLine(err)}
	if c := r.listed[name]; c != nil {
		broken.Streaming = streamingIn(c.files[0], name)
	}
	r.broken[name] = broken
}

// snapshot links the files that were read, and returns the snapshot.
func (r *reading) snapshot() (*Snapshot, error) {
	services := map[protoreflect.FullName]protoreflect.ServiceDescriptor{}
	own := map[protoreflect.FullName]*dynamicpb.Types{}
	var all files
	room := r.ask.budget.limits.elements // how many elements may be linked again for services with a linker of their own
	for _, name := range r.order {
		c := r.listed[name]
		if r.broken[name] != nil {
			continue
		}
		if r.pool.ambiguous {
			room -= c.elements()
		}
		linker := r.common
		if room > 0 {
			linker = c.linker()
		}
		fd, err := linker.link(c.files[0])
		if limit := (*limitError)(nil); errors.As(err, &limit) {
			return nil, err
		}
		if err != nil {
			r.markBroken(name, err)
			continue
		}
		services[name] = fd.Services().ByName(name.Name())
		linkable := linker.linkable(c.files)
		for _, fd := range linkable {
			all.add(fd)
		}
		if linker != r.common {
			own[name] = typesOf(linkable)
		}
	}
	for _, file := range r.pool.files {
		if fd, err := r.common.link(file); err == nil {
			all.add(fd)
		}
	}
	s, err := newSnapshot(all.files, services, r.broken)
	if err != nil {
		return nil, err
	}
	s.own = own
	return s, nil
}

// files is a set of files in their order.
type files struct {
	files []protoreflect.FileDescriptor
	have  map[protoreflect.FileDescriptor]bool
}

func (f *files) add(fd protoreflect.FileDescriptor) {
	if f.have == nil {
		f.have = map[protoreflect.FileDescriptor]bool{}
	}
	if !f.have[fd] {
		f.have[fd] = true
		f.files = append(f.files, fd)
	}
}

// elements returns the size of all files of a closure.
func (c *closure) elements() int {
	sum := 0
	for _, file := range c.files {
		sum += file.size
	}
	return sum
}

// linkable returns the descriptors of those files that can be linked.
func (l *linker) linkable(files []*protoFile) []protoreflect.FileDescriptor {
	var out []protoreflect.FileDescriptor
	for _, file := range files {
		if fd, err := l.link(file); err == nil {
			out = append(out, fd)
		}
	}
	return out
}

// typesOf returns a resolver for the types in files. Where two files define one name, the first file is used.
func typesOf(files []protoreflect.FileDescriptor) *dynamicpb.Types {
	registry := new(protoregistry.Files)
	for _, fd := range files {
		_ = registry.RegisterFile(fd) // an error means a collision
	}
	return dynamicpb.NewTypes(registry)
}

// oneLine returns an error whose text is on one line. Some libraries write several lines.
func oneLine(err error) error {
	if text := err.Error(); strings.Contains(text, "\n") {
		return errors.New(strings.ReplaceAll(text, "\n", ": "))
	}
	return err
}
