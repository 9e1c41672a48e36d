package bind

import (
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoregistry"
)

// CursorParameter and CursorParameterJS are the query parameters with the cursor of a client that can't set the header Last-Event-ID.
// The second one is the spelling of libraries for browsers. The caller of Bind reads them. Where the route has a cursor, Bind
// skips them. On other routes they bind as any other parameter does. There, one that binds to nothing, or to a field that the
// route sets, is ignored and not refused, since libraries send it on their own.
const (
	CursorParameter   = "last_event_id"
	CursorParameterJS = "lastEventId"
)

func isCursorParameter(name string) bool { return name == CursorParameter || name == CursorParameterJS }

// Spec has the names and the values that a route binds.
type Spec struct {
	// Variables are the field paths of the variables in the path template, in their order. A variable may name no field if a setting
	// refers to it, as ${path.NAME}.
	Variables []string
	// QueryAll binds every query parameter to the field that it names. Otherwise Query lists the field paths that bind.
	QueryAll bool
	Query    []string
	// RejectUnknown refuses a parameter that binds to nothing. Otherwise it is ignored.
	RejectUnknown bool
	// Cursor is true for a route that has a cursor even if no setting refers to it, because its streams have a log.
	Cursor bool
	// Body tells where the JSON body of a request goes: "*" for the whole message, the path of a field of any type, or "" for a route
	// without a body.
	Body string
	// Set are fixed values and references.
	Set []Setting
	// Metadata are values for the metadata of the call, which [Binder.Metadata] returns.
	Metadata []MetadataSetting
	// Resolver finds types that values in JSON refer to. A nil Resolver finds the types that are linked into the program.
	Resolver Resolver
}

// Resolver is the resolver that protojson.UnmarshalOptions takes.
type Resolver interface {
	protoregistry.MessageTypeResolver
	protoregistry.ExtensionTypeResolver
}

// Setting gives one field a value: one value, a list for a repeated field, or a mapping for a message or a map, in the form
// of ProtoJSON. Where Members is not nil it is a mapping, where List is not nil a list.
//
// A mapping gives the whole message, and an empty mapping gives an empty message. A cursor that the request does not have is left out
// of the message, the list or the map that it stands in.
type Setting struct {
	// Field is the path of the field. In Members it is one name, of a field of the message, or the key of an entry of a map;
	// in List it is empty.
	Field   string
	Value   Value
	List    []Setting
	Members []Setting
	// Bare is true for a Value without quotes. It makes a difference in Struct, Value, ListValue and Any, where 7 is a number and "7" is
	// text. Null is a value in these alone.
	Bare bool
}

// isNull reports whether the value of the setting is null.
func (s Setting) isNull() bool {
	text, literal := s.Value.literal()
	return s.Bare && literal && text == "null" && s.List == nil && s.Members == nil
}

// parts returns all values in the setting.
func (s Setting) parts() []Value {
	out := []Value{s.Value}
	for _, inner := range [][]Setting{s.List, s.Members} {
		for _, i := range inner {
			out = append(out, i.parts()...)
		}
	}
	return out
}

// refers reports whether the setting has a reference.
func (s Setting) refers() bool {
	return slices.ContainsFunc(s.parts(), func(v Value) bool { _, literal := v.literal(); return !literal })
}

// refersTo reports whether the setting has this reference.
func (s Setting) refersTo(ref string) bool {
	return slices.ContainsFunc(s.parts(), func(v Value) bool { return v.refersTo(ref) })
}

// references returns the references of the setting, as errors show them.
func (s Setting) references() string {
	var all Value
	for _, v := range s.parts() {
		all = append(all, v...)
	}
	return all.references()
}

// MetadataSetting gives one metadata name a value.
type MetadataSetting struct {
	// Name is in lower case. Where it ends in -bin, Value is base64 of the bytes that are sent: a literal or a single reference.
	// Otherwise Value is text that may have references in it.
	Name  string
	Value Value
}

// Value is a literal (one Part with text, or no Part), a single reference, or, for string fields, text and references mixed.
type Value []Part

// Part is a piece of literal text, or a reference.
//
// The references are last_event_id (the cursor), path.NAME (a variable of the path), query.NAME (a query parameter),
// and header.NAME, cookie.NAME and claim.NAME, which [Input.Reference] looks up. A request that has no value for a reference is
// refused. But a request without a cursor is not: the setting with last_event_id is left out.
type Part struct {
	Text string // literal, where Ref is ""
	Ref  string
	// Default is the value of a reference that has none, or an empty one. It counts where HasDefault is true.
	Default    string
	HasDefault bool
}

// Problem is a mistake in a Spec.
type Problem struct {
	// Key is the key of the mistake in a configuration file: "path", "request.query[0]", "request.set.filter.venue",
	// "body", "metadata.set.x-user".
	Key string
	// Message tells what was expected and what was found. Hint is advice, and may be empty.
	Message, Hint string
}

func (p Problem) String() string {
	if p.Hint == "" {
		return p.Key + ": " + p.Message
	}
	return p.Key + ": " + p.Message + " (" + p.Hint + ")"
}

// literal returns the text of a value without references.
func (v Value) literal() (string, bool) {
	text := ""
	for _, p := range v {
		if p.Ref != "" {
			return "", false
		}
		text += p.Text
	}
	return text, true
}

// alone returns the reference of a value that is a single reference.
func (v Value) alone() (ref string, ok bool) {
	if len(v) != 1 || v[0].Ref == "" {
		return "", false
	}
	return v[0].Ref, true
}

// references returns the references of the value, as errors show them.
func (v Value) references() string {
	var refs []string
	for _, p := range v {
		if p.Ref != "" {
			refs = append(refs, "${"+p.Ref+"}")
		}
	}
	return strings.Join(refs, " ")
}

// refersTo reports whether the value has this reference.
func (v Value) refersTo(ref string) bool {
	return slices.ContainsFunc(v, func(p Part) bool { return p.Ref == ref })
}

const cursorReference = "last_event_id"
