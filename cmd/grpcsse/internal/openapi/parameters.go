package openapi

import (
	"net/http"
	"slices"
	"strings"

	"github.com/grpcsse/grpcsse/bridge/describe"
	"github.com/grpcsse/grpcsse/cmd/grpcsse/internal/contract"
)

// parameters returns the parameters of an operation: those of the path, of the query, and in headers and cookies.
func (b *builder) parameters(r contract.Route, method string, t *template, names []string) []*parameter {
	var all []*parameter
	add := func(p *parameter) {
		if !slices.ContainsFunc(all, func(other *parameter) bool { return p.In == other.In && p.Name == other.Name }) {
			all = append(all, p)
		}
	}
	for i, w := range t.wildcards {
		all = append(all, b.pathParameter(r, w, names[i]))
	}
	query := r.Query
	if method == http.MethodPost {
		query = r.QueryBesideBody()
	}
	for _, p := range query {
		add(b.parameter("query", p, r.JSON))
	}
	for _, p := range r.Headers {
		if !unlisted(p.Name) {
			add(b.parameter("header", p, r.JSON))
		}
	}
	for _, p := range r.Cookies {
		add(b.parameter("cookie", p, r.JSON))
	}
	for _, p := range cursor(r) {
		add(p)
	}
	return all
}

// parameter describes a parameter that binds to a field, or that settings of the route read.
func (b *builder) parameter(in string, p contract.Parameter, o describe.Options) *parameter {
	out := &parameter{Name: p.Name, In: in, Required: p.Required, Schema: &schema{Type: "string"}}
	if fd := p.Field(); fd != nil {
		f := b.input(o)
		out.Description, out.Deprecated = cut(describe.Doc(fd)), describe.Deprecated(fd)
		out.Schema = b.parameterSchema(f.shapes.Field(fd), f)
	}
	return out
}

// parameterSchema returns the schema of the text of a parameter. Text has no null, and a null of JSON has a name there.
func (b *builder) parameterSchema(s *describe.Shape, f *form) *schema {
	switch s.Kind {
	case describe.Null:
		return &schema{Type: "string", Enum: []string{"NULL_VALUE"}}
	case describe.List:
		return &schema{Type: "array", Items: b.parameterSchema(s.Elem, f)}
	case describe.Int64:
		return &schema{Type: "string", Format: "int64", Pattern: signedText}
	case describe.Uint64:
		return &schema{Type: "string", Format: "uint64", Pattern: unsignedText}
	}
	return b.schemaOf(s, f)
}

// pathParameter describes a wildcard of the path.
func (b *builder) pathParameter(r contract.Route, w wildcard, name string) *parameter {
	p := &parameter{Name: name, In: "path", Required: true, Schema: &schema{Type: "string"}}
	for _, v := range r.Variables {
		if v.Name == w.variable && v.Field() != nil {
			whole := b.parameter("path", v, r.JSON)
			p.Description, p.Deprecated = whole.Description, whole.Deprecated
			if w.whole == "" && !w.rest {
				p.Schema = whole.Schema
			}
		}
	}
	var notes []string
	if w.whole != "" {
		notes = append(notes, "A part of the field `"+w.variable+"`, whose value has the form `"+w.whole+"`.")
	}
	if w.rest {
		notes = append(notes, "The rest of the path: the bridge takes any number of segments here, and OpenAPI can describe one.")
	}
	if w.variable == "" && !w.rest {
		notes = append(notes, "Any text.")
	}
	p.Description = strings.TrimPrefix(p.Description+"\n\n"+strings.Join(notes, " "), "\n\n")
	p.Description = strings.TrimSuffix(p.Description, "\n\n")
	return p
}

// cursor returns the parameters with which a client goes on behind an event.
func cursor(r contract.Route) []*parameter {
	if !hasIDs(r) {
		return nil
	}
	text := &schema{Type: "string"}
	return []*parameter{
		{Name: "last_event_id", In: "query", Schema: text, Description: "The same as `Last-Event-ID`, for a client that cannot set a header."},
		{Name: "Last-Event-ID", In: "header", Schema: text, Description: "The `id` of the last event that the client has, as the client got it. The stream goes on behind that event, or tells by `grpc-reset` that it does not."},
	}
}

// hasIDs reports whether the events of a route can have ids.
func hasIDs(r contract.Route) bool {
	return r.Config.Event.ID != "" || r.Config.Share != nil || r.Resumes
}

// unlisted reports whether a header is no parameter in OpenAPI: it is described by other means, or clients set it by themselves.
func unlisted(name string) bool {
	switch name {
	case "accept", "content-type", "authorization", "cookie", "last-event-id":
		return true
	}
	return false
}

// requestBody describes the body of a POST, nil where the route takes none.
func (b *builder) requestBody(r contract.Route) *requestBody {
	if r.Body == nil {
		return nil
	}
	f, out := b.input(r.JSON), &requestBody{}
	shape := f.shapes.Message(r.Body.Message)
	if n := len(r.Body.Path); n > 0 {
		out.Description = cut(describe.Doc(r.Body.Path[n-1]))
		shape = f.shapes.Field(r.Body.Path[n-1])
	}
	out.Content = inJSON(b.bodySchema(r.Body, shape, f))
	return out
}

// bodySchema returns the schema of a body. Where the path or settings of the route give members of it, the schema is one of its own,
// without these members.
func (b *builder) bodySchema(body *contract.Body, shape *describe.Shape, f *form) *schema {
	if shape.Object == nil || len(body.Given) == 0 {
		return b.schemaOf(shape, f)
	}
	o := *shape.Object
	refused := &schema{}
	o.Fields = slices.DeleteFunc(slices.Clone(o.Fields), func(field *describe.Field) bool {
		given := body.Gives(field.Descriptor)
		if given {
			refused.AnyOf = append(refused.AnyOf, &schema{Required: []string{field.Name}})
		}
		return given
	})
	o.Oneofs = nil
	for _, oneof := range shape.Object.Oneofs {
		if !slices.ContainsFunc(oneof.Fields, func(field *describe.Field) bool { return body.Gives(field.Descriptor) }) {
			o.Oneofs = append(o.Oneofs, oneof)
		}
	}
	s := &schema{}
	b.object(s, &o, f)
	s.Not = refused
	return s
}
