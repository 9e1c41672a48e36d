package openapi

import (
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/grpcsse/grpcsse/bridge"
	"github.com/grpcsse/grpcsse/bridge/describe"
	"github.com/grpcsse/grpcsse/cmd/grpcsse/internal/contract"
)

// data returns the schema of the JSON in the data of an event.
func (b *builder) data(r contract.Route) *schema {
	f := b.output(r.JSON)
	return b.schemaOf(f.shapes.Message(r.Data), f)
}

// Names of the schemas of the bridge's own events. No name of protobuf has a hyphen.
const (
	statusName   = "grpc-status"
	endName      = "grpc-end"
	resetName    = "grpc-reset"
	cursorName   = "grpc-cursor"
	staleName    = "grpc-stale"
	liveName     = "grpc-live"
	expiringName = "grpc-expiring"
)

// ownEvents returns the names of the bridge's own events that a stream of a route can have.
func (b *builder) ownEvents(r contract.Route) []string {
	names := []string{statusName, endName}
	if hasIDs(r) {
		names = append(names, resetName)
	}
	if r.Config.Share != nil {
		names = append(names, cursorName)
	}
	if r.Config.Share != nil || r.Config.Event.ID != "" && r.Resumes {
		names = append(names, staleName, liveName)
	}
	if b.api.Auth != nil && b.api.Auth.Warn > 0 && r.Config.Auth != nil {
		names = append(names, expiringName)
	}
	return names
}

// numberText fits the names of events that numbers give.
const numberText = `^[-+]?[0-9]`

// events returns the schema of an event of a route: one of the events with messages, or one of the bridge's own.
func (b *builder) events(r contract.Route) *schema {
	withIDs, own := hasIDs(r), b.ownEvents(r)
	out := &schema{}
	add := func(name *schema, named bool, data *schema) {
		out.OneOf = append(out.OneOf, event(name, named, data, withIDs))
	}
	var known []string
	for _, name := range r.Events.Known {
		known = append(known, name.Text)
		add(&schema{Const: name.Text}, true, b.dataOf(r, name))
	}
	if r.Events.Unnamed {
		known = append(known, "message")
		add(&schema{Const: "message", Default: "message"}, false, b.data(r))
	}
	switch {
	case r.Events.Any:
		add(&schema{Type: "string", Not: &schema{Enum: append(known, own...)}}, true, b.data(r))
	case r.Events.Numbers:
		add(&schema{Type: "string", Pattern: numberText}, true, b.data(r))
	}
	for _, name := range own {
		out.OneOf = append(out.OneOf, event(&schema{Const: name}, true, b.ownData(name), name == cursorName || name == statusName))
	}
	return out
}

// dataOf returns the schema of the data of events with a name. Where the name is that of a member of a oneof, the member is there.
func (b *builder) dataOf(r contract.Route, name contract.Name) *schema {
	data, f := b.data(r), b.output(r.JSON)
	if len(name.Members) == 0 {
		return data
	}
	var has []*schema
	for _, fd := range name.Members {
		has = append(has, &schema{Required: []string{memberName(fd, f)}})
	}
	if len(has) == 1 {
		return &schema{AllOf: []*schema{data, has[0]}}
	}
	return &schema{AllOf: []*schema{data, {AnyOf: has}}}
}

// memberName returns the name that a field has in JSON.
func memberName(fd protoreflect.FieldDescriptor, f *form) string {
	for _, field := range f.shapes.Message(fd.ContainingMessage()).Object.Fields {
		if field.Descriptor.Number() == fd.Number() {
			return field.Name
		}
	}
	return fd.JSONName() // not reached: each field is described
}

// event returns the schema of an event. named says that the event always has a name.
func event(name *schema, named bool, data *schema, withID bool) *schema {
	out := &schema{Type: "object", Required: []string{"data"}, Properties: members{
		{"event", name},
		{"data", &schema{Type: "string", ContentMediaType: "application/json", ContentSchema: data}},
	}}
	if named {
		out.Required = []string{"event", "data"}
	}
	if withID {
		out.Properties = append(out.Properties, member{"id", &schema{Type: "string"}})
	}
	out.Properties = append(out.Properties, member{"retry", &schema{
		Type: "integer", Minimum: new(int), Description: "How many milliseconds an EventSource waits before it comes back.",
	}})
	return out
}

// ownData returns the schema of the data of one of the bridge's own events.
func (b *builder) ownData(name string) *schema {
	switch name {
	case statusName:
		b.addStatus()
		return schemaRef(name)
	case resetName:
		b.schemas[name] = &schema{
			Description: "The stream does not go on behind the last event that the client has: the client loads its state anew.",
			Type:        "object", Required: []string{"reason", "last_event_id"}, Properties: members{
				{"reason", &schema{Type: "string", Enum: []string{"expired", "epoch", "slow", "invalid"}}},
				{"last_event_id", &schema{Type: "string"}},
			},
		}
		return schemaRef(name)
	case staleName:
		b.schemas[name] = &schema{
			Description: "There is no upstream at present, so the data of the client may be old.",
			Type:        "object", Required: []string{"code", "status"}, Properties: members{
				{"code", &schema{Type: "integer", Format: "int32"}}, {"status", &schema{Type: "string", Enum: codes()}},
			},
		}
		return schemaRef(name)
	case expiringName:
		b.schemas[name] = &schema{
			Description: "The credentials of the client expire, and the stream ends then.",
			Type:        "object", Required: []string{"in"}, Properties: members{
				{"in", &schema{Type: "string", Description: "The time until then, such as 30s."}},
			},
		}
		return schemaRef(name)
	}
	return &schema{Type: "object", Additional: &schema{never: true}}
}

// addStatus adds the schema of the data of grpc-status, which is also the body of an error.
func (b *builder) addStatus() {
	if b.schemas[statusName] != nil {
		return
	}
	b.schemas[statusName] = &schema{
		Description: "How a stream ended, or why a request gets none: google.rpc.Status with the name of the code, and with what a client " +
			"does then.",
		Type: "object", Required: []string{"code", "status", "message", "retry", "reason"}, Properties: members{
			{"code", &schema{Type: "integer", Format: "int32", Description: "The code of gRPC."}},
			{"status", &schema{Type: "string", Enum: codes()}},
			{"message", &schema{Type: "string"}},
			{"details", &schema{Type: "array", Items: b.wellKnownRef(describe.Any, &form{})}},
			{"retry", &schema{Type: "boolean", Description: "Whether the client should come back."}},
			{"reason", &schema{Type: "string", Enum: reasons()}},
		},
	}
}

// codes returns the names of the codes of gRPC, in the order of their numbers.
func codes() []string {
	return []string{
		"OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED",
		"RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS",
		"UNAUTHENTICATED",
	}
}

// reasons returns what can end a stream, as a client is told it.
func reasons() (names []string) {
	for _, reason := range []bridge.Reason{
		bridge.ReasonUpstream, bridge.ReasonRequest, bridge.ReasonRoute, bridge.ReasonDrain, bridge.ReasonShed, bridge.ReasonMaxAge,
		bridge.ReasonLimit, bridge.ReasonMessage, bridge.ReasonSlow, bridge.ReasonAuth, bridge.ReasonTokenExpired, bridge.ReasonRevoked,
	} {
		names = append(names, string(reason))
	}
	return names
}
