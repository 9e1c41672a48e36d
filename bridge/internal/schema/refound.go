package schema

import (
	"maps"
	"slices"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// changes looks up again the types that were looked up for the snapshot before, which has the same files. It reports whether
// the server defines one of them differently now; the hash of s then differs too. A type that the server does not know now
// counts as unchanged: another server behind the same address may know the type, and the known definition is better than none.
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

// findings returns the types that were found, in the order of their names.
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
		default: // a look-up is under way
		}
	}
	return out
}

// formOf returns a hash of the file of a type and its imports. Different definitions of the type have different hashes.
func formOf(d protoreflect.Descriptor) string {
	form, err := fingerprint(importsOf([]protoreflect.FileDescriptor{d.ParentFile()}), nil, nil)
	if err != nil {
		return err.Error() // the text serves as well as a hash
	}
	return form
}
