package config

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Validate returns what is wrong with a route that was made or changed in Go, and as warnings what is likely to surprise:
// the same problems that a file would have, as far as no schema is needed to find them. A route without Service and Method
// is in order here, since it may have a source of its own.
func (r *Route) Validate() Problems {
	var c collector
	s := sections{decoder: &decoder{collector: &c}, byName: map[string]*Upstream{}}
	w := treeWriter{&c}
	s.allRoutes = []*mappedRoute{s.mapRoute(w.route(r))}
	s.checkResuming()
	s.checkSharedIDs()
	s.checkCursors()
	s.checkSharedCallers()
	out := make(Problems, len(c.problems))
	for i, p := range c.problems {
		out[i] = r.Problem(p.Path, p.Message, p.Hint)
		out[i].Warning = p.Warning
	}
	return out
}

// treeWriter turns a route back into the tree of a file, so that both are held to the same rules.
type treeWriter struct{ *collector }

func (w treeWriter) route(r *Route) *node {
	root := &node{kind: mapping, pos: nowhere()}
	root.set("path", textNode(r.Path))
	root.setWord("name", r.Name)
	root.setWord("upstream", r.Upstream)
	rpc := "any.Service/Method"
	if r.Service != "" || r.Method != "" {
		rpc = r.Service + "/" + r.Method
	}
	root.set("rpc", textNode(rpc))
	root.set("methods", listNode(r.Methods))
	root.setWord("body", r.Body)
	w.request(root.section("request"), r.Request)
	w.metadata(root.section("metadata"), r.Metadata)
	w.event(root.section("event"), r.Event)
	if r.Share != nil {
		w.share(root.section("share"), r.Share)
	}
	root.set("on_end", textNode(r.OnEnd))
	if r.Reopen != defaultRoute().Reopen { // said where nothing was asked for, it would be warned of
		reopen := root.section("reopen")
		reopen.set("max_attempts", countNode(r.Reopen.MaxAttempts))
		backoff := reopen.section("backoff")
		backoff.set("base", textNode(r.Reopen.Base.String()))
		backoff.set("max", textNode(r.Reopen.Max.String()))
	}
	status := root.section("status")
	for _, code := range slices.Sorted(maps.Keys(r.Status)) {
		status.set(code, textNode(string(r.Status[code])))
	}
	root.set("open_errors", textNode(r.OpenErrors))
	root.set("open_wait", textNode(r.OpenWait.String()))
	root.set("heartbeat", textNode(r.Heartbeat.String()))
	root.set("write_timeout", textNode(r.WriteTimeout.String()))
	root.set("send_buffer", textNode(r.SendBuffer.String()))
	root.set("max_age", durationNode(r.MaxAge))
	root.set("max_event_bytes", textNode(r.MaxEventBytes.String()))
	if r.CORS != nil {
		cors := root.section("cors")
		cors.set("origins", listNode(r.CORS.Origins))
		cors.set("credentials", textNode(strconv.FormatBool(r.CORS.Credentials)))
		cors.set("headers", listNode(r.CORS.Headers))
	}
	return root
}

func (w treeWriter) request(n *node, m RequestMapping) {
	query := m.Query
	if m.QueryAll {
		query = append([]string{"*"}, query...)
	}
	n.set("query", listNode(query))
	set := n.section("set")
	for _, s := range m.Set {
		set.set(s.Field, w.setting(keyPath(set.path, s.Field), s, 0))
	}
	n.set("timeout", durationNode(m.Timeout))
}

func (w treeWriter) metadata(n *node, m MetadataMapping) {
	n.set("forward", listNode(m.Forward))
	set := n.section("set")
	for _, s := range m.Set {
		if _, isFile := metadataKey(&node{name: s.Name}); isFile {
			continue // in a file, the key of a file with the value
		}
		if set.child(s.Name) != nil {
			w.add(nowhere().problem(joinPath(set.path, s.Name), "the metadata "+quote(s.Name)+" is set twice: keep one of the two", ""))
			continue
		}
		set.set(s.Name, w.template(keyPath(set.path, s.Name), s.Value))
	}
	n.set("expose", listNode(m.Expose))
}

func (w treeWriter) event(n *node, e EventMapping) {
	n.setWord("id", e.ID)
	n.setWord("name", e.Name)
	n.setWord("data", e.Data)
	n.set("retry", textNode(e.Retry.String()))
	switch {
	case e.NameConst == "":
	case e.Name == "":
		n.section("name").set("const", textNode(e.NameConst))
	default:
		w.add(nowhere().problem(joinPath(n.path, "name"), "expected a field path or a constant, found both: keep one of the two", ""))
	}
}

func (w treeWriter) share(n *node, s *Share) {
	w.lateJoin(n, s.LateJoin)
	replay := n.section("replay")
	replay.set("events", textNode(strconv.Itoa(s.Replay.Events)))
	replay.set("bytes", textNode(s.Replay.Bytes.String()))
	replay.set("age", textNode(s.Replay.Age.String()))
	n.set("slow_client", textNode(s.SlowClient))
	n.set("linger", textNode(s.Linger.String()))
	n.set("reopen_after", durationNode(s.ReopenAfter))
}

// lateJoin writes a mode out as the file gives it: a word, or a mapping.
func (w treeWriter) lateJoin(share *node, late LateJoin) {
	mapped := late.Mode == "latest_by" || late.Mode == "since"
	if !mapped {
		share.setWord("late_join", late.Mode)
		if late.Field != "" || late.Keys != 0 {
			w.add(nowhere().problem(joinPath(share.path, "late_join"),
				"a field and a number of keys are for `latest_by`, a field for `since`: expected neither with "+quote(late.Mode), ""))
		}
		return
	}
	n := share.section("late_join")
	n.set(late.Mode, textNode(late.Field))
	if late.Mode == "latest_by" || late.Keys != 0 {
		n.set("keys", textNode(strconv.Itoa(late.Keys)))
	}
}

// template writes out a template, and reads its references as those of a file.
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

// nowhere is the place of what stands in no file.
func nowhere() position { return position{file: &sourceFile{}, column: 1} }

func textNode(text string) *node {
	return &node{kind: scalar, pos: nowhere(), raw: text, value: Literal(text)}
}

// durationNode writes out a duration, or `off`, which is 0 in Go.
func durationNode(value time.Duration) *node {
	if value == 0 {
		return textNode(off)
	}
	return textNode(value.String())
}

// countNode writes out a number, or `unlimited`, which is 0 in Go.
func countNode(value int) *node {
	if value == 0 {
		return textNode(unlimited)
	}
	return textNode(strconv.Itoa(value))
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
