package bind

import (
	"google.golang.org/protobuf/reflect/protoreflect"
)

const (
	// maxTargets bounds how many query parameters are listed: a message may have any number of fields in messages inside it.
	maxTargets = 500
	// maxTargetDepth bounds how many names with dots between them a listed parameter has.
	maxTargetDepth = 6
)

// Target is a field of the request message, and the part of a request that gives the field its value.
type Target struct {
	// From is FromPath, FromQuery or FromBody.
	From Source
	// Name is the name of the variable or the parameter, in the names of the .proto file where such a name leads to the field. It is
	// "" for a body.
	Name string
	// Path leads from the request message to the field. It is empty for a body that gives the whole message.
	Path []protoreflect.FieldDescriptor
}

// Targets returns the fields that a request can set: those of path variables, then of query parameters, then of the body. A
// message that contains itself has parameters for its own fields, and not for those of the messages of its type inside it. There
// are at most 500 parameters in the list, although others bind too. withBody says that every request has a body.
func (b *Binder) Targets(withBody bool) (targets []Target) {
	for _, v := range b.variables {
		if v.field != nil {
			targets = append(targets, Target{From: FromPath, Name: v.name, Path: v.field.path})
		}
	}
	if whole := b.body != nil && len(b.body.path) == 0; !withBody || !whole {
		l := lister{binder: b, bound: b.bound}
		if withBody {
			l.bound = b.bodyBound
		}
		l.message(field{}, b.literals.Descriptor())
		targets = append(targets, l.found...)
	}
	if b.body != nil {
		targets = append(targets, Target{From: FromBody, Path: b.body.path})
	}
	return targets
}

// lister collects the fields that query parameters bind.
type lister struct {
	binder *Binder
	bound  []boundField
	around []protoreflect.FullName // the messages around the one that is listed, and that one
	found  []Target
}

// message lists the fields of a message that is the value of f, or is the request message where f has no names.
func (l *lister) message(f field, md protoreflect.MessageDescriptor) {
	for _, name := range l.around {
		if name == md.FullName() {
			return
		}
	}
	l.around = append(l.around, md.FullName())
	for i := range md.Fields().Len() {
		l.field(f.child(md.Fields().Get(i)))
	}
	l.around = l.around[:len(l.around)-1]
}

// field lists a field, or the fields inside it.
func (l *lister) field(f field) {
	if len(l.found) == maxTargets || len(f.path) > maxTargetDepth {
		return
	}
	if f.refuseLeaf() == nil {
		name, ok := l.nameFor(f)
		if ok && l.binder.takes(f) && !l.clashes(f) {
			l.found = append(l.found, Target{From: FromQuery, Name: name, Path: f.path})
		}
		return
	}
	if fd := f.leaf(); fd.Message() != nil && !fd.IsMap() && !fd.IsList() && !isOpaque(fd.Message()) {
		l.message(f, fd.Message())
	}
}

func (l *lister) clashes(f field) bool {
	for _, other := range l.bound {
		if other.clash(f) != "" {
			return true
		}
	}
	return false
}

// nameFor returns the name of the parameter that binds to f. A field has none where its names mean another field, or the cursor.
func (l *lister) nameFor(f field) (string, bool) {
	inJSON := ""
	for i, fd := range f.path {
		if i > 0 {
			inJSON += "."
		}
		inJSON += fd.JSONName()
	}
	for _, name := range []string{f.name, inJSON} {
		found, err := resolveParameter(l.binder.literals.Descriptor(), name)
		if err == nil && len(found.path) == len(f.path) && found.isIn(f) && (!l.binder.hasCursor || !isCursorParameter(name)) {
			return name, true
		}
	}
	return "", false
}
