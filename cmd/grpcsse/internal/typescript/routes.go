package typescript

import (
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/grpcsse/grpcsse/bridge/describe"
	"github.com/grpcsse/grpcsse/cmd/grpcsse/internal/contract"
)

// route writes what a request to a route may say, and what its events are. body is nil for a request without one.
func (t *text) route(all *types, r contract.Route, body *contract.Body) {
	doc := strings.TrimPrefix(describe.Doc(r.Method)+"\n\ngRPC: "+r.RPC, "\n\n")
	t.comment("", doc, describe.Deprecated(r.Method))
	t.line("%s: {", quoted(r.Path))
	t.parameters(all, "variables", r.Variables, false)
	query := r.Query
	if body != nil {
		query = r.QueryBesideBody()
	}
	t.parameters(all, "query", query, r.MoreQuery)
	if body != nil {
		t.line("  body: %s;", all.body(body))
	}
	t.events(all, r)
	t.line("};")
}

// parameters writes the variables or the query parameters of a route. more says that there are others than these.
func (t *text) parameters(all *types, what string, list []contract.Parameter, more bool) {
	if len(list) == 0 {
		return
	}
	var inside text
	for _, p := range list {
		is, optional := "string | number", "?"
		if fd := p.Field(); fd != nil {
			inside.comment("", describe.Doc(fd), describe.Deprecated(fd))
			is = all.parameter(all.input.shapes.Field(fd))
		}
		if p.Required {
			optional = ""
		}
		inside.line("%s%s: %s;", property(p.Name), optional, is)
	}
	if more {
		inside.line("[parameter: string]: string | number | boolean | bigint | readonly (string | number | boolean | bigint)[] | undefined;")
	}
	t.nested("  ", what, inside)
}

// nested writes a member that is an object: on one line where that is short.
func (t *text) nested(indent, name string, inside text) {
	short := strings.TrimSuffix(strings.ReplaceAll(inside.String(), "\n", " "), "; ")
	if !strings.Contains(short, "/**") && len(indent)+len(name)+len(short) < longestLine-len("    : {};") {
		t.line("%s%s: {%s};", indent, name, short)
		return
	}
	t.line("%s%s: {", indent, name)
	t.indented(indent+"  ", inside.String())
	t.line("%s};", indent)
}

// body returns the type of a body. What the path and settings of the route give, the body must leave out.
func (t *types) body(b *contract.Body) string {
	shape := bodyShape(t.input.shapes, b)
	is := t.expression(t.input, shape)
	if shape.Object == nil || len(unions(shape.Object)) > 0 {
		return is
	}
	var given []string
	for _, fd := range b.Given {
		given = append(given, quoted(nameOf(shape.Object, fd)))
	}
	if len(given) == 0 {
		return is
	}
	return "Omit<" + is + ", " + strings.Join(given, " | ") + ">"
}

// nameOf returns the name of the member that a field gives.
func nameOf(o *describe.Object, fd protoreflect.FieldDescriptor) string {
	for _, f := range o.Fields {
		if f.Descriptor.Number() == fd.Number() {
			return f.Name
		}
	}
	return ""
}

// events writes the types of the data of events, by their names.
func (t *text) events(all *types, r contract.Route) {
	f := all.form(r.JSON)
	shape := f.shapes.Message(r.Data)
	data := all.expression(f, shape)
	var inside text
	for _, name := range r.Events.Known {
		inside.line("%s: %s;", property(name.Text), all.dataOf(f, shape, data, name))
	}
	if r.Events.Unnamed {
		inside.line("message: %s;", data)
	}
	if r.Events.Numbers {
		inside.line("[name: `${number}`]: %s;", data)
	}
	if r.Events.Any {
		inside.line("[name: string]: %s;", data)
	}
	t.nested("  ", "events", inside)
}

// dataOf returns the type of the data of events with a name. Where the name is that of a member of a oneof, the member is there.
func (t *types) dataOf(f *form, shape *describe.Shape, data string, name contract.Name) string {
	if len(name.Members) == 0 || shape.Object == nil {
		return data
	}
	var out []string
	for _, fd := range name.Members {
		for _, field := range shape.Object.Fields {
			if field.Descriptor.Number() != fd.Number() {
				continue
			}
			one := data + " & {" + property(field.Name) + ": " + t.expression(f, field.Shape) + "}"
			for _, oneof := range unions(shape.Object) {
				if oneof == field.Oneof {
					one = "Extract<" + data + ", {" + property(field.Name) + ": unknown}>"
				}
			}
			out = append(out, one)
		}
	}
	return strings.Join(out, " | ")
}
