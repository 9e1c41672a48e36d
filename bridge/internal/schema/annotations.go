package schema

import (
	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	grpcssev1 "github.com/grpcsse/grpcsse/gen/grpcsse/v1"
)

// Binding is a path at which the annotations of a method ask for the method to be served.
type Binding struct {
	Path string // the path template
	// Data is the field that becomes the data of the event (`response_body` of google.api.http). It is "" for the whole message.
	Data string
}

// Bindings returns the paths in the annotations of a method: the path of grpcsse.v1.route, and the paths of google.api.http
// rules for GET, including additional bindings.
func Bindings(method protoreflect.MethodDescriptor) []Binding { return bindingsOf(method.Options()) }

func bindingsOf(options proto.Message) []Binding {
	var out []Binding
	if route, ok := proto.GetExtension(options, grpcssev1.E_Route).(*grpcssev1.Route); ok && route.GetPath() != "" {
		out = append(out, Binding{Path: route.GetPath()})
	}
	for _, r := range httpRules(options) {
		if path := r.GetGet(); path != "" {
			out = append(out, Binding{Path: path, Data: r.GetResponseBody()})
		}
	}
	return out
}

// UnservedRules describes the google.api.http rules of a method that are not served, for example "post /v1/topics". Only GET
// rules are served, since an EventSource sends only GET.
func UnservedRules(method protoreflect.MethodDescriptor) []string {
	var out []string
	for _, r := range httpRules(method.Options()) {
		switch pattern := r.GetPattern().(type) {
		case *annotations.HttpRule_Post:
			out = append(out, "post "+pattern.Post)
		case *annotations.HttpRule_Put:
			out = append(out, "put "+pattern.Put)
		case *annotations.HttpRule_Patch:
			out = append(out, "patch "+pattern.Patch)
		case *annotations.HttpRule_Delete:
			out = append(out, "delete "+pattern.Delete)
		case *annotations.HttpRule_Custom:
			out = append(out, "custom "+pattern.Custom.GetKind()+" "+pattern.Custom.GetPath())
		}
	}
	return out
}

// httpRules returns the google.api.http rule of a method and its additional bindings.
func httpRules(options proto.Message) []*annotations.HttpRule {
	rule, ok := proto.GetExtension(options, annotations.E_Http).(*annotations.HttpRule)
	if !ok || rule == nil {
		return nil
	}
	return append([]*annotations.HttpRule{rule}, rule.GetAdditionalBindings()...)
}

// EventFields returns the names of the fields that grpcsse.v1 options mark as the id and the name of the event. A name is ""
// where no field is marked. Of several marked fields, the first one is used.
func EventFields(message protoreflect.MessageDescriptor) (id, name string) {
	fields := message.Fields()
	for i := range fields.Len() {
		field := fields.Get(i)
		if id == "" && marked(field, grpcssev1.E_EventId) {
			id = string(field.Name())
		}
		if name == "" && marked(field, grpcssev1.E_EventName) {
			name = string(field.Name())
		}
	}
	return id, name
}

func marked(field protoreflect.FieldDescriptor, option protoreflect.ExtensionType) bool {
	yes, ok := proto.GetExtension(field.Options(), option).(bool)
	return ok && yes
}
