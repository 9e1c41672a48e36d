package schema

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bufbuild/protocompile"
	"github.com/bufbuild/protocompile/reporter"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/grpcsse/grpcsse/bridge/internal/localfile"
)

const (
	// maxSourceErrors bounds how many mistakes one compilation reports.
	maxSourceErrors = 10
	// maxSourceBytes bounds one .proto source. The greatest of googleapis has a tenth of it.
	maxSourceBytes = 8 << 20
)

// FromProto compiles .proto sources. files holds names as in import statements, absolute names in an import path, and patterns of such names: "*", "?" and
// "[a-z]" stand for parts of a name, and "**" for any directories. Each file is searched in importPaths in their order, or in
// the working directory where there are none, and then among the files that are linked into the program: google/protobuf,
// google/api, google/rpc and grpcsse/v1. The error lists several mistakes at once, with file, line and column. The error of a
// pattern is a *[PatternError].
func FromProto(ctx context.Context, files, importPaths []string) (*Snapshot, error) {
	if len(files) == 0 {
		return nil, errors.New("proto sources: expected at least one file, found none")
	}
	if len(importPaths) == 0 {
		importPaths = []string{"."}
	}
	files, err := expand(ctx, inImportPaths(files, importPaths), importPaths)
	if err != nil {
		return nil, err
	}
	var mistakes []string
	compiler := protocompile.Compiler{
		Resolver: protocompile.WithStandardImports(importPathResolver(importPaths)),
		Reporter: reporter.NewReporter(func(err reporter.ErrorWithPos) error {
			mistakes = append(mistakes, err.Error())
			if len(mistakes) == maxSourceErrors {
				return err
			}
			return nil // the compiler goes on, and finds further mistakes
		}, nil),
		SourceInfoMode: protocompile.SourceInfoStandard, // has the comments, which are the documentation of what is served
	}
	compiled, err := compiler.Compile(ctx, files...)
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case len(mistakes) > 0:
		return nil, fmt.Errorf("proto sources: %s", strings.Join(mistakes, "\n"))
	case err != nil:
		return nil, fmt.Errorf("proto sources: %w", err)
	}
	roots := make([]protoreflect.FileDescriptor, len(compiled))
	for i, file := range compiled {
		roots[i] = file
	}
	var messages []*descriptorpb.FileDescriptorProto
	for _, file := range importsOf(roots) {
		message, err := canonical(file)
		if err != nil {
			return nil, fmt.Errorf("proto sources: %s: %w", file.Path(), err)
		}
		messages = append(messages, message)
	}
	snapshot, err := link(messages)
	if err != nil {
		return nil, fmt.Errorf("proto sources: %w", err)
	}
	return snapshot, nil
}

// inImportPaths names absolute files as import statements would name them, where they are in an import path.
func inImportPaths(files, importPaths []string) []string {
	named := slices.Clone(files)
	for i, file := range named {
		if !filepath.IsAbs(file) {
			continue
		}
		for _, dir := range importPaths {
			absolute, err := filepath.Abs(dir)
			if err != nil {
				continue
			}
			if inside, err := filepath.Rel(absolute, file); err == nil && filepath.IsLocal(inside) {
				named[i] = filepath.ToSlash(inside)
				break
			}
		}
	}
	return named
}

// importPathResolver searches sources in the import paths, and then among the linked files.
func importPathResolver(importPaths []string) protocompile.Resolver {
	return protocompile.ResolverFunc(func(path string) (protocompile.SearchResult, error) {
		for _, dir := range importPaths {
			file, err := localfile.Open(filepath.Join(dir, filepath.FromSlash(path)), maxSourceBytes)
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				return protocompile.SearchResult{}, err
			}
			return protocompile.SearchResult{Source: file}, nil // the compiler closes it
		}
		if file, err := (linked{}).FindFileByPath(path); err == nil {
			return protocompile.SearchResult{Desc: file}, nil
		}
		return protocompile.SearchResult{}, fmt.Errorf("%s is in none of the import paths %s: expected the name that an import statement would have", path, strings.Join(importPaths, ", "))
	})
}

// canonical returns the message that a descriptor set would have for a compiled file. Its options have the types that are
// linked into the program, and not the types of the compiler.
func canonical(file protoreflect.FileDescriptor) (*descriptorpb.FileDescriptorProto, error) {
	wire, err := proto.Marshal(protodesc.ToFileDescriptorProto(file))
	if err != nil {
		return nil, err
	}
	message := new(descriptorpb.FileDescriptorProto)
	return message, proto.Unmarshal(wire, message)
}

// importsOf returns the files and all their imports, direct and indirect. Each path occurs once, in breadth-first order.
func importsOf(roots []protoreflect.FileDescriptor) []protoreflect.FileDescriptor {
	seen := map[string]bool{}
	var files []protoreflect.FileDescriptor
	queue := roots
	for len(queue) > 0 {
		file := queue[0]
		queue = queue[1:]
		if seen[file.Path()] || file.IsPlaceholder() {
			continue
		}
		seen[file.Path()] = true
		files = append(files, file)
		for i := range file.Imports().Len() {
			queue = append(queue, file.Imports().Get(i).FileDescriptor)
		}
	}
	return files
}
