package config

import (
	"slices"
	"strings"
)

// requestKeys say how an HTTP request becomes the request message.
func (d *decoder) requestKeys(m *RequestMapping) []field {
	query := custom("query", "The query parameters that bind to request fields: [\"*\"] for all, a list of field paths, or [] for none.", allOrForm(matching(fieldPathPattern)),
		func(n *node) { d.query(n, m) },
		func(_ treeWriter, around *node) {
			names := m.Query
			if m.QueryAll {
				names = append([]string{"*"}, names...)
			}
			around.set("query", listNode(names))
		})
	query.example = "[symbol, limit]"
	set := custom("set", "Fixed values and references, by field path, which no browser may change.", settingsForm,
		func(n *node) { m.Set = d.settings(n) },
		func(w treeWriter, around *node) { w.settings(around.section("set"), m.Set) })
	set.example = `{venue: XNAS, after_sequence: "${last_event_id}"}`
	return []field{
		query,
		key("unknown_query", "What becomes of a parameter that names no field.", &m.RejectUnknownQuery, d.either("ignore", "reject")),
		set,
		key("timeout", "The deadline of the gRPC stream.", &m.Timeout, d.timeOrOff()),
	}
}

// methods are the HTTP methods that a route may answer.
func methods() []string { return []string{"GET", "POST"} }

// methods reads which HTTP methods a path answers, and sorts them.
func (d *decoder) methods(n *node) ([]string, bool) {
	words, ok := notEmpty(d, "at least one method", d.eachOnce("method", listOf(d, "[GET]", oneOf(d, methods()))))(n)
	slices.Sort(words)
	return words, ok
}

// body reads where a JSON body goes: "*", a field path, or "", which takes back the body of `defaults`.
func (d *decoder) body(n *node) (string, bool) {
	return d.textThat("`*` for the whole message, or a field path", func(text string) bool {
		return text == "*" || text == "" || isFieldName(text) && !strings.Contains(text, "[")
	})(n)
}

// checkBody refuses a body on a route that does not answer POST.
func (d *decoder) checkBody(r *mappedRoute) {
	if r.Body != "" && !slices.Contains(r.Methods, "POST") {
		d.problem(r.node.child("body"), "write `methods: [POST]`, or `methods: [GET, POST]`",
			"only a POST has a body, and this route takes none")
	}
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
		name, ok := d.fieldName(c)
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

// fieldName reads the path of a request field.
func (d *decoder) fieldName(n *node) (string, bool) {
	return d.textThat(fieldPathText, isFieldName)(n)
}
