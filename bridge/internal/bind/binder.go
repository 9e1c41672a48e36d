package bind

import (
	"fmt"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
)

// Binder makes request messages for one route. It is immutable: any number of goroutines may use it.
type Binder struct {
	types     Resolver
	literals  *dynamicpb.Message // what every request begins with
	variables []variable
	settings  []setting
	bound     []boundField // what variables and settings bind

	direct bool  // see directly
	order  []int // of variables; see directly

	queryAll      bool
	query         []field             // what parameters bind, where they do not bind all fields
	referenced    map[string]struct{} // parameters that settings refer to
	rejectUnknown bool
	usesCursor    bool // whether a setting refers to the cursor
	hasCursor     bool // whether the parameters that carry a cursor are the cursor, and nothing else

	body      *field       // what a body gives: no names for the whole message; nil where there is none
	bodyBound []boundField // what a body, variables and settings bind
	metadata  []MetadataSetting
	warnings  []Problem
}

// variable is a variable of the path; field is nil where only a setting reads it.
type variable struct {
	name  string
	field *field
}

// setting is what a field is given that has references.
type setting struct {
	field field
	slot  slot
}

// put gives the field its value. It makes the messages around the field only where there is a value.
func (s setting) put(r *binding) error {
	return s.slot.put(r, func() protoreflect.Message {
		var m protoreflect.Message = r.message
		for _, fd := range s.field.path[:len(s.field.path)-1] {
			m = m.Mutable(fd).Message()
		}
		return m
	})
}

// boundField is a field that a variable or a setting binds.
type boundField struct {
	field field
	by    string
}

// Input is the part of an HTTP request that is bound.
type Input struct {
	// Variables are the values of the path's variables, decoded, in the order of [Spec.Variables].
	Variables []string
	// RawQuery is the query as it stands in the URL.
	RawQuery string
	// LastEventID is the decoded cursor. It counts where HasLastEventID is true.
	LastEventID    string
	HasLastEventID bool
	// Body is the JSON body. It counts where HasBody is true, which it is for each request whose method has a body. An empty body
	// stands for an empty message. The caller bounds the size.
	Body    []byte
	HasBody bool
	// Reference returns the value of a reference to a header, a cookie or a claim, for example "header.x-tenant". A nil Reference
	// finds none.
	Reference func(ref string) (value string, ok bool)
}

// UsesCursor reports whether a setting of a field or of metadata refers to the cursor, so that the upstream can resume.
func (b *Binder) UsesCursor() bool { return b.usesCursor }

// Bind returns the request message in the wire format. Equal requests give equal bytes. An error is an [*Error], or a [*CursorError]
// where the cursor is the only mistake: the caller may bind the request again without the cursor.
func (b *Binder) Bind(in Input) (request []byte, err error) {
	parameters, err := b.begin(in)
	if err != nil {
		return nil, err
	}
	if b.direct && len(parameters) == 0 && !in.HasBody {
		return b.bindDirectly(in.Variables)
	}
	r := &binding{Binder: b, in: in, parameters: parameters, message: proto.Clone(b.literals).(*dynamicpb.Message)}
	for _, step := range steps {
		if err := step(r); err != nil {
			return nil, err
		}
	}
	request, err = proto.MarshalOptions{Deterministic: true}.Marshal(r.message)
	if err != nil { // proto2: a required field is not set
		return nil, refused(FromRequest, "", "%s", plainReason(err))
	}
	return request, nil
}

// steps are what gives a message its fields, in this order.
var steps = [...]func(*binding) error{
	(*binding).bindBody, (*binding).bindVariables, (*binding).bindQuery, (*binding).bindSettings,
}

// begin checks the parts of a request, and splits its query.
func (b *Binder) begin(in Input) ([]parameter, error) {
	if len(in.Variables) != len(b.variables) {
		return nil, fmt.Errorf("expected %d path variables, found %d", len(b.variables), len(in.Variables))
	}
	return parseQuery(in.RawQuery)
}

// binding is one request on its way to a message.
type binding struct {
	*Binder
	in         Input
	parameters []parameter
	message    *dynamicpb.Message
}

func (r *binding) bindVariables() error {
	for i, v := range r.variables {
		if v.field == nil {
			continue
		}
		parsed, ok := v.field.parse(r.in.Variables[i], r.types)
		if !ok {
			return mismatch(FromPath, v.name, expected(v.field.leaf()), r.in.Variables[i])
		}
		v.field.put(r.message, parsed)
	}
	return nil
}

// bindSettings gives fields the values of their settings. It comes last, so that a [*CursorError] is returned only for a request that
// has no other mistake.
func (r *binding) bindSettings() error {
	for _, s := range r.settings {
		if err := s.put(r); err != nil {
			return err
		}
	}
	return nil
}

// plainReason returns an error of the protobuf library without its prefix, whose spelling varies on purpose.
func plainReason(err error) string {
	return strings.TrimSpace(strings.TrimPrefix(err.Error(), "proto:"))
}
