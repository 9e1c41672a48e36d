package bind

import (
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
)

// shownFields is how many fields of a message a hint lists.
const shownFields = 12

// Compile resolves the fields that a route binds, in request messages of type md. It returns a Binder, or all problems of the spec.
func Compile(md protoreflect.MessageDescriptor, spec Spec) (*Binder, []Problem) {
	c := compiler{spec: spec, binder: &Binder{
		types:         spec.Resolver,
		literals:      dynamicpb.NewMessage(md),
		queryAll:      spec.QueryAll,
		hasCursor:     spec.Cursor,
		referenced:    map[string]struct{}{},
		rejectUnknown: spec.RejectUnknown,
	}}
	for _, name := range spec.Variables {
		c.variable(name)
	}
	for _, s := range spec.Set {
		c.setting(s)
	}
	c.body()
	for _, s := range spec.Metadata {
		c.metadata(s)
	}
	if !spec.QueryAll {
		for i, name := range spec.Query {
			c.parameter(fmt.Sprintf("request.query[%d]", i), name)
		}
	}
	if len(c.problems) > 0 {
		return nil, c.problems
	}
	c.warn()
	c.binder.order, c.binder.direct = c.binder.directly()
	return c.binder, nil
}

// compiler collects a binder and its problems.
type compiler struct {
	spec     Spec
	binder   *Binder
	problems []Problem
	values   int // of settings, so far
}

func (c *compiler) problem(key, hint, format string, args ...any) {
	c.problems = append(c.problems, Problem{Key: key, Message: fmt.Sprintf(format, args...), Hint: hint})
}

func (c *compiler) message() protoreflect.MessageDescriptor { return c.binder.literals.Descriptor() }

// variable adds a variable of the path.
func (c *compiler) variable(name string) {
	const key = "path"
	f, err := resolve(c.message(), name)
	switch {
	case err != nil && err.unknown && c.refersTo("path."+name):
		c.binder.variables = append(c.binder.variables, variable{name: name})
		return
	case err != nil:
		c.problem(key, fieldsHint(err.parent), "the variable {%s} binds to no field: %s", name, err)
		return
	case f.leaf().IsList():
		c.problem(key, "", "the variable {%s} can't bind to %s: it is a repeated field, and a path has one value", name, f.name)
		return
	}
	c.claim(key, f, "the variable {"+name+"}")
	c.binder.variables = append(c.binder.variables, variable{name: name, field: &f})
}

// refersTo reports whether a setting has this reference.
func (c *compiler) refersTo(ref string) bool {
	return slices.ContainsFunc(c.spec.Set, func(s Setting) bool { return s.refersTo(ref) }) ||
		slices.ContainsFunc(c.spec.Metadata, func(s MetadataSetting) bool { return s.Value.refersTo(ref) })
}

// cursorTaker returns the first setting with the cursor, or "".
func (c *compiler) cursorTaker() string {
	for _, s := range c.spec.Set {
		if s.refersTo(cursorReference) {
			return "`request.set." + s.Field + "`"
		}
	}
	for _, s := range c.spec.Metadata {
		if s.Value.refersTo(cursorReference) {
			return "`metadata.set." + s.Name + "`"
		}
	}
	return ""
}

// claim marks f as bound, and reports a problem where f is bound already.
func (c *compiler) claim(key string, f field, by string) {
	for _, other := range c.binder.bound {
		if clash := other.clash(f); clash != "" {
			c.problem(key, "", "%s can't bind %s: %s", by, f.name, clash)
			return
		}
	}
	c.binder.bound = append(c.binder.bound, boundField{field: f, by: by})
}

// reference checks a reference, and notes which parameter, variable or cursor it needs.
func (c *compiler) reference(key string, p Part) {
	kind, name, _ := strings.Cut(p.Ref, ".")
	switch kind {
	case cursorReference:
		c.binder.usesCursor, c.binder.hasCursor = true, true
	case "path":
		if !slices.Contains(c.spec.Variables, name) {
			c.problem(key, "", "the reference ${%s} needs a variable {%s} in the path, which has none", p.Ref, name)
		}
	case "query":
		c.binder.referenced[name] = struct{}{}
	case "header", "cookie", "claim":
	default:
		c.problem(key, "", "unknown reference ${%s}: expected last_event_id, or path, query, header, cookie or claim "+
			"with a name behind a dot", p.Ref)
	}
}

// body resolves the field that a body gives. Variables and settings may bind fields inside it, and the body then has to leave those
// out.
func (c *compiler) body() {
	const key = "body"
	c.binder.bodyBound = c.binder.bound
	md := c.message()
	switch name := c.spec.Body; {
	case name == "":
	case isOpaque(md) || wellKnown(md) != nil:
		c.problem(key, "", "no body can be taken: the request message is a %s", md.FullName())
	case name == "*":
		c.binder.body = &field{}
	default:
		f, err := find(md, name)
		if err != nil {
			c.problem(key, fieldsHint(err.parent), "a body can't be bound here: %s", err)
			return
		}
		for _, other := range c.binder.bound {
			inside := other.field.isIn(f) && !f.isIn(other.field)
			if clash := other.clash(f); clash != "" && !inside {
				c.problem(key, "", "a body can't bind %s: %s", f.name, clash)
			}
		}
		c.binder.body = &f
		c.binder.bodyBound = append(c.binder.bound[:len(c.binder.bound):len(c.binder.bound)], boundField{field: f, by: "the body"})
	}
}

// metadata adds a value for the metadata of the call.
func (c *compiler) metadata(s MetadataSetting) {
	key := "metadata.set." + s.Name
	what, fits := metadataForm(s.Name)
	_, literal := s.Value.literal()
	_, alone := s.Value.alone()
	if isBinary(s.Name) && !literal && !alone {
		c.problem(key, "", "expected %s or one reference, found text and references mixed", what)
		return
	}
	if !isBinary(s.Name) && s.Value.hasOuterBlank() {
		c.problem(key, "", "expected %s, found a blank at an end", what)
	}
	for _, p := range s.Value {
		if text := p.Text + p.Default; !fits(text) {
			c.problem(key, "", "expected %s, found %q", what, shown(text))
		}
		if p.Ref != "" {
			c.reference(key, p)
		}
	}
	c.binder.metadata = append(c.binder.metadata, s)
}

// parameter adds a query parameter that the route lists.
func (c *compiler) parameter(key, name string) {
	f, err := resolve(c.message(), name)
	switch {
	case isCursorParameter(name) && c.binder.hasCursor:
		hint := "bind it with `request.set`: a field there takes ${last_event_id}"
		if taker := c.cursorTaker(); taker != "" {
			hint = "leave it out: " + taker + " has the cursor"
		}
		c.problem(key, hint,
			"the query parameter %s is the cursor, and binds to no field by its name", name)
		return
	case err != nil:
		c.problem(key, fieldsHint(err.parent), "the query parameter %s binds to no field: %s", name, err)
		return
	}
	for _, other := range c.binder.bound {
		if clash := other.clash(f); clash != "" {
			c.problem(key, "", "the query parameter %s can't bind %s: %s", name, f.name, clash)
			return
		}
	}
	c.binder.query = append(c.binder.query, f)
}

// fieldsHint lists the fields of md, which may be nil.
func fieldsHint(md protoreflect.MessageDescriptor) string {
	if md == nil || md.Fields().Len() == 0 {
		return ""
	}
	var names []string
	for i := range min(md.Fields().Len(), shownFields) {
		names = append(names, string(md.Fields().Get(i).Name()))
	}
	more := ""
	if md.Fields().Len() > shownFields {
		more = " and others"
	}
	return "its fields: " + strings.Join(names, ", ") + more
}

// clash returns the reason why a field can't be bound beside b, or "" where it can.
func (b boundField) clash(f field) string {
	switch oneof, rival := f.rival(b.field); {
	case f.isIn(b.field) && b.field.isIn(f):
		return fmt.Sprintf("%s binds it already", b.by)
	case f.isIn(b.field) || b.field.isIn(f):
		return fmt.Sprintf("%s binds %s already", b.by, b.field.name)
	case rival:
		return fmt.Sprintf("%s binds %s already, and of the oneof %s only one member can be set", b.by, b.field.name, oneof.Name())
	}
	return ""
}
