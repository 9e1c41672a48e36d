package transcode

import (
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
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

// extension returns the field of an extension, or nil if the tag is none that the resolver knows.
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

// extension finds an extension by its tag; nil if there is none that is usable. The resolver is asked until it knows it.
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
