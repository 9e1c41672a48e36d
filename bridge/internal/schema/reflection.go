package schema

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jhump/protoreflect/v2/grpcreflect"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// reflectionTimeout bounds one reading of a server's schema.
const reflectionTimeout = 10 * time.Second

// FromReflection asks a server for its schema: grpc.reflection.v1, and v1alpha where the server does not have that. Only
// the services that the server lists are offered. One that it lists but cannot describe is a [BrokenService] and takes out no
// other. Imports that the server lacks come from those linked into the program, or are left out where nothing needs them;
// imports that its files lack, as those of Node.js servers do, are added.
//
// It takes 10 s, and 10,000 files or 64 MiB at most. Errors of gRPC keep their status ([status.FromError]).
func FromReflection(ctx context.Context, cc grpc.ClientConnInterface) (*Snapshot, error) {
	ctx, cancel := context.WithTimeout(ctx, reflectionTimeout)
	defer cancel()
	return fromReflection(ctx, cc, defaultLimits())
}

func fromReflection(ctx context.Context, cc grpc.ClientConnInterface, limits limits) (*Snapshot, error) {
	bounded := &boundedConn{ClientConnInterface: cc, limits: limits, importer: newImporter(), dotted: map[string]bool{}}
	client := grpcreflect.NewClientAuto(ctx, bounded,
		grpcreflect.WithAllowMissingFileDescriptors(),
		grpcreflect.WithFallbackResolvers(linked{}, protoregistry.GlobalTypes))
	defer client.Reset()

	names, err := client.ListServices()
	if err != nil {
		return nil, explainReflection(err)
	}
	if len(names) > limits.files {
		return nil, explainReflection(&limitError{what: fmt.Sprintf("%d services", limits.files)})
	}
	listed := make(map[protoreflect.FullName]bool, len(names))
	broken := map[protoreflect.FullName]*BrokenService{}
	var roots []protoreflect.FileDescriptor
	for _, name := range names {
		if listed[name] {
			continue
		}
		listed[name] = true
		file, err := describe(client, name)
		if err != nil && (ctx.Err() != nil || bounded.endedBy(err)) {
			return nil, explainReflection(err)
		}
		if err != nil {
			broken[name] = &BrokenService{Service: string(name), Err: oneLine(err)}
			continue
		}
		roots = append(roots, file)
	}
	offered := func(name protoreflect.FullName) bool { return listed[name] && broken[name] == nil }
	return newSnapshot(closure(roots), offered, broken)
}

// describe finds the file of a service, and checks that it is one.
func describe(client *grpcreflect.Client, name protoreflect.FullName) (protoreflect.FileDescriptor, error) {
	if !name.IsValid() {
		return nil, errors.New("expected a full protobuf name")
	}
	file, err := client.FileContainingSymbol(name)
	if err != nil {
		return nil, err
	}
	if file.Services().ByName(name.Name()) == nil || file.Package() != name.Parent() {
		return nil, fmt.Errorf("expected a service, found something else of this name in %s", file.Path())
	}
	return file, nil
}

// explainReflection says what the user can do about it. It keeps the error inside.
func explainReflection(err error) error {
	s, ok := status.FromError(err)
	if !ok {
		return fmt.Errorf("schema by reflection: %w", err)
	}
	said := strings.TrimSpace(s.Message())
	const instead = "or give the schema with schema.descriptor_set or schema.proto"
	switch s.Code() {
	case codes.Unimplemented:
		return &reflectionError{err, "the server has no reflection (neither grpc.reflection.v1 nor v1alpha): enable it there, " + instead}
	case codes.Unavailable:
		return &reflectionError{err, "the server cannot be reached: " + said}
	case codes.DeadlineExceeded:
		return &reflectionError{err, fmt.Sprintf("the server gave no full answer within %v: %s", reflectionTimeout, said)}
	case codes.Unauthenticated, codes.PermissionDenied:
		return &reflectionError{err, fmt.Sprintf("the server refuses it (%s): send credentials with the upstream's metadata, %s", said, instead)}
	}
	return &reflectionError{err, fmt.Sprintf("the server answers %v: %s", s.Code(), said)}
}

// reflectionError is gRPC's error with words for people.
type reflectionError struct {
	err  error
	text string
}

func (e *reflectionError) Error() string { return "schema by reflection: " + e.text }
func (e *reflectionError) Unwrap() error { return e.err }

// oneLine is for errors that the library writes over several lines.
func oneLine(err error) error {
	if text := err.Error(); strings.Contains(text, "\n") {
		return errors.New(strings.ReplaceAll(text, "\n", ": "))
	}
	return err
}
