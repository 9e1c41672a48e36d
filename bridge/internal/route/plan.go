package route

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/internal/bind"
	"github.com/grpcsse/grpcsse/bridge/internal/pathtmpl"
	"github.com/grpcsse/grpcsse/bridge/internal/schema"
	"github.com/grpcsse/grpcsse/bridge/internal/source"
	"github.com/grpcsse/grpcsse/bridge/internal/spelling"
	"github.com/grpcsse/grpcsse/bridge/sse"
	"github.com/grpcsse/grpcsse/bridge/transcode"
)

// Plan holds what a route needs of its schema. It is compiled once, does not change, and is read by all streams of the route.
type Plan struct {
	snapshot *schema.Snapshot
	// descriptor is the method; nil for a route with a source of its own.
	descriptor protoreflect.MethodDescriptor
	types      transcode.Resolver // resolves the types in a google.protobuf.Any, and extensions
	Method     string             // in the form of gRPC: /package.Service/Method
	Source     source.Source      // opens the streams of messages
	Digest     Digest             // identifies the route with its schema
	Binder     *bind.Binder       // makes the request message
	JSON       JSONAppender       // makes the data of events
	Unknown    UnknownTypes       // types in messages that no schema has

	ID        *transcode.Path // nil: events have no id
	Name      *transcode.Path // nil: every event has the name ConstName
	ConstName sse.Name        // the zero Name: events have no name
	Data      *transcode.Path // nil: the whole message is the data

	Key *transcode.Path // for share.late_join.latest_by: late joiners receive the newest event of each value
	// Subject is for share.pace.newest_by: a newer event of the same value replaces an event.
	Subject *transcode.Path
	Mark    *transcode.Path // for share.late_join.since: late joiners begin at the newest event that has the field
}

// JSONAppender renders messages as the data of events. Its method is called concurrently.
type JSONAppender interface {
	// AppendJSONContext appends the JSON of a message in the protobuf wire format to dst. It may return the error of ctx when ctx
	// has ended.
	AppendJSONContext(ctx context.Context, dst, wire []byte) ([]byte, error)
}

// newPlan compiles a route against a schema. It returns all problems at once. The plan is nil where one of them is an error,
// and not only a warning.
func newPlan(r *config.Route, snap *schema.Snapshot) (*Plan, config.Problems) {
	method, err := snap.Method(r.Service, r.Method)
	if err != nil {
		return nil, config.Problems{methodProblem(r, snap, err)}
	}
	c := &planner{route: r, plan: &Plan{
		snapshot:   snap,
		descriptor: method,
		types:      snap.Types(method.Parent().FullName()),
		Method:     "/" + string(method.Parent().FullName()) + "/" + string(method.Name()),
	}}
	c.request(method.Input())
	c.event(method.Output())
	c.cursor(method.Input())
	return c.done()
}

// planner compiles one plan, and collects the problems.
type planner struct {
	route    *config.Route
	plan     *Plan
	problems config.Problems
}

// done returns the plan and the problems. The plan is nil where a problem is more than a warning.
func (c *planner) done() (*Plan, config.Problems) {
	for _, p := range c.problems {
		if !p.Warning {
			return nil, c.problems
		}
	}
	return c.plan, c.problems
}

func (c *planner) problem(key string, err error) {
	c.problems = append(c.problems, c.route.Problem(key, err.Error(), ""))
}

func (c *planner) warn(key, message, hint string) {
	p := c.route.Problem(key, message, hint)
	p.Warning = true
	c.problems = append(c.problems, p)
}

// request compiles how an HTTP request becomes the request message.
func (c *planner) request(md protoreflect.MessageDescriptor) {
	r := c.route
	spec := bind.Spec{
		QueryAll:      r.Request.QueryAll,
		Query:         r.Request.Query,
		RejectUnknown: r.Request.RejectUnknownQuery,
		Cursor:        r.Share != nil, // a shared stream resumes from its log
		Body:          r.Body,
		Resolver:      c.plan.types,
	}
	template, err := pathtmpl.Parse(r.Path)
	if err != nil {
		c.problem("path", err)
		return
	}
	for _, v := range template.Variables() {
		spec.Variables = append(spec.Variables, v.Path)
	}
	spec.Set = bindSettings(r.Request.Set)
	for _, m := range r.Metadata.Set {
		spec.Metadata = append(spec.Metadata, bind.MetadataSetting{Name: m.Name, Value: bindValue(m.Value)})
	}
	binder, problems := bind.Compile(md, spec)
	for _, p := range problems {
		c.problems = append(c.problems, r.Problem(p.Key, p.Message, p.Hint))
	}
	c.plan.Binder = binder
	if binder == nil {
		return
	}
	for _, w := range binder.Warnings() {
		c.warn(w.Key, w.Message, w.Hint)
	}
}

// bindSettings converts settings. nil stays nil, because nil means no list or mapping, and an empty slice means an empty one.
func bindSettings(settings []config.Setting) []bind.Setting {
	if settings == nil {
		return nil
	}
	out := make([]bind.Setting, len(settings))
	for i, s := range settings {
		out[i] = bind.Setting{
			Field: s.Field, Value: bindValue(s.Value), List: bindSettings(s.List), Members: bindSettings(s.Members), Bare: s.Bare,
		}
	}
	return out
}

func bindValue(t config.Template) bind.Value {
	out := make(bind.Value, len(t))
	for i, p := range t {
		out[i] = bind.Part{Text: p.Text, Ref: p.Ref, Default: p.Default, HasDefault: p.HasDefault}
	}
	return out
}

// event compiles which parts of a message become which lines of an event.
func (c *planner) event(md protoreflect.MessageDescriptor) {
	c.lines(md, c.route.Event)
	c.plan.Data = c.path("event.data", md, c.route.Event.Data, transcode.PathMessage)
	data := md
	if c.plan.Data != nil {
		data = c.plan.Data.Descriptor().Message()
	}
	c.warnSharedNames(data)
	json, err := transcode.New(data, transcode.Options{
		ProtoNames:   c.route.JSON.ProtoNames,
		EnumNumbers:  c.route.JSON.EnumNumbers,
		EmitDefaults: c.route.JSON.EmitDefaults,
		Resolver:     c.plan.types,
		MaxBytes:     int(c.route.MaxEventBytes),
		TypeUnknown:  c.plan.Unknown.add,
	})
	if err != nil {
		c.problem("rpc", err)
	}
	c.plan.JSON = json
}

// warnSharedNames warns of fields of an event that have the same name in JSON, so that a page cannot distinguish them.
func (c *planner) warnSharedNames(md protoreflect.MessageDescriptor) {
	if c.route.JSON.ProtoNames {
		return
	}
	for _, text := range bind.SharedNames(md) {
		c.warn("rpc", text+": a page reads only one of them", "`json: {field_names: proto}` tells them apart")
	}
}

// lines compiles the parts of an event other than the data.
func (c *planner) lines(md protoreflect.MessageDescriptor, ev config.EventMapping) {
	c.plan.ConstName, _ = sse.SafeName(ev.NameConst)
	c.plan.ID = c.path("event.id", md, ev.ID, transcode.PathScalar)
	c.plan.Name = c.path("event.name", md, ev.Name, transcode.PathScalar, transcode.PathOneof)
	c.share(md)
	c.warnReserved()
}

// share compiles the fields that decide which events a late joiner of a shared stream receives, and which are left out.
func (c *planner) share(md protoreflect.MessageDescriptor) {
	share := c.route.Share
	if share == nil {
		return
	}
	c.plan.Subject = c.path("share.pace.newest_by", md, share.Pace.NewestBy, transcode.PathScalar)
	switch share.LateJoin.Mode {
	case config.LateJoinLatestBy:
		c.plan.Key = c.path("share.late_join.latest_by", md, share.LateJoin.Field, transcode.PathScalar)
	case config.LateJoinSince:
		c.plan.Mark = c.path("share.late_join.since", md, share.LateJoin.Field,
			transcode.PathScalar, transcode.PathMessage, transcode.PathOneof)
	}
}

// path compiles a field path that must lead to a field of one of kinds. It returns nil for "", and reports a path that does not
// fit.
func (c *planner) path(
	key string, md protoreflect.MessageDescriptor, path string, kinds ...transcode.PathKind,
) *transcode.Path {
	if path == "" {
		return nil
	}
	p, err := transcode.CompilePath(md, path)
	if bad := (*transcode.PathError)(nil); errors.As(err, &bad) {
		c.problems = append(c.problems, c.route.Problem(key, err.Error(), fieldHint(bad.Element, bad.Have)))
		return nil
	}
	asText := p.Kind() == transcode.PathMessage && p.HasText() && slices.Contains(kinds, transcode.PathScalar)
	if !asText && !slices.Contains(kinds, p.Kind()) {
		c.problem(key, fmt.Errorf("%q leads to a %s, which cannot serve here: expected a %s", path, kindOf(p), anyOf(kinds)))
		return nil
	}
	return p
}

// kindOf describes what a path leads to. A message is described with its name.
func kindOf(p *transcode.Path) string {
	if p.Kind() == transcode.PathMessage {
		return "message, " + string(p.Descriptor().Message().FullName())
	}
	return p.Kind().String()
}

func anyOf(kinds []transcode.PathKind) string {
	names := make([]string, len(kinds))
	for i, k := range kinds {
		names[i] = k.String()
	}
	return strings.Join(names, " or a ")
}

// warnReserved warns of members of a oneof whose names cannot be names of events, so that the events get other names.
func (c *planner) warnReserved() {
	if c.plan.Name == nil {
		return
	}
	for _, member := range c.plan.Name.Members() {
		if safe, renamed := sse.SafeName(member); renamed {
			c.warn("event.name", "an event called "+member+" will be sent as "+safe.String()+
				": the name is the browser's own, or the bridge's", "")
		}
	}
}

// methodProblem returns the problem of a route whose method cannot be served, with the nearest name that can as a hint.
func methodProblem(r *config.Route, snap *schema.Snapshot, err error) *config.Problem {
	var (
		service *schema.UnknownService
		method  *schema.UnknownMethod
		hint    string
	)
	switch {
	case errors.As(err, &service):
		hint = ServiceHint(r, service.Have)
	case errors.As(err, &method):
		hint = didYouMean(spelling.Nearest(r.Method, method.Have))
		if names := streamingNames(snap, r.Service); hint == "" && names != "" {
			hint = "server-streaming methods of the service: " + names
		}
	}
	return r.Problem("rpc", err.Error(), hint)
}

func streamingNames(snap *schema.Snapshot, service string) string {
	var names []string
	for _, m := range snap.Streaming() {
		if string(m.Parent().FullName()) == service {
			names = append(names, string(m.Name()))
		}
	}
	return strings.Join(names, ", ")
}
