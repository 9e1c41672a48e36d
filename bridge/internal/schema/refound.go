package schema

import (
	"maps"
	"slices"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// changes asks again for the types that were looked up for a snapshot of the same files, and reports whether one of them has
// another form now. The hash of s tells that then. A type of which the server says nothing now, or that it does not know any
// more, has not changed: there may be others behind the same address, and the form that is known is better than none.
func (s *Snapshot) changes(before *Snapshot) bool {
	if s.finder == nil || before.finder == nil {
		return false
	}
	changed := false
	var forms [][]byte
	for _, old := range before.finder.findings() {
		found := old.again(s.finder)
		if found == nil {
			continue
		}
		form := formOf(found)
		changed = changed || form != formOf(old.found)
		forms = append(forms, []byte(form))
	}
	if changed {
		s.found = "+" + digest(forms)
	}
	return changed
}

// findings are the types that were found, in the order of their names.
func (f *finder) findings() []*finding {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []*finding
	for _, key := range slices.Sorted(maps.Keys(f.known)) {
		select {
		case <-f.known[key].done:
			if f.known[key].found != nil {
				out = append(out, f.known[key])
			}
		default: // being asked for
		}
	}
	return out
}

// formOf tells the forms of one type apart, by its file and by what that imports.
func formOf(d protoreflect.Descriptor) string {
	form, err := fingerprint(importsOf([]protoreflect.FileDescriptor{d.ParentFile()}), nil, nil)
	if err != nil {
		return err.Error() // as good as any other form
	}
	return form
}
