package transcode

import (
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// extensionKey is a tag in a message that may have extensions.
type extensionKey struct {
	message protoreflect.FullName
	tag     uint32
}

// extensionAnswer is the answer for a tag: the field of an extension, or nil where the extension is not encoded with this tag.
type extensionAnswer struct {
	field *field
	known bool
}

// extension returns the field of an extension, or nil where the resolver knows no extension for the tag.
func (w *walk) extension(p *plan, tag uint32) *field {
	if !p.extensible {
		return nil
	}
	num, typ := protowire.DecodeTag(uint64(tag))
	if typ == protowire.EndGroupType || !p.desc.ExtensionRanges().Has(num) {
		return nil
	}
	return w.t.extension(p.desc.FullName(), num, tag)
}

// extension finds an extension by its tag, or returns nil where there is no usable one. It asks the resolver until the resolver
// knows it.
func (t *Transcoder) extension(message protoreflect.FullName, num protowire.Number, tag uint32) *field {
	k := extensionKey{message, tag}
	if answer := t.extensions.load()[k]; answer.known {
		return answer.field
	}
	if t.extensions.full() {
		return nil
	}
	xt, err := t.plans.opts.Resolver.FindExtensionByNumber(message, num)
	if err != nil {
		return nil
	}
	fields, err := t.plans.extension(xt.TypeDescriptor())
	if err != nil {
		return nil
	}
	answer := extensionAnswer{known: true}
	for _, f := range fields {
		if f.tag == tag {
			answer.field = f
		}
	}
	t.extensions.put(k, answer)
	return answer.field
}
