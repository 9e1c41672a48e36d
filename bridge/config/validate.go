package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Validate returns the problems and warnings of a route that was made or changed in Go: the same that the route would have in a
// file, as far as no schema is needed to find them. A route without Service and Method has no problem here, since its stream may
// come from Go code.
func (r *Route) Validate() Problems {
	var c collector
	s := sections{decoder: &decoder{collector: &c}, byName: map[string]*Upstream{}}
	w := treeWriter{collector: &c}
	s.allRoutes = []*mappedRoute{s.mapRoute(w.route(r))}
	s.checkPurposes()
	return c.placed(r.source)
}

// placed returns the problems of a tree without positions, with those of the file that the tree stands for.
func (c *collector) placed(at source) Problems {
	out := make(Problems, len(c.problems))
	for i, p := range c.problems {
		out[i] = at.problem(p.Path, p.Message, p.Hint)
		out[i].Warning = p.Warning
	}
	return out
}

// treeWriter turns Go structs back into the tree of a file, so that both are held to the same rules.
type treeWriter struct {
	*collector

	// shows is true for a tree that is shown to an operator, with all defaults and with masks.
	shows bool
}

func (w treeWriter) route(r *Route) *node {
	root := &node{kind: mapping, pos: nowhere()}
	d := &decoder{collector: w.collector}
	w.fields(root, d.routeKeys(&mappedRoute{Route: r}))
	return root
}

// fields writes the values of a section's keys.
func (w treeWriter) fields(section *node, known []field) {
	for _, f := range known {
		f.write(w, section)
	}
}

func (w treeWriter) rpc(around *node, r *Route) {
	rpc := "any.Service/Method"
	if r.Service != "" || r.Method != "" {
		rpc = r.Service + "/" + r.Method
	}
	around.set("rpc", textNode(rpc))
}

// reopen leaves out the defaults. Written out, they would count as a wish for reopening, and a route that can't have it would get a
// warning.
func (w treeWriter) reopen(around *node, r Reopen) {
	if w.shows || r != defaultRoute().Reopen {
		d := &decoder{collector: w.collector}
		w.fields(around.section("reopen"), d.reopenKeys(&r))
	}
}

// share leaves out the default of `catch_up`. Written out, it would count as a wish for catching up, and a route that can't have it
// would get a warning.
func (w treeWriter) share(around *node, s *Share) {
	if s == nil {
		return
	}
	d := &decoder{collector: w.collector}
	w.fields(around.section("share"), slices.DeleteFunc(d.shareKeys(s), func(f field) bool {
		return f.key == "catch_up" && s.CatchUp == defaultCatchUp && !w.shows
	}))
}

func (w treeWriter) settings(set *node, settings []Setting) {
	for _, s := range settings {
		set.set(s.Field, w.setting(keyPath(set.path, s.Field), s, 0))
	}
}

func (w treeWriter) metadataSettings(metadata *node, settings []MetadataSetting) {
	if w.shows {
		names := make([]string, 0, len(settings))
		for _, s := range settings {
			names = append(names, s.Name)
		}
		w.masked(metadata, "set", names)
		return
	}
	set := metadata.section("set")
	for _, s := range settings {
		if _, isFile := metadataKey(&node{name: s.Name}); isFile {
			continue // in a file, such a key names a file with the value
		}
		if set.child(s.Name) != nil {
			w.add(nowhere().problem(joinPath(set.path, s.Name), "the metadata "+quote(s.Name)+" is set twice: keep one of the two", ""))
			continue
		}
		set.set(s.Name, w.template(keyPath(set.path, s.Name), s.Value))
	}
}

// eventName writes a field path or a constant.
func (w treeWriter) eventName(event *node, e EventMapping) {
	event.setWord("name", e.Name)
	switch {
	case e.NameConst == "":
	case e.Name == "":
		event.section("name").set("const", textNode(e.NameConst))
	default:
		w.add(nowhere().problem(joinPath(event.path, "name"), "expected a field path or a constant, found both: keep one of the two", ""))
	}
}

// lateJoin writes a mode in the form of a file: a word, or a mapping.
func (w treeWriter) lateJoin(share *node, late LateJoin) {
	if !late.Mode.needsField() {
		share.setWord("late_join", string(late.Mode))
		if late.Field != "" || late.Keys != 0 {
			w.add(nowhere().problem(joinPath(share.path, "late_join"),
				"a field and a number of keys are for `latest_by`, a field for `since`: expected neither with "+quote(string(late.Mode)), ""))
		}
		return
	}
	n := share.section("late_join")
	n.set(string(late.Mode), textNode(late.Field))
	if late.Mode == LateJoinLatestBy || late.Keys != 0 {
		n.set("keys", textNode(strconv.Itoa(late.Keys)))
	}
}

// pace writes a pace in the form of a file: `off`, or a mapping of the keys.
func (w treeWriter) pace(share *node, p Pace, keys []field) {
	if p == (Pace{}) {
		share.setWord("pace", off)
		return
	}
	w.fields(share.section("pace"), keys)
}

// template writes a template, and reports references that a file could not have.
func (w treeWriter) template(path string, t Template) *node {
	n := textNode("")
	n.value = t.joined()
	for _, part := range n.value {
		if part.Ref == "" {
			n.raw += part.Text
			continue
		}
		inside := part.Ref
		if part.HasDefault {
			inside += ":-" + part.Default
		}
		n.raw += "${" + inside + "}"
		_, err := parseReference(inside)
		if err == nil && strings.HasPrefix(part.Ref, "env.") {
			err = &referenceError{message: "${" + part.Ref + "} is filled in when a file is read: expected the value of the variable itself"}
		}
		if err != nil {
			n.kind = broken
			w.add(nowhere().problem(path, err.message, err.hint))
		}
	}
	return n
}

// nowhere is the position of a value that stands in no file.
func nowhere() position { return position{file: &sourceFile{}, column: 1} }

func textNode(text string) *node {
	return &node{kind: scalar, pos: nowhere(), raw: text, value: Literal(text)}
}

// durationNode writes a duration, or `off` for 0.
func durationNode(value time.Duration) *node {
	if value == 0 {
		return textNode(off)
	}
	return textNode(durationText(value))
}

// durationText returns a duration in the form of a file: 5m, where Go writes 5m0s.
func durationText(value time.Duration) string {
	text := value.String()
	if short, ok := strings.CutSuffix(text, "m0s"); ok {
		text = short + "m"
	}
	if short, ok := strings.CutSuffix(text, "h0m"); ok {
		text = short + "h"
	}
	return text
}

func listNode(texts []string) *node {
	n := &node{kind: list, pos: nowhere()}
	for _, text := range texts {
		n.children = append(n.children, textNode(text))
	}
	return n
}

// set gives a mapping another entry.
func (n *node) set(key string, value *node) {
	value.name, value.key = key, nowhere()
	value.path = keyPath(n.path, key)
	for i, element := range value.children {
		if value.kind == list {
			element.path = fmt.Sprintf("%s[%d]", value.path, i)
		}
	}
	n.children = append(n.children, value)
}

// setWord is set for a text that is left out where it is empty.
func (n *node) setWord(key, text string) {
	if text != "" {
		n.set(key, textNode(text))
	}
}

// section gives a mapping a mapping as an entry.
func (n *node) section(key string) *node {
	section := &node{kind: mapping, pos: nowhere()}
	n.set(key, section)
	return section
}
