package app

import (
	"github.com/grpcsse/grpcsse/bridge"
	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/describe"
)

// listing is the JSON of `grpcsse routes`.
type listing struct {
	Routes   []routeRow   `json:"routes"`
	Problems []problemRow `json:"problems"`
}

// routeRow is one route. The names of its members are those of /routes on the listener for administrators.
type routeRow struct {
	Name     string      `json:"name"`
	Methods  []string    `json:"methods"`
	Path     string      `json:"path"`
	RPC      string      `json:"rpc,omitempty"`
	Upstream string      `json:"upstream,omitempty"`
	Source   string      `json:"source"`
	Request  *requestRow `json:"request,omitempty"` // left out while the route is out of order
	Event    eventRow    `json:"event"`
	Share    *shareRow   `json:"share,omitempty"` // left out where each client has an upstream stream of its own
	State    string      `json:"state"`
	Problem  *problemRow `json:"problem,omitempty"`
}

// requestRow says which fields of the request message are bound, and by what.
type requestRow struct {
	Path  []boundRow `json:"path"`
	Query []boundRow `json:"query"`
	Body  string     `json:"body,omitempty"` // "*" or the path of a field
	Set   []setRow   `json:"set"`
}

// boundRow is a path variable or a query parameter, with the type of its values.
type boundRow struct {
	Name     string        `json:"name"`
	Type     describe.Kind `json:"type"`
	Repeated bool          `json:"repeated,omitempty"`
}

// setRow is a field that `request.set` gives. Its references are shown, and no other part of its value, which may be a secret of
// the environment.
type setRow struct {
	Field      string   `json:"field"`
	References []string `json:"references,omitempty"`
}

// eventRow says which parts of a message become which lines of an event.
type eventRow struct {
	ID    string `json:"id,omitempty"`
	Name  string `json:"name,omitempty"`
	Const string `json:"const,omitempty"`
	Data  string `json:"data,omitempty"`
}

type shareRow struct {
	LateJoin string `json:"late_join"`
	Field    string `json:"field,omitempty"`
	Pace     string `json:"pace,omitempty"` // a duration such as 100ms
	NewestBy string `json:"newest_by,omitempty"`
}

type problemRow struct {
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
	Warning bool   `json:"warning,omitempty"`
}

func newRouteRow(info bridge.RouteInfo) routeRow {
	event := info.Config.Event
	row := routeRow{
		Name: info.Name, Methods: info.Methods, Path: info.Path, RPC: info.RPC, Upstream: info.Upstream, Source: info.Source,
		Event: eventRow{ID: event.ID, Name: event.Name, Const: event.NameConst, Data: event.Data},
		State: "served",
	}
	if share := info.Config.Share; share != nil {
		row.Share = &shareRow{LateJoin: string(share.LateJoin.Mode), Field: share.LateJoin.Field, NewestBy: share.Pace.NewestBy}
		if share.Pace.Every > 0 {
			row.Share.Pace = share.Pace.Every.String()
		}
	}
	if info.Problem != nil {
		row.State = "out of order"
		row.Problem = new(newProblemRow(info.Problem))
	}
	if info.Method != nil {
		row.Request = newRequestRow(info)
	}
	return row
}

func newRequestRow(info bridge.RouteInfo) *requestRow {
	row := &requestRow{Path: []boundRow{}, Query: []boundRow{}, Set: []setRow{}}
	shapes := describe.New(describe.Options{})
	for _, b := range info.Bindings() {
		if b.From == bridge.BindingBody {
			row.Body = info.Config.Body
			continue
		}
		shape := shapes.Field(b.Path[len(b.Path)-1])
		bound := boundRow{Name: b.Name, Type: shape.Kind}
		if shape.Kind == describe.List {
			bound.Type, bound.Repeated = shape.Elem.Kind, true
		}
		if b.From == bridge.BindingPath {
			row.Path = append(row.Path, bound)
		} else {
			row.Query = append(row.Query, bound)
		}
	}
	for _, s := range info.Config.Request.Set {
		set := setRow{Field: s.Field}
		for _, template := range s.Templates() {
			for _, part := range template {
				if part.Ref != "" {
					set.References = append(set.References, part.Ref)
				}
			}
		}
		row.Set = append(row.Set, set)
	}
	return row
}

func newProblemRow(p *config.Problem) problemRow {
	return problemRow{Message: p.Error(), Hint: p.Hint, Warning: p.Warning}
}

func newProblemRows(problems config.Problems) []problemRow {
	rows := []problemRow{}
	for _, p := range problems {
		rows = append(rows, newProblemRow(p))
	}
	return rows
}
