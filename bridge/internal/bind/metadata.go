package bind

import "strings"

// Metadatum is metadata for a call. Under a name that ends in -bin, Value is the bytes themselves, as gRPC libraries take
// them; otherwise it is printable ASCII without a blank at either end, since a server may remove such blanks.
type Metadatum struct {
	Name, Value string
}

// Metadata returns the metadata of [Spec.Metadata] for a request, in the order of the spec. It leaves out metadata with a cursor that
// the request does not have. An error is an [*Error] or a [*CursorError], as with [Binder.Bind]. The body has no effect.
func (b *Binder) Metadata(in Input) ([]Metadatum, error) {
	if len(b.metadata) == 0 {
		return nil, nil
	}
	parameters, err := b.begin(in)
	if err != nil {
		return nil, err
	}
	r := &binding{Binder: b, in: in, parameters: parameters}
	out := make([]Metadatum, 0, len(b.metadata))
	for _, s := range b.metadata {
		text, ok, err := r.expand(s.Value)
		if err != nil {
			return nil, err
		}
		if !ok {
			continue // no cursor
		}
		value, ok := s.parse(text, in.HasLastEventID && in.LastEventID != "")
		if !ok {
			return nil, s.mismatch(text)
		}
		out = append(out, Metadatum{s.Name, value})
	}
	return out, nil
}

// parse returns the value that is sent for text.
func (s MetadataSetting) parse(text string, hasCursor bool) (string, bool) {
	if !isBinary(s.Name) {
		return text, isPrintableASCII(text) && strings.Trim(text, " ") == text
	}
	if ref, _ := s.Value.alone(); ref == cursorReference && hasCursor {
		return text, true // the text that an event id was made of
	}
	value, ok := parseBase64(text)
	return string(value), ok
}

// mismatch returns the error for values of references that can't be sent.
func (s MetadataSetting) mismatch(text string) error {
	what, _ := metadataForm(s.Name)
	if s.Value.refersTo(cursorReference) {
		return &CursorError{Metadata: s.Name, Expected: what, Value: shown(text)}
	}
	return mismatch(FromReference, s.Value.references(), what, text)
}

// metadataForm describes the text that metadata of this name takes. fits looks at one part of a [Value].
func metadataForm(name string) (what string, fits func(string) bool) {
	if isBinary(name) {
		return "base64", func(text string) bool { _, ok := parseBase64(text); return ok }
	}
	return "printable ASCII without blanks at its ends", isPrintableASCII
}

// isBinary reports whether metadata of this name may have any bytes in gRPC.
func isBinary(name string) bool { return strings.HasSuffix(name, "-bin") }

// hasOuterBlank reports whether the value begins or ends with a blank whatever its references are.
func (v Value) hasOuterBlank() bool {
	if len(v) == 0 {
		return false
	}
	first, last := v[0], v[len(v)-1]
	return strings.HasPrefix(first.Text+first.Default, " ") || strings.HasSuffix(last.Text+last.Default, " ")
}

func isPrintableASCII(text string) bool {
	for i := range len(text) {
		if text[i] < ' ' || text[i] > '~' {
			return false
		}
	}
	return true
}
