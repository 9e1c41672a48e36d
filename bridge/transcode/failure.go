package transcode

import (
	"errors"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// errDuplicate says that the message has to be merged: a field came twice, or a list in two parts, or the like. The JSON
// already written cannot be taken back, so the message is rewritten and read again. errDuplicate never leaves this package.
var errDuplicate = errors.New("field occurs more than once")

// failure says why a walk stopped. On the way out of nested messages, each level adds its part to path and offset.
type failure struct {
	kind   error
	path   string
	offset int
	detail string
}

// fail notes why the walk failed, and returns nil, the output of a failed walk. A failure of the budget is not replaced.
func (w *walk) fail(kind error, offset int) []byte {
	return w.failDetail(kind, offset, "")
}

func (w *walk) failDetail(kind error, offset int, detail string) []byte {
	if !w.spent {
		w.failure = failure{kind: kind, offset: offset, detail: detail}
	}
	return nil
}

// inside adds to the failure that it lies in a field.
func (w *walk) inside(f *field) []byte {
	if w.failure.kind == errDuplicate || w.spent {
		return nil
	}
	return w.within(f.desc)
}

func (w *walk) within(fd protoreflect.FieldDescriptor) []byte {
	name := fd.TextName()
	if w.failure.path != "" {
		name += "." + w.failure.path
	}
	w.failure.path = name
	return nil
}

// err returns the failure as an Error.
func (w *walk) err() *Error {
	f := &w.failure
	if w.spent {
		f.offset, f.path = -1, ""
	}
	return &Error{Kind: f.kind, Message: w.t.md.FullName(), Path: f.path, Offset: f.offset, Detail: f.detail}
}
