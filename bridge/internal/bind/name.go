package bind

import (
	"fmt"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/grpcsse/grpcsse/bridge/internal/fieldname"
)

// lookUpKey returns the field that a key of a JSON object means, an extension's name in brackets among them, or nil.
func lookUpKey(md protoreflect.MessageDescriptor, key string, types Resolver) protoreflect.FieldDescriptor {
	if !strings.HasPrefix(key, "[") || !strings.HasSuffix(key, "]") {
		return fieldname.LookUp(md, key)
	}
	if types == nil {
		types = protoregistry.GlobalTypes
	}
	found, err := types.FindExtensionByName(protoreflect.FullName(key[1 : len(key)-1]))
	if err != nil {
		return nil
	}
	fd := found.TypeDescriptor()
	if fd.ContainingMessage().FullName() != md.FullName() || !md.ExtensionRanges().Has(fd.Number()) {
		return nil
	}
	return fd
}

// maxSeparators bounds how many dots and brackets of a name are tried as the end of a field's name, since a client chooses how many
// there are.
const maxSeparators = maxDepth

// cutName splits path behind its longest beginning that is the name of a field of md, since a JSON name may have dots and brackets in
// it. The rest begins with a dot or a bracket, or is empty.
func cutName(md protoreflect.MessageDescriptor, path string) (fd protoreflect.FieldDescriptor, rest string) {
	var ends [maxSeparators + 1]int
	n := 0
	for i := 0; i < len(path) && n < maxSeparators; i++ {
		if path[i] == '.' || path[i] == '[' {
			ends[n] = i
			n++
		}
	}
	ends[n] = len(path)
	for ; n >= 0; n-- {
		if fd := fieldname.LookUp(md, path[:ends[n]]); fd != nil {
			return fd, path[ends[n]:]
		}
	}
	return nil, path
}

// unbracket turns brackets behind the name of a field, as in name[inside]rest, into a path with dots.
func unbracket(rest string) string {
	inside, after, _ := strings.Cut(rest[1:], "]")
	return inside + after
}

// refuseBrackets returns the error for brackets behind the name of f, which takes no such brackets.
func (f field) refuseBrackets() *fieldError {
	if f.leaf().IsList() {
		return &fieldError{reason: fmt.Sprintf("%s is a repeated field: expected %[1]s or %[1]s[] once for each element, without a position", f.name)}
	}
	return &fieldError{reason: fmt.Sprintf("%s is no repeated field: expected dots between the names of fields, found brackets", f.name)}
}
