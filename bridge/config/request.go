package config

import (
	"slices"
	"strings"
)

const fieldPathText = "a field path such as `symbol` or `page.token`"

// request decodes how an HTTP request becomes the request message.
func (d *decoder) request(n *node, m *RequestMapping) {
	d.fields(n, "route.request", []field{
		{"query", func(n *node) { d.query(n, m) }},
		{"unknown_query", into(&m.RejectUnknownQuery, d.choice("ignore", "reject"))},
		{"set", func(n *node) { m.Set = d.settings(n) }},
		{"timeout", into(&m.Timeout, d.duration)},
	})
}

// query decodes which parameters bind: ["*"] for all, or a list of field paths.
func (d *decoder) query(n *node, m *RequestMapping) {
	if !d.isList(n, `["*"], [symbol, limit] or []`) {
		return
	}
	m.QueryAll, m.Query = false, []string{}
	listed := make(map[string]bool)
	for _, c := range n.children {
		if c.kind == scalar && c.text() == "*" {
			m.QueryAll = true
			if len(n.children) > 1 {
				d.problem(c, "", "`*` stands for every parameter: expected it alone, found it among others")
			}
			continue
		}
		name, ok := d.fieldPath(c)
		switch {
		case !ok:
		case listed[name]:
			d.problem(c, "", "the query parameter %s is listed twice", c.shown())
		default:
			m.Query, listed[name] = append(m.Query, name), true
		}
	}
	if m.QueryAll {
		m.Query = nil
	}
}

// settings decodes fixed values and references, and sorts them by field path.
func (d *decoder) settings(n *node) []Setting {
	if !d.isMapping(n) {
		return nil
	}
	var settings []Setting
	for _, c := range n.children {
		if !isFieldPath(c.name) {
			d.add(c.key.problem(c.path, "expected "+fieldPathText+" as key, found "+quote(c.name), ""))
			continue
		}
		s := Setting{Field: c.name}
		var ok bool
		if c.kind == list {
			s.List, ok = listOf(d, "", d.setValue)(c)
		} else {
			s.Value, ok = d.setValue(c)
		}
		if ok {
			settings = append(settings, s)
		}
	}
	slices.SortFunc(settings, func(a, b Setting) int { return strings.Compare(a.Field, b.Field) })
	return settings
}

// setValue reads a value for one field, or for one element of a repeated one.
func (d *decoder) setValue(n *node) (Template, bool) {
	if n.kind != scalar {
		d.expected(n, "text, a number, true, false, a reference such as ${last_event_id}, or a list of such", "")
		return nil, false
	}
	for _, part := range n.value {
		if part.Ref != "" && referenceNotYet(part.Ref) {
			d.problem(n, "", "not supported yet: of the references to a request only ${%s} can be used for now, found ${%s}", lastEventID, part.Ref)
			return nil, false
		}
	}
	return n.value, true
}
