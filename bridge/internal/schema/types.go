package schema

import (
	"errors"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"
)

// Types finds message types and extensions, as protojson.MarshalOptions.Resolver does. Where the schema came by reflection,
// the server is asked for a type that the schema has not: nobody imports what only ever stands in a google.protobuf.Any, nor
// the extensions of other files. A look-up then takes up to 2 s, and what became of it is remembered; [finder] has the bounds.
// A type that is not found gives protoregistry.NotFound.
//
// Its methods may be called concurrently.
type Types struct {
	own, common *dynamicpb.Types // own may be nil
	finder      *finder          // nil where there is nobody to ask
}

// FindMessageByName is part of protoregistry.MessageTypeResolver.
func (t *Types) FindMessageByName(name protoreflect.FullName) (protoreflect.MessageType, error) {
	found, err := look(t, func(types *dynamicpb.Types) (protoreflect.MessageType, error) { return types.FindMessageByName(name) })
	if !errors.Is(err, protoregistry.NotFound) {
		return found, err
	}
	if d, ok := t.finder.byName(name).(protoreflect.MessageDescriptor); ok {
		return dynamicpb.NewMessageType(d), nil
	}
	return nil, protoregistry.NotFound
}

// FindMessageByURL is part of protoregistry.MessageTypeResolver. What stands before the last slash does not matter.
func (t *Types) FindMessageByURL(url string) (protoreflect.MessageType, error) {
	return t.FindMessageByName(protoreflect.FullName(url[strings.LastIndexByte(url, '/')+1:]))
}

// FindExtensionByName is part of protoregistry.ExtensionTypeResolver.
func (t *Types) FindExtensionByName(name protoreflect.FullName) (protoreflect.ExtensionType, error) {
	found, err := look(t, func(types *dynamicpb.Types) (protoreflect.ExtensionType, error) {
		return types.FindExtensionByName(name)
	})
	if !errors.Is(err, protoregistry.NotFound) {
		return found, err
	}
	if d, ok := t.finder.byName(name).(protoreflect.ExtensionDescriptor); ok && d.IsExtension() {
		return dynamicpb.NewExtensionType(d), nil
	}
	return nil, protoregistry.NotFound
}

// FindExtensionByNumber is part of protoregistry.ExtensionTypeResolver.
func (t *Types) FindExtensionByNumber(message protoreflect.FullName, number protoreflect.FieldNumber) (protoreflect.ExtensionType, error) {
	found, err := look(t, func(types *dynamicpb.Types) (protoreflect.ExtensionType, error) {
		return types.FindExtensionByNumber(message, number)
	})
	if !errors.Is(err, protoregistry.NotFound) {
		return found, err
	}
	if d := t.finder.extension(message, number); d != nil {
		return dynamicpb.NewExtensionType(d), nil
	}
	return nil, protoregistry.NotFound
}

// look asks the registries in their order.
func look[T any](t *Types, find func(*dynamicpb.Types) (T, error)) (T, error) {
	if t.own != nil {
		if found, err := find(t.own); err == nil {
			return found, nil
		}
	}
	return find(t.common)
}
