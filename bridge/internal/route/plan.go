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

// Plan is what only a schema can tell about a route, compiled once and read by all of its streams.
type Plan struct {
	snapshot *schema.Snapshot
	types    transcode.Resolver // of what stands in a google.protobuf.Any, and of extensions
	Method   string             // as gRPC calls it: /package.Service/Method
	Source   source.Source      // of the messages
	Digest   Digest             // of all of it, and of the route
	Binder   *bind.Binder
	JSON     jsonAppender
	Unknown  UnknownTypes // that messages held

	ID        *transcode.Path // nil: events have no id
	Name      *transcode.Path // nil: every event has the name ConstName, which may be none
	ConstName sse.Name
	Data      *transcode.Path // nil: the whole message is the data

	Key  *transcode.Path // shared, latest_by: the newest event of each value is for late joiners
	Mark *transcode.Path // shared, since: late joiners begin with the newest event that has it
}

// jsonAppender renders a message on the wire as the data of an event. Its method is called concurrently. It may give up when
// the context has ended.
type jsonAppender interface {
	AppendJSONContext(ctx context.Context, dst, wire []byte) ([]byte, error)
}

// newPlan compiles a route against a schema. All that is wrong is reported at once; the plan is nil then. Warnings alone
// leave the plan whole.
func newPlan(r *config.Route, snap *schema.Snapshot) (*Plan, config.Problems) {
	method, err := snap.Method(r.Service, r.Method)
	if err != nil {
		return nil, config.Problems{methodProblem(r, snap, err)}
	}
	c := &planner{route: r, plan: &Plan{
		snapshot: snap,
		types:    snap.Types(method.Parent().FullName()),
		Method:   "/" + string(method.Parent().FullName()) + "/" + string(method.Name()),
	}}
	c.request(method.Input())
	c.event(method.Output())
	c.cursor(method.Input())
	return c.done()
}

// planner collects the problems of one compilation.
type planner struct {
	route    *config.Route
	plan     *Plan
	problems config.Problems
}

// done returns the plan, nil where it has problems that are more than warnings.
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
		Cursor:        r.Share != nil, // resumes from its log
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

// bindSettings keeps nil apart from empty: one is no list or mapping, the other an empty one.
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

// warnSharedNames says which fields of an event a page cannot tell apart.
func (c *planner) warnSharedNames(md protoreflect.MessageDescriptor) {
	if c.route.JSON.ProtoNames {
		return
	}
	for _, text := range bind.SharedNames(md) {
		c.warn("rpc", text+": a page reads only one of them", "`json: {field_names: proto}` tells them apart")
	}
}

// lines compiles what stands beside the data of an event.
func (c *planner) lines(md protoreflect.MessageDescriptor, ev config.EventMapping) {
	c.plan.ConstName, _ = sse.SafeName(ev.NameConst)
	c.plan.ID = c.path("event.id", md, ev.ID, transcode.PathScalar)
	c.plan.Name = c.path("event.name", md, ev.Name, transcode.PathScalar, transcode.PathOneof)
	c.share(md)
	c.warnReserved()
}

// share compiles what late joiners of a shared stream are given by.
func (c *planner) share(md protoreflect.MessageDescriptor) {
	share := c.route.Share
	if share == nil {
		return
	}
	switch share.LateJoin.Mode {
	case config.LateJoinLatestBy:
		c.plan.Key = c.path("share.late_join.latest_by", md, share.LateJoin.Field, transcode.PathScalar)
	case config.LateJoinSince:
		c.plan.Mark = c.path("share.late_join.since", md, share.LateJoin.Field,
			transcode.PathScalar, transcode.PathMessage, transcode.PathOneof)
	}
}

// path compiles a field path that must lead to one of kinds; "" gives nil.
func (c *planner) path(key string, md protoreflect.MessageDescriptor, path string, kinds ...transcode.PathKind) *transcode.Path {
	if path == "" {
		return nil
	}
	p, err := transcode.CompilePath(md, path)
	if bad := (*transcode.PathError)(nil); errors.As(err, &bad) {
		c.problems = append(c.problems, c.route.Problem(key, err.Error(), fieldHint(bad.Element, bad.Have)))
		return nil
	}
	if !slices.Contains(kinds, p.Kind()) && !(p.Kind() == transcode.PathMessage && p.HasText() && slices.Contains(kinds, transcode.PathScalar)) {
		c.problem(key, fmt.Errorf("%q leads to a %s, which cannot serve here: expected a %s", path, kindOf(p), anyOf(kinds)))
		return nil
	}
	return p
}

// kindOf says what a path leads to: a message by its name.
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

// warnReserved says which members of a oneof will be renamed on their way to the browser.
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

// methodProblem explains why a route's RPC cannot be served, with the nearest name that could.
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
