package schema

import (
	"errors"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"
)

// Types finds message types and extensions. It can be a protojson.MarshalOptions.Resolver. Where the schema comes by
// reflection, Types asks the server for a type that is not in the schema: files need not import types that occur only in a
// google.protobuf.Any, nor extensions of other files. Such a look-up takes up to 2 s, and its result is remembered. The bounds
// are those of [finder]. The error for a type that does not exist is protoregistry.NotFound.
//
// Its methods may be called concurrently.
type Types struct {
	own, common *dynamicpb.Types // own may be nil
	finder      *finder          // nil for a schema that does not come by reflection
}

// FindMessageByName implements protoregistry.MessageTypeResolver.
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

// FindMessageByURL implements protoregistry.MessageTypeResolver. It ignores the part of the URL before the last slash.
func (t *Types) FindMessageByURL(url string) (protoreflect.MessageType, error) {
	return t.FindMessageByName(protoreflect.FullName(url[strings.LastIndexByte(url, '/')+1:]))
}

// FindExtensionByName implements protoregistry.ExtensionTypeResolver.
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

// FindExtensionByNumber implements protoregistry.ExtensionTypeResolver.
func (t *Types) FindExtensionByNumber(
	message protoreflect.FullName, number protoreflect.FieldNumber,
) (protoreflect.ExtensionType, error) {
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

// look searches the service's own types, and then the common ones.
func look[T any](t *Types, find func(*dynamicpb.Types) (T, error)) (T, error) {
	if t.own != nil {
		if found, err := find(t.own); err == nil {
			return found, nil
		}
	}
	return find(t.common)
}
