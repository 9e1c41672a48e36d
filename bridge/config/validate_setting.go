package config

import (
	"fmt"
	"slices"
)

// setting writes the value of a field. It stops one level deeper than a file may nest, so that reading reports the nesting.
func (w treeWriter) setting(path string, s Setting, depth int) *node {
	n := &node{pos: nowhere(), path: path}
	forms := 0
	for _, given := range []bool{len(s.Value) > 0, s.List != nil, s.Members != nil} {
		if given {
			forms++
		}
	}
	switch {
	case forms > 1:
		w.add(nowhere().problem(path, "expected one of a value, a list and a mapping, found several: keep one of them", ""))
	case s.Bare && slices.Equal(s.Value, Literal("null")):
		n.kind = null
	case s.List == nil && s.Members == nil:
		n = w.template(path, s.Value)
		n.quoted = !s.Bare
	case depth > maxSettingDepth:
		n.kind = list
	case s.List != nil:
		n.kind = list
		for i, element := range s.List {
			n.children = append(n.children, w.setting(fmt.Sprintf("%s[%d]", path, i), element, depth+1))
		}
	default:
		w.members(n, s.Members, depth)
	}
	return n
}

func (w treeWriter) members(n *node, members []Setting, depth int) {
	n.kind = mapping
	for _, member := range members {
		path := keyPath(n.path, member.Field)
		if n.child(member.Field) != nil {
			w.add(nowhere().problem(path, quote(member.Field)+" is set twice: keep one of the two", ""))
			continue
		}
		n.set(member.Field, w.setting(path, member, depth+1))
	}
}
