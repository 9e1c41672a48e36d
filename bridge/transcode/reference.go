package transcode

import (
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
)

// reference turns a message into JSON by way of dynamicpb and protojson: slow, and right by definition. It serves the messages that a
// walk cannot do, in which something must be merged.
type reference struct {
	md        protoreflect.MessageDescriptor
	unmarshal proto.UnmarshalOptions
	marshal   protojson.MarshalOptions
}

func newReference(md protoreflect.MessageDescriptor, opts Options) reference {
	return reference{
		md:        md,
		unmarshal: proto.UnmarshalOptions{AllowPartial: true, Resolver: opts.Resolver},
		marshal: protojson.MarshalOptions{
			AllowPartial:      true,
			UseProtoNames:     opts.ProtoNames,
			UseEnumNumbers:    opts.EnumNumbers,
			EmitUnpopulated:   opts.EmitUnpopulated,
			EmitDefaultValues: opts.EmitDefaults,
			Resolver:          opts.Resolver,
		},
	}
}

func (r *reference) appendJSON(dst, wire []byte) (out []byte, err error) {
	defer func() {
		// protojson relies on descriptors that are what they seem; those inside of google.protobuf.Any may not be.
		if p := recover(); p != nil {
			out, err = dst, &Error{Kind: ErrUnrepresentable, Message: r.md.FullName(), Offset: -1, Detail: fmt.Sprint("protojson: ", p)}
		}
	}()
	m := dynamicpb.NewMessage(r.md)
	if err := r.unmarshal.Unmarshal(wire, m); err != nil {
		return dst, r.failure(ErrMalformed, err)
	}
	if err := proto.CheckInitialized(m); err != nil {
		return dst, r.failure(ErrRequiredMissing, err)
	}
	text, err := r.marshal.Marshal(m)
	if err != nil {
		return dst, r.failure(ErrUnrepresentable, err)
	}
	return appendCompact(dst, text), nil
}

// appendCompact appends JSON without the spaces that protojson puts between members at random, so that nobody relies on its form.
// encoding/json could do it too, but not as deep as messages may nest.
func appendCompact(dst, text []byte) []byte {
	dst = slices.Grow(dst, len(text))
	inString := false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == ' ' && !inString:
			continue
		case c == '"':
			inString = !inString
		case c == '\\':
			dst = append(dst, c)
			i++ // what it escapes
		}
		dst = append(dst, text[i])
	}
	return dst
}

// failure makes an Error of what the protobuf module said, which tells its reasons apart by their text only.
func (r *reference) failure(kind, err error) *Error {
	detail := strings.TrimPrefix(strings.ReplaceAll(err.Error(), "\u00a0", " "), "proto: ")
	switch {
	case strings.Contains(detail, "invalid UTF-8"):
		kind = ErrInvalidUTF8
	case strings.Contains(detail, "recursion depth"):
		kind = ErrTooDeep
	case strings.Contains(detail, "unable to resolve"):
		kind = ErrUnresolved
	}
	return &Error{Kind: kind, Message: r.md.FullName(), Offset: -1, Detail: detail}
}
