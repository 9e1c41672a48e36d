package transcode

import (
	"errors"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// extensionKey is a tag in a message that can be extended.
type extensionKey struct {
	message protoreflect.FullName
	tag     uint32
}

// extensionAnswer is what is known of a tag: the field of an extension, or nil if the extension is not encoded so.
type extensionAnswer struct {
	field *field
	known bool
}

// extension returns the field of an extension, or nil if the tag is none that the resolver knows; false after a failure.
func (w *walk) extension(p *plan, tag uint32, at int) (*field, bool) {
	if !p.extensible {
		return nil, true
	}
	num, typ := protowire.DecodeTag(uint64(tag))
	if typ == protowire.EndGroupType || !p.desc.ExtensionRanges().Has(num) {
		return nil, true
	}
	f, err := w.t.extension(p.desc.FullName(), num, tag)
	if err != nil {
		w.failDetail(ErrUnresolved, at, err.Error())
		return nil, false
	}
	return f, true
}

// extension finds an extension by its tag. The resolver is asked until it knows it.
func (t *Transcoder) extension(message protoreflect.FullName, num protowire.Number, tag uint32) (*field, error) {
	k := extensionKey{message, tag}
	if answer := t.extensions.load()[k]; answer.known {
		return answer.field, nil
	}
	xt, err := t.plans.opts.Resolver.FindExtensionByNumber(message, num)
	if err != nil {
		if errors.Is(err, protoregistry.NotFound) {
			return nil, nil
		}
		return nil, err
	}
	fields, err := t.plans.extension(xt.TypeDescriptor())
	if err != nil {
		return nil, err
	}
	answer := extensionAnswer{known: true}
	for _, f := range fields {
		if f.tag == tag {
			answer.field = f
		}
	}
	t.extensions.put(k, answer)
	return answer.field, nil
}
