package bind

import (
	"net/url"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// MaxParameters is how many query parameters a request may have.
const MaxParameters = 1000

// parameter is one query parameter, decoded.
type parameter struct {
	name, value string
	malformed   bool // the value has a percent sign without two hexadecimal digits, and is not decoded
}

// parseQuery splits a query, keeping the order that the client gave.
func parseQuery(raw string) ([]parameter, error) {
	if raw == "" {
		return nil, nil
	}
	n := strings.Count(raw, "&") + 1
	if n > MaxParameters {
		return nil, refused(FromRequest, "", "expected at most %d query parameters, found %d", MaxParameters, n)
	}
	parameters := make([]parameter, 0, n)
	for pair := range strings.SplitSeq(raw, "&") {
		if pair == "" {
			continue
		}
		rawName, rawValue, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(rawName)
		if err != nil {
			return nil, refused(FromQuery, rawName, "expected two hexadecimal digits after each %% of the name")
		}
		value, err := url.QueryUnescape(rawValue)
		if err != nil {
			value = rawValue
		}
		if err != nil && !isCursorParameter(name) { // a parameter with a cursor may bind to nothing
			return nil, parameter{name: name, value: value}.refuseMalformed()
		}
		parameters = append(parameters, parameter{name, value, err != nil})
	}
	return parameters, nil
}

func (p parameter) refuseMalformed() *Error {
	return mismatch(FromQuery, p.name, "two hexadecimal digits after each %", p.value)
}

// bindQuery gives fields the values of the parameters that name them.
func (r *binding) bindQuery() error {
	given := map[string]struct{}{} // singular fields that have a value, by name
	for _, p := range r.parameters {
		if r.hasCursor && isCursorParameter(p.name) {
			continue
		}
		f, err := r.target(p)
		if err != nil {
			return err
		}
		if f == nil {
			continue
		}
		if p.malformed {
			return p.refuseMalformed()
		}
		if _, twice := given[f.name]; twice {
			return refused(FromQuery, p.name, "expected one value, found several: %s is no repeated field", f.name)
		}
		if !f.leaf().IsList() {
			given[f.name] = struct{}{}
		}
		if err := r.checkOneofs(p, *f); err != nil {
			return err
		}
		v, ok := f.parse(p.value, r.types)
		if !ok {
			return mismatch(FromQuery, p.name, expected(f.leaf()), p.value)
		}
		f.put(r.message, v)
	}
	return nil
}

// target returns the field that a parameter binds to, or nil for a parameter that is ignored. A parameter whose name begins with a
// field that parameters bind is never ignored, since that field was meant.
func (r *binding) target(p parameter) (*field, error) {
	f, err := resolveParameter(r.message.Descriptor(), p.name)
	_, referenced := r.referenced[p.name]
	ignored := referenced || isCursorParameter(p.name)
	if clash := r.clash(f, err); clash != "" {
		if ignored { // as in `topic: ${query.topic:-news}`
			return nil, nil
		}
		return nil, refused(FromQuery, p.name, "%s", clash)
	}
	binds := len(f.path) > 0 && r.takes(f)
	switch {
	case err == nil && binds && !r.takesWholeBody():
		return &f, nil
	case ignored:
		return nil, nil
	case err == nil && binds:
		return nil, refused(FromQuery, p.name, "the body gives the whole message, and no parameter binds to a field of it")
	case err != nil && (binds || r.rejectUnknown):
		return nil, refused(FromQuery, p.name, "%s", err.reason)
	case r.rejectUnknown:
		return nil, refused(FromQuery, p.name, "this parameter is not taken here")
	}
	return nil, nil
}

// takes reports whether parameters bind f, or a field around it.
func (b *Binder) takes(f field) bool {
	return b.queryAll || slices.ContainsFunc(b.query, f.isIn)
}

// clash returns the reason why a parameter must not bind the field that its name leads to, or "" where it may. For a name that leads
// to no field, f is the field that the beginning of the name leads to. There is a clash if f is bound, or stands in a field that is.
func (r *binding) clash(f field, err *fieldError) string {
	bound := r.bound
	if r.in.HasBody {
		bound = r.bodyBound
	}
	for _, other := range bound {
		if err != nil && err.unknown && !f.isIn(other.field) {
			continue
		}
		if clash := other.clash(f); clash != "" {
			return clash
		}
	}
	return ""
}

// checkOneofs sees that no other member of a oneof that the parameter sets, or reaches into, is set already.
func (r *binding) checkOneofs(p parameter, f field) error {
	var m protoreflect.Message = r.message
	for _, fd := range f.path {
		if oneof := fd.ContainingOneof(); oneof != nil {
			if set := m.WhichOneof(oneof); set != nil && set.Number() != fd.Number() {
				return refused(FromQuery, p.name, "%s is set already, and of the oneof %s only one member can be", set.Name(), oneof.Name())
			}
		}
		if !m.Has(fd) || fd.Message() == nil || fd.IsList() {
			return nil
		}
		m = m.Get(fd).Message()
	}
	return nil
}
