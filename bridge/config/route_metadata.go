package config

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
)

// routeMetadata decodes which metadata passes between browser and upstream.
func (d *decoder) routeMetadata(n *node, m *MetadataMapping) {
	d.fields(n, "route.metadata", d.metadataKeys(m))
	set := n.child("set")
	if set == nil {
		return
	}
	forwarded := make(map[string]bool, len(m.Forward))
	for _, name := range m.Forward {
		forwarded[name] = true
	}
	for _, c := range set.children {
		if name, _ := metadataKey(c); forwarded[name] {
			d.add(c.key.problem(c.path, fmt.Sprintf("the metadata %s can't be both set and forwarded: keep one of the two", quote(name)), ""))
		}
	}
}

// metadataKeys say which metadata passes between browser and upstream.
func (d *decoder) metadataKeys(m *MetadataMapping) []field {
	set := custom("set", "Metadata that is sent to the upstream: fixed values and references, by name. NAME_file names a file with the value.", metadataForm,
		func(n *node) { m.Set = d.metadataSettings(n) },
		func(w treeWriter, around *node) { w.metadataSettings(around, m.Set) })
	set.example = "{x-tenant: acme}"
	return []field{
		key("forward", "The request headers that reach the upstream.", &m.Forward, d.headers("[authorization]", d.forwardable)),
		set,
		key("expose", "Response metadata that becomes headers of the HTTP response.", &m.Expose, d.headers("[x-cursor]", d.exposable)),
	}
}

// headers is the format of lists of header names.
func (d *decoder) headers(example string, allowed func(n *node, name string) bool) format[[]string] {
	return texts(example, setForm(headerForm), d.headerNames(example, allowed))
}

// headerNames returns a reader of a list of header names, which puts them into lower case. An empty list is nil.
func (d *decoder) headerNames(example string, allowed func(n *node, name string) bool) func(*node) ([]string, bool) {
	return func(n *node) ([]string, bool) {
		var names []string
		listed := make(map[string]bool)
		_, ok := listOf(d, example, func(n *node) (string, bool) {
			name, ok := d.headerName(n)
			if !ok || !allowed(n, name) {
				return "", false
			}
			if listed[name] {
				d.problem(n, "", "the header %s is listed twice", n.shown())
				return "", false
			}
			names, listed[name] = append(names, name), true
			return name, true
		})(n)
		return names, ok
	}
}

// headerName reads the name of a header, and puts it into lower case.
func (d *decoder) headerName(n *node) (string, bool) {
	const what = "the name of a header"
	if !d.isScalar(n, what) {
		return "", false
	}
	name := strings.ToLower(n.text())
	if !isMetadataName(name) {
		d.expected(n, what, "")
		return "", false
	}
	return name, true
}

// forwardable refuses a request header that may not be sent to the upstream. Credentials and cookies may be sent, since the
// configuration has to name every header.
func (d *decoder) forwardable(n *node, name string) bool {
	switch {
	case strings.HasPrefix(name, "grpc-") || ownedByTransport(name):
		hint := ""
		if name == "user-agent" {
			hint = `send it under another name, with set: {x-user-agent: "${header.user-agent}"}`
		}
		d.problem(n, hint, "the header %s can't be forwarded: gRPC and HTTP keep it to themselves", n.shown())
	case name == "last-event-id":
		d.problem(n, "bind it with `request.set`: a field there takes ${last_event_id}",
			"the header %s can't be forwarded: it is the cursor, in the form that the bridge gave it", n.shown())
	default:
		if namesCaller(name) {
			d.warn(n, plainCallerHint, plainCaller, n.shown())
		}
		return true
	}
	return false
}

// exposable refuses response metadata that may not become a header of the HTTP response.
func (d *decoder) exposable(n *node, name string) bool {
	own := false
	switch name {
	case "cache-control", "content-encoding", "vary", "x-accel-buffering", "retry-after", "allow", "date":
		own = true
	}
	if own || strings.HasPrefix(name, "grpc-") || strings.HasPrefix(name, "access-control-") || ownedByTransport(name) {
		d.problem(n, "", "the header %s can't be exposed: the bridge and HTTP keep it to themselves", n.shown())
		return false
	}
	return true
}

// metadataSettings decodes fixed values and references, and sorts them by name. A key that ends in _file names a file with
// the value.
func (d *decoder) metadataSettings(n *node) []MetadataSetting {
	if !d.isMapping(n, "route.metadata.set") {
		return nil
	}
	var settings []MetadataSetting
	d.metadataEntries(n, func(c *node, name string, fromFile bool) {
		s := MetadataSetting{Name: name}
		var ok bool
		if fromFile {
			s.Value, ok = d.secretTemplate(c, name)
		} else {
			s.Value, ok = d.metadataTemplate(c, name)
		}
		if ok {
			settings = append(settings, s)
		}
	})
	slices.SortFunc(settings, func(a, b MetadataSetting) int { return strings.Compare(a.Name, b.Name) })
	return settings
}

// secretTemplate reads the value of a name from the file that n names.
func (d *decoder) secretTemplate(n *node, name string) (Template, bool) {
	if path, ok := d.path(n); ok {
		d.files.note(path)
	}
	text, ok := d.secretFile(n)
	if ok && isBinary(name) && !isBase64(text) {
		d.problem(n, "", "expected base64 in the file %s, since the name ends in -bin, found something else", n.shown())
		return nil, false
	}
	return Template{{Text: text}}, ok
}

// metadataTemplate reads the value of a name: text with references in it.
func (d *decoder) metadataTemplate(n *node, name string) (Template, bool) {
	if n.kind != scalar {
		d.expected(n, "text, or a reference such as ${header.x-foo}", "")
		return nil, false
	}
	what, fits := metadataText, isPrintableASCII
	if isBinary(name) {
		what, fits = "base64 (the name ends in -bin)", isBase64
		if len(n.value) > 1 {
			d.problem(n, "", "expected %s, or one reference alone, found text and references mixed", what)
			return nil, false
		}
	}
	for _, part := range n.value {
		switch {
		case part.Ref == "" && !fits(part.Text):
			d.expected(n, what, "")
			return nil, false
		case part.HasDefault && !fits(part.Default):
			d.problem(n, "", "expected %s as the default of ${%s}, found %s", what, part.Ref, quote(part.Default))
			return nil, false
		}
	}
	if len(n.value) > 0 && !isBinary(name) {
		first, last := n.value[0], n.value[len(n.value)-1]
		if hasOuterBlank(first.Text+first.Default, last.Text+last.Default) {
			d.outerBlank(n)
			return nil, false
		}
	}
	d.warnOfPlainCallers(n, name)
	return n.value, true
}

// isBinary reports whether the value of a name is any bytes in gRPC, and base64 of them in HTTP.
func isBinary(name string) bool {
	return strings.HasSuffix(name, "-bin")
}

// isBase64 reports whether text is base64 as gRPC sends it: the standard alphabet, with or without padding.
func isBase64(text string) bool {
	_, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(text, "="))
	return err == nil && !strings.ContainsAny(text, "\r\n")
}

// checkFixedMetadata warns of metadata that a route sets or forwards although its upstream has a fixed value for the name. The
// fixed value wins, since it may be the bridge's own credentials.
func (s *sections) checkFixedMetadata() {
	for _, r := range s.allRoutes {
		u := s.byName[r.Upstream]
		if r.Upstream == "" && len(s.allUpstreams) == 1 {
			u = s.allUpstreams[0]
		}
		metadata := r.node.child("metadata")
		if u == nil || len(u.Metadata)+len(u.MetadataFiles) == 0 || metadata == nil {
			continue
		}
		warn := func(n *node, at position, name, shown string) {
			_, fixed := u.Metadata[name]
			if _, inFile := u.MetadataFiles[name]; fixed || inFile {
				p := at.problem(n.path, fmt.Sprintf("the metadata %s never reaches the upstream %s, which has a value of its own for it",
					shown, printableKey(u.Name)), "remove it from one of the two")
				p.Warning = true
				s.add(p)
			}
		}
		if set := metadata.child("set"); set != nil {
			for _, c := range set.children {
				name, _ := metadataKey(c)
				warn(c, c.key, name, quote(name))
			}
		}
		if forward := metadata.child("forward"); forward != nil {
			for _, c := range forward.children {
				warn(c, c.pos, strings.ToLower(c.text()), c.shown())
			}
		}
	}
}
