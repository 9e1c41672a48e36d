package bind

import (
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// parseReference returns the value of a field whose setting is a single reference with this text.
func parseReference(f field, ref, text string, types Resolver) (protoreflect.Value, bool) {
	if ref == cursorReference {
		return f.parseRaw(text, types)
	}
	return f.parse(text, types)
}

// expand returns a value with its references filled in. It returns false where the cursor is missing.
func (r *binding) expand(v Value) (text string, ok bool, err error) {
	for _, p := range v {
		part := p.Text
		if p.Ref != "" {
			part, ok, err = r.lookUp(p.Ref)
			switch {
			case err != nil:
				return "", false, err
			case p.HasDefault && part == "":
				part = p.Default
			case !ok && p.Ref == cursorReference:
				return "", false, nil
			case !ok:
				missing := refused(FromReference, p.Ref, "expected a value, found none")
				missing.MissingCredential = strings.HasPrefix(p.Ref, "claim.") || strings.HasPrefix(p.Ref, "cookie.")
				return "", false, missing
			}
		}
		text += part
	}
	return text, true, nil
}

// lookUp returns the value of a reference.
func (r *binding) lookUp(ref string) (text string, ok bool, err error) {
	kind, name, _ := strings.Cut(ref, ".")
	switch kind {
	case cursorReference:
		if !r.in.HasLastEventID {
			return "", false, nil
		}
		return r.in.LastEventID, true, nil
	case "path":
		i := slices.IndexFunc(r.variables, func(v variable) bool { return v.name == name })
		return r.in.Variables[i], true, nil
	case "query":
		return r.parameter(name)
	}
	if r.in.Reference == nil {
		return "", false, nil
	}
	text, ok = r.in.Reference(ref)
	return text, ok, nil
}

// parameter returns the one query parameter of this name.
func (r *binding) parameter(name string) (text string, ok bool, err error) {
	for _, p := range r.parameters {
		if p.name != name {
			continue
		}
		if ok {
			return "", false, refused(FromQuery, name, "expected one value, found several")
		}
		if p.malformed {
			return "", false, p.refuseMalformed()
		}
		text, ok = p.value, true
	}
	return text, ok, nil
}
