package draft

import (
	"fmt"
	"slices"
	"strings"

	"github.com/grpcsse/grpcsse/bridge"
	"github.com/grpcsse/grpcsse/bridge/describe"
)

// proposal is a line of the file that a user may switch on, with its reason.
type proposal struct{ indent, reason, key, value string }

const (
	ofRoute = "    "   // the indentation of a route's keys
	ofEvent = "      " // that of the keys in its event
)

// proposals returns what names and types suggest. No two proposals have the same key.
func (r *route) proposals() (out []proposal) {
	if r.event == nil {
		return nil
	}
	id := r.idField()
	if id != nil && r.cursor != nil && !holds(*r.cursor, id) {
		id = nil
	}
	name, why := r.nameField()
	var members []proposal
	switch {
	case id != nil && r.cursor != nil:
		members = append(members, proposal{reason: fmt.Sprintf("Resume: a page that comes back goes on behind its last event. Right if each "+
			"event has another %s, and if %s asks for the events behind that one. The lines %s and request belong together.",
			fieldName(id), r.cursor.Name, r.eventKey()), key: "id", value: word(fieldName(id))})
	case id != nil:
		members = append(members, proposal{reason: fmt.Sprintf("Ids: a page finds the %s of an event in lastEventId. Right if no two events have the same.",
			fieldName(id)), key: "id", value: word(fieldName(id))})
	}
	if name != "" {
		members = append(members, proposal{reason: why, key: "name", value: word(name)})
	}
	out = r.ofEvent(members)
	if id != nil && r.cursor != nil {
		out = append(out, proposal{ofRoute, "", "request", "{set: {" + word(r.cursor.Name) + `: "${last_event_id}"}}`})
	}
	if share, ok := r.share(); ok && !r.posts() {
		out = append(out, share)
	}
	return out
}

// eventKey returns the key of a proposal for ids.
func (r *route) eventKey() string {
	if r.data() != "" {
		return "id"
	}
	return "event"
}

// ofEvent returns proposals for keys of an event: one proposal, or one for each where the file has an event already.
func (r *route) ofEvent(members []proposal) []proposal {
	if len(members) == 0 {
		return nil
	}
	var reasons, values []string
	for i, m := range members {
		members[i].indent = ofEvent
		reasons, values = append(reasons, m.reason), append(values, m.key+": "+m.value)
	}
	if r.data() != "" {
		return members
	}
	return []proposal{{ofRoute, strings.Join(reasons, "\n"), "event", "{" + strings.Join(values, ", ") + "}"}}
}

// fieldName returns the name by which a configuration names a field of an event.
func fieldName(f *describe.Field) string { return string(f.Descriptor.Name()) }

// isFound reports whether a name in a configuration means this field: the JSON name of another field comes first.
func isFound(f *describe.Field) bool {
	first := f.Descriptor.ContainingMessage().Fields().ByJSONName(fieldName(f))
	return first == nil || first.Number() == f.Descriptor.Number()
}

// named reports whether the words of a name end in one of the phrases.
func named(name string, phrases ...string) bool {
	return slices.ContainsFunc(phrases, func(phrase string) bool { return name == phrase || strings.HasSuffix(name, "_"+phrase) })
}

// isKey reports whether a field tells things apart, by its name and type.
func isKey(name string, kind describe.Kind) bool {
	return isOrdinal(kind) && !isCursor(name) && named(name, "id", "name", "symbol", "key", "topic", "channel", "room", "uuid", "code", "slug")
}

// isOrdinal reports whether values of a kind can be ids.
func isOrdinal(kind describe.Kind) bool { return kind == describe.String || bitsOf(kind) > 0 }

// bitsOf returns the bits of an integer, 0 for other kinds.
func bitsOf(kind describe.Kind) int {
	switch kind {
	case describe.Int32, describe.Uint32:
		return 32
	case describe.Int64, describe.Uint64:
		return 64
	}
	return 0
}

// isCursor reports whether a field of a request asks for what follows an event, by its name.
func isCursor(name string) bool {
	for _, prefix := range []string{"after_", "since_", "resume_", "last_seen_", "start_after_", "starting_after_"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return slices.Contains([]string{
		"after", "since", "cursor", "last_event_id", "last_id", "last_seen", "last_sequence", "from_sequence", "from_offset", "from_revision",
		"from_version", "start_after", "starting_after", "offset", "continuation_token", "start_revision",
	}, name)
}

// cursorOf returns the first field that looks like a cursor.
func cursorOf(bindings []bridge.Binding) *bridge.Binding {
	for i, b := range bindings {
		if shape := leafShape(b); len(b.Path) == 1 && (isOrdinal(shape.Kind) || shape.Kind == describe.Bytes) && isCursor(string(b.Path[0].Name())) {
			return &bindings[i]
		}
	}
	return nil
}

// variableOf returns the field that the path should have: the first one that says which thing is meant, and is not optional.
func variableOf(bindings []bridge.Binding, cursor *bridge.Binding) *bridge.Binding {
	for i, b := range bindings {
		if len(b.Path) != 1 || cursor != nil && b.Name == cursor.Name || b.Path[0].HasPresence() || !isIdentifier(b.Name) {
			continue
		}
		if name := string(b.Path[0].Name()); isKey(name, leafShape(b).Kind) {
			return &bindings[i]
		}
	}
	return nil
}

func isIdentifier(name string) bool {
	return plainWord.MatchString(name) && !strings.ContainsAny(name, "/.-{")
}

func leafShape(b bridge.Binding) *describe.Shape {
	return describe.New(describe.Options{}).Field(b.Path[len(b.Path)-1])
}

// idField returns the field of an event that identifies the event.
func (r *route) idField() *describe.Field {
	for _, f := range r.event.Fields {
		if f.Oneof != nil || !isFound(f) || !isOrdinal(f.Shape.Kind) && f.Shape.Kind != describe.Bytes {
			continue
		}
		switch name := fieldName(f); {
		case named(name, "sequence", "sequence_number", "seq", "offset", "cursor", "revision", "resume_token", "event_id"):
			return f
		case name == "id" && (r.cursor != nil || strings.HasSuffix(string(r.event.Name), "Event")):
			return f
		}
	}
	return nil
}

// holds reports whether a field of the request can have any value of a field of an event.
func holds(cursor bridge.Binding, id *describe.Field) bool {
	to, from := leafShape(cursor).Kind, id.Shape.Kind
	return to == describe.String || to == describe.Bytes || bitsOf(from) > 0 && bitsOf(from) <= bitsOf(to)
}

// nameField returns the field or the oneof that says what kind of event an event is, and why.
func (r *route) nameField() (name, reason string) {
	const effect = "A page then listens with addEventListener, since onmessage gets no event that has a name."
	if name := r.oneofName(); name != "" {
		return name, fmt.Sprintf("Names: an event is called after the member of the oneof %s that is set. %s", name, effect)
	}
	for _, f := range r.event.Fields {
		if f.Shape.Kind == describe.Enum && isFound(f) && named(fieldName(f), "type", "kind", "event", "action") {
			return fieldName(f), fmt.Sprintf("Names: an event is called after its %s. %s", fieldName(f), effect)
		}
	}
	return "", ""
}

// oneofName returns the name of the only oneof of an event that has several members, "" where there is none.
func (r *route) oneofName() string {
	if len(r.event.Oneofs) != 1 || len(r.event.Oneofs[0].Fields) < 2 {
		return ""
	}
	name := string(r.event.Oneofs[0].Name)
	if r.info.Method.Output().Fields().ByJSONName(name) != nil { // a configuration would mean this field
		return ""
	}
	return name
}

// share proposes to share upstream streams, unless a call of the method probably starts something.
func (r *route) share() (proposal, bool) {
	words := wordsOf(string(r.info.Method.Name()))
	starts := []string{
		"run", "start", "create", "execute", "exec", "do", "send", "upload", "submit", "generate", "chat", "complete", "ask", "import", "export",
		"build", "deploy", "install", "delete", "update", "apply",
	}
	if len(words) > 0 && slices.Contains(starts, words[0]) {
		return proposal{}, false
	}
	const effect = "Share: pages with the same request read one upstream stream. "
	join, why := "latest", "A page that joins gets the newest event first."
	for _, f := range r.event.Fields {
		name := fieldName(f)
		if !isFound(f) {
			continue
		}
		switch bound := slices.ContainsFunc(r.variables, func(v bridge.Binding) bool { return v.Name == name }); {
		case named(name, "snapshot") && f.Shape.Kind != describe.List && f.Shape.Kind != describe.Map:
			join = "{since: " + word(name) + "}"
			why = fmt.Sprintf("A page that joins gets all from the newest event with %s on.", name)
			return proposal{ofRoute, effect + why, "share", "{late_join: " + join + "}"}, true
		case join == "latest" && f.Oneof == nil && !bound && isKey(name, f.Shape.Kind):
			join = "{latest_by: " + word(name) + "}"
			why = fmt.Sprintf("A page that joins gets the newest event of each %s first.", name)
		}
	}
	return proposal{ofRoute, effect + why, "share", "{late_join: " + join + "}"}, true
}
