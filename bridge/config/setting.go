package config

import (
	"encoding/json"
	"slices"
	"strings"
)

const (
	fieldPathText = "a field path such as `symbol` or `page.token`"
	settingText   = "text, a number, true, false, a reference such as ${last_event_id}, a list or a mapping"
)

// maxSettingDepth is how deep lists and mappings nest in a setting.
const maxSettingDepth = 32

// settings decodes fixed values and references, and sorts them by field path.
func (d *decoder) settings(n *node) []Setting {
	if !d.isMapping(n, "route.request.set") {
		return nil
	}
	var settings []Setting
	for _, c := range n.children {
		if !isFieldName(c.name) {
			d.add(c.key.problem(c.path, "expected "+fieldPathText+" as key, found "+quote(c.name), ""))
			continue
		}
		d.warnOfPlainCallers(c, c.name)
		if c.kind == null {
			d.expected(c, settingText, "")
			continue
		}
		if s, ok := d.setting(c, 0); ok {
			settings = append(settings, s)
		}
	}
	sortSettings(settings)
	return settings
}

func sortSettings(settings []Setting) {
	slices.SortStableFunc(settings, func(a, b Setting) int { return strings.Compare(a.Field, b.Field) })
}

// setting reads the value of a field, an element of a list, or a member of a mapping. Whether the value fits the field is checked
// against a schema later. It goes on after a problem, to find all of them.
func (d *decoder) setting(n *node, depth int) (Setting, bool) {
	if depth > maxSettingDepth {
		d.problem(n, "", "expected lists and mappings nested at most %d deep", maxSettingDepth)
		return Setting{}, false
	}
	s := Setting{Field: n.name}
	switch n.kind {
	case scalar:
		s.Value = n.value
		_, refers := n.firstReference()
		s.Bare = !n.quoted && !refers && isJSONWord(n.text())
		return s, true
	case null:
		s.Value, s.Bare = Literal("null"), true
		return s, true
	case list, mapping:
		return d.nested(n, s, depth)
	}
	return s, false
}

// nested reads a list or a mapping into s.
func (d *decoder) nested(n *node, s Setting, depth int) (Setting, bool) {
	ok := true
	inner := make([]Setting, 0, len(n.children))
	for _, c := range n.children {
		value, fine := d.setting(c, depth+1)
		inner, ok = append(inner, value), ok && fine
	}
	if n.kind == list {
		s.List = inner
		return s, ok
	}
	sortSettings(inner)
	s.Members = inner
	return s, ok
}

// isFieldName reports whether text can be the path of a request field, in names of the .proto file or in JSON names. A JSON name need
// not be an identifier. Text with blanks or slashes is taken for a slip: a field with such a JSON name has its name in the .proto
// file too.
func isFieldName(text string) bool {
	if text == "" || strings.ContainsAny(text, " \t\r\n/{}\"`\\") {
		return false
	}
	return !slices.Contains(strings.Split(text, "."), "")
}

// isJSONWord reports whether text is a number, true or false in JSON. In a file, null has a kind of its own.
func isJSONWord(text string) bool {
	return text != "" && text != "null" && !strings.ContainsAny(text, "\"[{ \t\r\n") && json.Valid([]byte(text))
}
