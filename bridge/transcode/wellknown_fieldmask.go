package transcode

import (
	"fmt"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// fieldMask appends a google.protobuf.FieldMask: its paths in lowerCamelCase, joined by commas. A path is refused where its
// JSON could not be turned back into it.
func (w *walk) fieldMask(b, wire []byte) []byte {
	const tag = 1<<3 | 2
	b = append(b, '"')
	empty := len(b)
	for i := 0; i < len(wire); {
		at := i
		t, next := nextTag(wire, i)
		if next < 0 {
			return w.fail(ErrMalformed, at)
		}
		if i = w.skip(wire, next, t, at); i < 0 {
			return nil
		}
		if t != tag {
			continue
		}
		n, next := length(wire, next)
		path := wire[next : next+n]
		if !reversible(path) {
			// A path with invalid UTF-8 is refused here too.
			return w.failDetail(ErrUnrepresentable, at, fmt.Sprintf("field mask path %q has no JSON form", path))
		}
		if cap(b)-len(b) < len(path)+24 {
			if b = w.grow(b, len(path)+24); b == nil {
				return nil
			}
		}
		if len(b) > empty {
			b = append(b, ',')
		}
		b = appendCamelCase(b, path)
	}
	return append(b, '"')
}

// reversible reports whether a path consists of valid names that are the same after a conversion to lowerCamelCase and back.
// Such names have no capitals, and each underscore stands before a small letter.
func reversible(path []byte) bool {
	for i, c := range path {
		switch {
		case 'A' <= c && c <= 'Z':
			return false
		case c == '_' && (i+1 == len(path) || path[i+1] < 'a' || path[i+1] > 'z'):
			return false
		}
	}
	return protoreflect.FullName(path).IsValid()
}

func appendCamelCase(b, path []byte) []byte {
	for i, c := range path {
		switch {
		case c == '_':
		case i > 0 && path[i-1] == '_':
			b = append(b, c-'a'+'A')
		default:
			b = append(b, c)
		}
	}
	return b
}
