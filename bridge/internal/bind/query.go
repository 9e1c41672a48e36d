package bind

import (
	"net/url"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// MaxParameters is how many query parameters a request may have.
const MaxParameters = 1000

// parameter is one query parameter, decoded.
type parameter struct {
	name, value string
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
		switch {
		case err != nil && name == CursorParameter: // the caller has found it wrong already
			continue
		case err != nil:
			return nil, mismatch(FromQuery, name, "two hexadecimal digits after each %", rawValue)
		}
		parameters = append(parameters, parameter{name, value})
	}
	return parameters, nil
}

// bindQuery gives fields what parameters of their name hold.
func (r *binding) bindQuery() error {
	given := map[string]struct{}{} // singular fields that have a value, by name
	for _, p := range r.parameters {
		if p.name == CursorParameter {
			continue
		}
		f, err := r.target(p)
		if err != nil {
			return err
		}
		if f == nil {
			continue
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

// target returns the field that a parameter binds to, nil for one that binds to nothing and is ignored.
func (r *binding) target(p parameter) (*field, error) {
	f, err := resolve(r.message.Descriptor(), p.name)
	_, referenced := r.referenced[p.name]
	if clash := r.clash(f, err); clash != "" {
		if referenced { // as in `topic: ${query.topic:-news}`
			return nil, nil
		}
		return nil, refused(FromQuery, p.name, "%s", clash)
	}
	_, listed := r.query[f.name]
	binds := err == nil && (r.queryAll || listed)
	switch {
	case binds && !r.takesWholeBody():
		return &f, nil
	case referenced:
		return nil, nil
	case binds:
		return nil, refused(FromQuery, p.name, "the body gives the whole message, and no parameter binds to a field of it")
	case err != nil && (r.rejectUnknown || r.queryAll && !err.unknown):
		return nil, refused(FromQuery, p.name, "%s", err.reason)
	case r.rejectUnknown:
		return nil, refused(FromQuery, p.name, "this parameter is not taken here")
	}
	return nil, nil
}

// clash says why a parameter must not bind the field that its name leads to, "" where it may. Of a name that leads to no
// field, err being unknown, f is what could be found: it counts where that is bound, or is in something that is.
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
