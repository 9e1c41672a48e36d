package route

import (
	"bytes"
	"context"
	"crypto/rand"
	"reflect"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/internal/schema"
	"github.com/grpcsse/grpcsse/bridge/internal/source"
	"github.com/grpcsse/grpcsse/bridge/transcode"
)

// NewWithSource compiles a route with a source of its own. auth is that of the configuration. The code of the source runs on
// runner. The route is nil where one of the problems is more than a warning.
func NewWithSource(
	r *config.Route, auth *config.Auth, definition source.Definition, runner *source.Runner,
) (*Route, config.Problems) {
	if r == nil {
		return nil, config.Problems{{Path: "bridge.WithRoute", Message: "expected a route, found nil"}}
	}
	cfg := *r
	if cfg.Name == "" {
		cfg.Name = cfg.Path
	}
	problems := cfg.Validate()
	if cfg.Service != "" || cfg.Method != "" || cfg.Upstream != "" {
		problems = append(problems, cfg.Problem("rpc",
			"a route with a source of its own calls no upstream: expected no Service, Method or Upstream", ""))
	}
	switch {
	case definition.IsZero():
		problems = append(problems, cfg.Problem("", "expected a source as RPC and Func make them, found none", ""))
	case definition.Mistake != "":
		problems = append(problems, cfg.Problem("", "the source of the route: "+definition.Mistake, ""))
	}
	rt := New(&cfg, auth, "bridge.WithRoute", "", &Health{})
	if rt.addProblems(problems); len(rt.Problems) > 0 {
		return nil, problems
	}
	plan, planProblems := newSourcePlan(&cfg, auth, definition, runner)
	rt.Plan = plan
	rt.addProblems(planProblems)
	if len(rt.Problems) > 0 {
		return nil, rt.Problems
	}
	return rt, nil
}

// SameCallers reports whether another configuration has the same entry of `auth` for the route, or none as before.
func (rt *Route) SameCallers(auth *config.Auth) bool {
	return bytes.Equal(appendCallers(nil, rt.Config, rt.auth), appendCallers(nil, rt.Config, auth))
}

// newSourcePlan compiles the plan of a route with a source of its own. See newPlan.
func newSourcePlan(
	r *config.Route, auth *config.Auth, definition source.Definition, runner *source.Runner,
) (*Plan, config.Problems) {
	snap, err := schema.FromProgram()
	if err != nil {
		return nil, config.Problems{r.Problem("", err.Error(), "")}
	}
	c := &planner{route: r, plan: &Plan{snapshot: snap, types: snap.Types(""), Method: r.Name}}
	c.request(definition.Input)
	if definition.EmptyStruct {
		for _, p := range c.problems {
			p.Hint = "declare the request as a struct with such a field, for example struct{ ID string `json:\"id\"` }"
		}
	}
	var values *source.ValueEncoder
	if definition.Output != nil {
		c.event(definition.Output)
	} else {
		values = c.values(definition.Value)
	}
	c.cursor(definition.Input)
	c.plan.Source = definition.Source(runner, values)
	c.plan.Digest = newDigest(r, auth, snap.Hash(), Provider{Registration: rand.Text()})
	return c.done()
}

// values compiles which parts of a plain Go value become which lines of an event, and returns the encoder for such values.
func (c *planner) values(t reflect.Type) *source.ValueEncoder {
	ev := c.route.Event
	encoder, problems := source.NewValueEncoder(t, source.ValuePaths{ID: ev.ID, Name: ev.Name, Data: ev.Data})
	for _, p := range problems {
		c.problems = append(c.problems, c.route.Problem(p.Key, p.Message, fieldHint(p.Unknown, p.Have)))
	}
	md, err := source.ValueMessage()
	if err != nil {
		c.problem("", err)
		return nil
	}
	message := config.EventMapping{NameConst: ev.NameConst}
	if ev.ID != "" {
		message.ID = source.ValueID
	}
	if ev.Name != "" {
		message.Name = source.ValueName
	}
	c.lines(md, message)
	c.plan.JSON = valueJSON{data: c.path("event.data", md, source.ValueData, transcode.PathScalar)}
	return encoder
}

// valueJSON renders plain Go values. The message of such a value holds the JSON already.
type valueJSON struct{ data *transcode.Path }

// AppendJSONContext implements [JSONAppender].
func (j valueJSON) AppendJSONContext(_ context.Context, dst, wire []byte) ([]byte, error) {
	out, _, err := j.data.AppendText(dst, wire)
	return out, err
}
