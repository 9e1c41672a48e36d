package schema

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
)

// FromDescriptorSet reads a FileDescriptorSet, as `buf build -o file.binpb` and `protoc --include_imports
// --descriptor_set_out=file.binpb` write it. The file may be in binary form or JSON, and may be compressed with gzip; its
// content decides, and not its name. The set must contain its imports, except those that are linked into the program:
// google/protobuf, google/api, google/rpc and grpcsse/v1.
func FromDescriptorSet(path string) (*Snapshot, error) {
	wire, err := readSet(path)
	if err != nil {
		return nil, fmt.Errorf("descriptor set: %w", err)
	}
	snapshot, err := parseDescriptorSet(wire)
	if err != nil {
		return nil, fmt.Errorf("descriptor set %s: %w", path, err)
	}
	return snapshot, nil
}

func parseDescriptorSet(wire []byte) (*Snapshot, error) {
	const advice = "write it with `buf build -o file.binpb` or `protoc --include_imports --descriptor_set_out=file.binpb`"
	set, err := decodeSet(wire)
	if err != nil {
		return nil, fmt.Errorf("%w; %s", err, advice)
	}
	if len(set.GetFile()) == 0 {
		return nil, errors.New("expected a FileDescriptorSet, found no files in it; " + advice)
	}
	snapshot, err := link(set.GetFile())
	var missing *missingImports
	if errors.As(err, &missing) {
		return nil, fmt.Errorf("%w; a set must contain its imports: %s", err, advice)
	}
	return snapshot, err
}

// link makes a snapshot of files. Only imports that are linked into the program may be missing.
func link(files []*descriptorpb.FileDescriptorProto) (*Snapshot, error) {
	files, err := complete(files)
	if err != nil {
		return nil, err
	}
	registry, err := protodesc.NewFiles(&descriptorpb.FileDescriptorSet{File: files})
	if err != nil {
		return nil, fmt.Errorf("expected valid descriptors: %w", err)
	}
	var all []protoreflect.FileDescriptor
	registry.RangeFiles(func(file protoreflect.FileDescriptor) bool {
		all = append(all, file)
		return true
	})
	return newSnapshot(all, servicesIn(all, func(protoreflect.FullName) bool { return true }), nil)
}

// complete adds missing imports that are linked into the program. The error is a *missingImports where others are missing.
func complete(files []*descriptorpb.FileDescriptorProto) ([]*descriptorpb.FileDescriptorProto, error) {
	files = slices.Clone(files)
	have := make(map[string]bool, len(files))
	for _, file := range files {
		have[file.GetName()] = true
	}
	missing := &missingImports{}
	for i := 0; i < len(files); i++ { // files grows
		for _, path := range files[i].GetDependency() {
			if have[path] {
				continue
			}
			have[path] = true
			found, err := linked{}.FindFileByPath(path)
			if err != nil {
				missing.add(path, files[i].GetName())
				continue
			}
			files = append(files, protodesc.ToFileDescriptorProto(found))
		}
	}
	if len(missing.imports) > 0 {
		return nil, missing
	}
	return files, nil
}

// missingImports lists imports that are neither in the set nor linked into the program.
type missingImports struct{ imports []string }

func (e *missingImports) add(path, importer string) {
	e.imports = append(e.imports, fmt.Sprintf("%s, which %s imports", path, importer))
}

func (e *missingImports) Error() string {
	shown := e.imports
	more := ""
	if len(shown) > 5 {
		shown, more = shown[:5], fmt.Sprintf(" and %d more", len(e.imports)-5)
	}
	return "missing " + strings.Join(shown, "; ") + more
}
