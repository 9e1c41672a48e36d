package contract

import (
	"regexp"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/grpcsse/grpcsse/bridge"
	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/describe"
	"github.com/grpcsse/grpcsse/bridge/transcode"
)

// mostParameters is how many query parameters [bridge.RouteInfo.Bindings] lists. A route that has so many may take others, too.
const mostParameters = 500

// Route is what a client and a route agree on.
type Route struct {
	Name string
	// Path is the path template, such as "/quotes/{symbol}".
	Path string
	// Methods are the HTTP methods.
	Methods []string
	// RPC is the method in the form package.Service/Method, and Method its descriptor.
	RPC    string
	Method protoreflect.MethodDescriptor
	// JSON says how the data of events is written.
	JSON describe.Options
	// Data is the type of the message that is the data of an event.
	Data protoreflect.MessageDescriptor
	// Events are the names of the events.
	Events Names
	// Variables are those of the path, in its order.
	Variables []Parameter
	// Query are the query parameters of a request without a body.
	Query []Parameter
	// MoreQuery says that there are more query parameters than Query has.
	MoreQuery bool
	// Body is the body of a POST, nil where there is none.
	Body *Body
	// Headers and Cookies are those of the request that settings of the route read, and the headers that the upstream gets. The names
	// of headers are in lower case.
	Headers, Cookies []Parameter
	// Resumes says that the upstream gets the cursor of a client.
	Resumes bool
	// Config has all settings of the route. It must not be changed.
	Config *config.Route
}

// Parameter is a variable of the path, a query parameter, a header or a cookie.
type Parameter struct {
	Name string
	// Path leads from the request message to the field that has the value. It is empty where a setting of the route reads the
	// parameter, and no field has its name. Then the value is any text.
	Path []protoreflect.FieldDescriptor
	// Required says that a request without the parameter is refused.
	Required bool
}

// Field returns the field that has the value, or nil.
func (p Parameter) Field() protoreflect.FieldDescriptor {
	if len(p.Path) == 0 {
		return nil
	}
	return p.Path[len(p.Path)-1]
}

// Body is the JSON document of a POST.
type Body struct {
	// Message is the type of the whole request message, and Path leads from it to the field that the body gives. Path is empty for
	// a body that gives the whole message.
	Message protoreflect.MessageDescriptor
	Path    []protoreflect.FieldDescriptor
	// Given are the members of the body's message that variables of the path and settings of the route give as a whole. The body must
	// leave them out.
	Given []protoreflect.FieldDescriptor
}

// give notes that something else than the body gives the field that a path leads to.
func (b *Body) give(path []protoreflect.FieldDescriptor) {
	if b == nil || len(path) != len(b.Path)+1 || !b.Has(path) || b.Gives(path[len(path)-1]) {
		return
	}
	b.Given = append(b.Given, path[len(path)-1])
}

// Gives reports whether a member of the body's message is one of Given.
func (b *Body) Gives(fd protoreflect.FieldDescriptor) bool {
	return slices.ContainsFunc(b.Given, func(given protoreflect.FieldDescriptor) bool { return given.Number() == fd.Number() })
}

// Has reports whether the body gives the field, or a field around it.
func (b *Body) Has(path []protoreflect.FieldDescriptor) bool {
	if len(path) < len(b.Path) {
		return false
	}
	for i, fd := range b.Path {
		if path[i].Number() != fd.Number() {
			return false
		}
	}
	return true
}

// New returns the contract of a route. It returns false where the schema of the route is not known.
func New(info bridge.RouteInfo) (Route, bool) {
	if info.Method == nil || info.Config == nil {
		return Route{}, false
	}
	options := info.Config.JSON
	r := Route{
		Name: info.Name, Path: info.Path, Methods: info.Methods, RPC: info.RPC, Method: info.Method, Config: info.Config,
		JSON: describe.Options{ProtoNames: options.ProtoNames, EnumNumbers: options.EnumNumbers, EmitDefaults: options.EmitDefaults},
		Data: messageAt(info.Method.Output(), info.Config.Event.Data),
	}
	r.Events = namesOf(info.Config.Event, info.Method.Output())
	r.request(info)
	return r, true
}

// messageAt returns the type of the message that a path leads to, and md itself for "".
func messageAt(md protoreflect.MessageDescriptor, path string) protoreflect.MessageDescriptor {
	if path == "" {
		return md
	}
	if p, err := transcode.CompilePath(md, path); err == nil && p.Kind() == transcode.PathMessage {
		return p.Descriptor().Message()
	}
	return md // not reached: such a route is out of order
}

// Posts reports whether the route answers POST.
func (r *Route) Posts() bool { return slices.Contains(r.Methods, "POST") }

// Gets reports whether the route answers GET, which an EventSource sends.
func (r *Route) Gets() bool { return len(r.Methods) == 0 || slices.Contains(r.Methods, "GET") }

// QueryBesideBody returns the query parameters of a request with a body: those whose fields the body does not give.
func (r *Route) QueryBesideBody() []Parameter {
	if r.Body == nil {
		return r.Query
	}
	return slices.DeleteFunc(slices.Clone(r.Query), func(p Parameter) bool { return len(p.Path) > 0 && r.Body.Has(p.Path) })
}

// variable fits a variable of a path template.
var variable = regexp.MustCompile(`\{([^}=]+)(=[^}]*)?\}`)

// request fills in what a request may say.
func (r *Route) request(info bridge.RouteInfo) {
	bound := map[string][]protoreflect.FieldDescriptor{}
	for _, b := range info.Bindings() {
		switch b.From {
		case bridge.BindingPath:
			bound[b.Name] = b.Path
		case bridge.BindingQuery:
			last := b.Path[len(b.Path)-1]
			r.Query = append(r.Query, Parameter{
				Name: b.Name, Path: b.Path, Required: len(b.Path) == 1 && last.Cardinality() == protoreflect.Required,
			})
		case bridge.BindingBody:
			r.Body = &Body{Message: info.Method.Input(), Path: b.Path}
		}
	}
	r.MoreQuery = len(r.Query) >= mostParameters
	for _, match := range variable.FindAllStringSubmatch(info.Path, -1) {
		r.Variables = append(r.Variables, Parameter{Name: match[1], Path: bound[match[1]], Required: true})
		r.Body.give(bound[match[1]])
	}
	for _, set := range info.Config.Request.Set {
		r.Body.give(fieldsTo(info.Method.Input(), set.Field))
	}
	for _, name := range info.Config.Metadata.Forward {
		r.Headers = noted(r.Headers, name, false)
	}
	r.references(info.Config)
}

// fieldsTo returns the fields on the way that a path of a setting leads. A JSON name comes before the names in the .proto file. The route is
// in order, so each name leads to a field.
func fieldsTo(md protoreflect.MessageDescriptor, path string) (way []protoreflect.FieldDescriptor) {
	for name := range strings.SplitSeq(path, ".") {
		if md == nil {
			return nil
		}
		fd := md.Fields().ByJSONName(name)
		if fd == nil {
			fd = md.Fields().ByTextName(name)
		}
		if fd == nil {
			fd = md.Fields().ByName(protoreflect.Name(name))
		}
		if fd == nil {
			return nil
		}
		way, md = append(way, fd), fd.Message()
	}
	return way
}

// references adds the parts of a request that settings of the route read. A query parameter that binds to a field may be one of them.
func (r *Route) references(route *config.Route) {
	var templates []config.Template
	for _, s := range route.Request.Set {
		templates = append(templates, s.Templates()...)
	}
	for _, m := range route.Metadata.Set {
		templates = append(templates, m.Value)
	}
	for _, template := range templates {
		for _, part := range template {
			from, name, _ := strings.Cut(part.Ref, ".")
			switch from {
			case "query":
				r.Query = noted(r.Query, name, !part.HasDefault)
			case "header":
				r.Headers = noted(r.Headers, name, !part.HasDefault)
			case "cookie":
				r.Cookies = noted(r.Cookies, name, !part.HasDefault)
			case config.LastEventID:
				r.Resumes = true
			}
		}
	}
}

// noted returns parameters with one of a name among them.
func noted(list []Parameter, name string, required bool) []Parameter {
	at := slices.IndexFunc(list, func(p Parameter) bool { return p.Name == name })
	if at < 0 {
		list, at = append(list, Parameter{Name: name}), len(list)
	}
	list[at].Required = list[at].Required || required
	return list
}
