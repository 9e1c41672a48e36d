package bind

import (
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoregistry"
)

// CursorParameter and CursorParameterJS are the query parameters that carry the cursor where a client can't set the header
// Last-Event-ID; the second is how libraries for browsers spell it. They are the caller's to read. Where the route has a
// cursor, Bind passes over them. Elsewhere they bind as any other parameter, but one that binds to nothing, or to what the
// route gives already, is ignored: a library sends it by itself.
const (
	CursorParameter   = "last_event_id"
	CursorParameterJS = "lastEventId"
)

func isCursorParameter(name string) bool { return name == CursorParameter || name == CursorParameterJS }

// Spec says what a route binds.
type Spec struct {
	// Variables are the field paths of the path template's variables, in their order. One that names no field is fine
	// where a setting refers to it, as ${path.NAME}.
	Variables []string
	// QueryAll binds every query parameter to the field of its name; otherwise Query lists the field paths that bind.
	QueryAll bool
	Query    []string
	// RejectUnknown refuses a parameter that binds to nothing. Otherwise it is ignored.
	RejectUnknown bool
	// Cursor says that the route has a cursor though no setting may refer to it, as a route whose streams have a log does.
	Cursor bool
	// Body is what the JSON body of a request gives: "*" for the whole message, the path of a field of any type, or "" for a
	// route that takes none.
	Body string
	// Set are fixed values and references.
	Set []Setting
	// Metadata are values for the metadata of the call, which [Binder.Metadata] returns.
	Metadata []MetadataSetting
	// Resolver finds types that values in JSON form refer to; nil is what is linked into the program.
	Resolver Resolver
}

// Resolver is what protojson.UnmarshalOptions takes.
type Resolver interface {
	protoregistry.MessageTypeResolver
	protoregistry.ExtensionTypeResolver
}

// Setting gives one field a value: one value, a list for a repeated field, or a mapping for a message or a map, in the form
// of ProtoJSON. Where Members is not nil it is a mapping, where List is not nil a list.
//
// A mapping gives the message whole: an empty one gives an empty message. What is a cursor that the request does not have
// is left out of it, as an element is of a list and an entry of a map.
type Setting struct {
	// Field is the path of the field. In Members it is one name, of a field of the message, or the key of an entry of a map;
	// in List it is empty.
	Field   string
	Value   Value
	List    []Setting
	Members []Setting
	// Bare says that Value is written without quotes. Struct, Value, ListValue and Any tell 7, true and null from the text
	// "7", "true" and "null"; for all other types it is the same, but that they have no null.
	Bare bool
}

// isNull reports whether the setting gives null.
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

// references returns what the setting refers to, as errors show it.
func (s Setting) references() string {
	var all Value
	for _, v := range s.parts() {
		all = append(all, v...)
	}
	return all.references()
}

// MetadataSetting gives one metadata name a value.
type MetadataSetting struct {
	// Name is in lower case. Where it ends in -bin, Value is base64 of the bytes that are sent: a literal, or exactly one
	// reference. Otherwise it is text, with references in it or not.
	Name  string
	Value Value
}

// Value is a literal (one Part with text, or none), exactly one reference, or, for string fields, text and references
// mixed.
type Value []Part

// Part is a piece of literal text, or a reference.
//
// The references are last_event_id (the cursor), path.NAME (a variable of the path), query.NAME (a query parameter),
// and, looked up by [Input.Reference], header.NAME, cookie.NAME and claim.NAME. One without a value refuses the request.
// But last_event_id then leaves unset what it is for.
type Part struct {
	Text string // literal, where Ref is ""
	Ref  string
	// Default stands in where the reference has no value, or an empty one, and HasDefault is true.
	Default    string
	HasDefault bool
}

// Problem is something wrong in a Spec.
type Problem struct {
	// Key is where, as the configuration file nests it: "path", "request.query[0]", "request.set.filter.venue",
	// "body", "metadata.set.x-user".
	Key string
	// Message says what was expected and what was found; Hint, which may be empty, what could be done.
	Message, Hint string
}

func (p Problem) String() string {
	if p.Hint == "" {
		return p.Key + ": " + p.Message
	}
	return p.Key + ": " + p.Message + " (" + p.Hint + ")"
}

// literal returns the value where it has no reference.
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

// alone returns the one reference that the value is.
func (v Value) alone() (ref string, ok bool) {
	if len(v) != 1 || v[0].Ref == "" {
		return "", false
	}
	return v[0].Ref, true
}

// references returns what the value refers to, as errors show it.
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
