package config

import (
	"strings"
	"time"
)

// minRetry is the shortest reconnection time that a browser may be given. With a shorter one, a page makes hundreds of requests a
// second while its upstream is broken.
const minRetry = 500 * time.Millisecond

// eventKeys say which parts of a message become which lines of an event.
func (d *decoder) eventKeys(e *EventMapping) []field {
	return []field{
		key("id", "The path of the field that becomes the id of the event.", &e.ID, words(d.fieldPath).as(messagePathForm)),
		d.section("route.event.name", "The path of the field or oneof that names the event, or a constant name as {const: quote}.", "{const: quote}",
			func() []field { return d.eventNameKeys(e) }).
			or(messagePathForm).reading(func(n *node) { d.eventName(n, e) }).
			writing(func(w treeWriter, around *node) { w.eventName(around, *e) }),
		key("data", "The path of the sub-message that is sent instead of the whole message.", &e.Data, words(d.fieldPath).as(messagePathForm)),
		key("retry", "The reconnection time told to the browser, jittered by 20 % per connection; at least 500ms.", &e.Retry, durations(d.retry, positiveForm)),
	}
}

func (d *decoder) eventNameKeys(e *EventMapping) []field {
	return []field{key("const", "The name of every event.", &e.NameConst, words(d.constName).as(nameForm)).needed()}
}

func (d *decoder) retry(n *node) (time.Duration, bool) {
	return d.durationOf(n, minRetry, "a duration of at least 500ms")
}

// eventName decodes a field path, or a constant as {const: quote}.
func (d *decoder) eventName(n *node, e *EventMapping) {
	if n.kind != mapping {
		into(&e.Name, d.fieldPathFor("a field path such as `kind`, or a constant as {const: quote}"))(n)
		return
	}
	d.fields(n, "route.event.name", d.eventNameKeys(e))
	d.missing(n, "const", "the name of the event")
}

// constName reads the name of an event.
func (d *decoder) constName(n *node) (string, bool) {
	const what = "an event name on one line, not empty"
	if !d.isScalar(n, what) {
		return "", false
	}
	name := n.text()
	if name == "" || strings.ContainsAny(name, "\r\n\x00") {
		d.expected(n, what, "")
		return "", false
	}
	if isReservedName(name) {
		d.warn(n, "", "the event name %s is reserved: it will be sent with a trailing underscore", n.shown())
	}
	return name, true
}

// isReservedName reports names that have a meaning for EventSource, and names of events that the bridge itself sends.
func isReservedName(name string) bool {
	switch name {
	case "error", "open", "message":
		return true
	}
	return strings.HasPrefix(name, "grpc-")
}
