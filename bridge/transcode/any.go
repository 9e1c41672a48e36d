package transcode

// any appends a google.protobuf.Any. Its JSON is the object of the message inside, with its type URL as "@type". Where that
// message has a JSON form of its own, the JSON is an object with this form as "value".
func (w *walk) any(b, wire []byte) []byte {
	const urlTag, valueTag = 1<<3 | 2, 2<<3 | 2
	var url, value []byte
	offset := 0 // the offset of value
	for i := 0; i < len(wire); {
		at := i
		tag, next := nextTag(wire, i)
		if next < 0 {
			return w.fail(ErrMalformed, at)
		}
		if i = w.skip(wire, next, tag, at); i < 0 {
			return nil
		}
		if tag != urlTag && tag != valueTag {
			continue
		}
		n, next := length(wire, next)
		content := wire[next : next+n]
		switch {
		case tag == urlTag && url == nil:
			url = content
		case tag == valueTag && value == nil:
			value, offset = content, next
		default:
			return w.fail(errDuplicate, at)
		}
	}
	if len(url) == 0 && len(value) == 0 {
		return append(b, '{', '}')
	}
	p := w.t.anyPlan(url)
	if p == nil {
		return w.unknownAny(b, url, value)
	}
	if b = w.anyContent(p, b, url, value); b == nil {
		w.failure.offset += offset
		w.inAny = true
	}
	return b
}

// anyContent appends an Any whose type is known. As in protojson, required fields are not checked inside.
func (w *walk) anyContent(p *plan, b, url, value []byte) []byte {
	if w.depth == 0 {
		return w.fail(ErrTooDeep, 0)
	}
	outer := w.partial
	w.partial = true
	start := len(b)
	b, ok := w.appendString(append(b, `,"@type":`...), url)
	switch {
	case !ok:
		return w.fail(ErrInvalidUTF8, 0)
	case p.form == formObject:
		w.depth--
		if p.slots > 64 {
			b = w.wideMembers(p, b, value)
		} else {
			b = w.members(p, b, value)
		}
		w.depth++
	default:
		b = w.value(p, append(b, `,"value":`...), value)
	}
	if b == nil {
		return nil
	}
	w.partial = outer
	return w.braced(b, start)
}

// unknownAny appends an Any whose type the resolver does not know: its type URL, and its bytes in base64.
func (w *walk) unknownAny(b, url, value []byte) []byte {
	if w.t.plans.opts.TypeUnknown != nil {
		w.unknowns.add(url)
	}
	start := len(b)
	b, ok := w.appendString(append(b, `,"@type":`...), url)
	if !ok {
		return w.fail(ErrInvalidUTF8, 0)
	}
	if b = w.appendBase64(append(b, `,"value":`...), value); b == nil {
		return nil
	}
	return w.braced(b, start)
}

// maxTypeURL is the longest type URL that is looked up. Compilers accept no name of this length.
const maxTypeURL = 1 << 10

// anyPlan returns the plan for a type URL, or nil where the resolver has no usable type for it. Types that the resolver finds
// are remembered. A type that it does not find is asked for again, since it may know it the next time.
func (t *Transcoder) anyPlan(url []byte) *plan {
	if p := t.anyTypes.load()[string(url)]; p != nil {
		return p
	}
	if len(url) == 0 || len(url) > maxTypeURL || t.anyTypes.full() {
		return nil
	}
	mt, err := t.plans.opts.Resolver.FindMessageByURL(string(url))
	if err != nil {
		return nil
	}
	p, err := t.plans.message(mt.Descriptor())
	if err != nil {
		return nil
	}
	t.anyTypes.put(string(url), p)
	return p
}
