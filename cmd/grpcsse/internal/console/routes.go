package console

import (
	"net/http"
	"slices"
	"strings"

	"github.com/grpcsse/grpcsse/bridge"
	"github.com/grpcsse/grpcsse/bridge/describe"
	"github.com/grpcsse/grpcsse/cmd/grpcsse/internal/contract"
)

// longestDoc bounds the documentation of one declaration, in bytes. A foreign server can send any length.
const longestDoc = 4000

type routeRow struct {
	ID       string `json:"id"` // the method and the path
	Name     string `json:"name"`
	Method   string `json:"method"`
	Path     string `json:"path"`
	RPC      string `json:"rpc"`
	Upstream string `json:"upstream"`
	Source   string `json:"source"`
	Shared   bool   `json:"shared"`
	Ready    bool   `json:"ready"`
	Problem  string `json:"problem,omitempty"`
	Hint     string `json:"hint,omitempty"`
	Doc      string `json:"doc,omitempty"`
}

func newRouteRow(info bridge.RouteInfo) routeRow {
	method := methodOf(info)
	row := routeRow{
		ID: method + " " + info.Path, Name: info.Name, Method: method, Path: info.Path, RPC: info.RPC, Upstream: info.Upstream,
		Source: info.Source, Shared: info.Shared, Ready: info.Problem == nil,
	}
	if info.Problem != nil {
		row.Problem, row.Hint = info.Problem.Error(), info.Problem.Hint
	}
	if info.Method != nil {
		row.Doc = cut(describe.Doc(info.Method))
	}
	return row
}

// methodOf returns the HTTP method with which the page opens a stream.
func methodOf(info bridge.RouteInfo) string {
	if len(info.Methods) == 0 || slices.Contains(info.Methods, http.MethodGet) {
		return http.MethodGet
	}
	return info.Methods[0]
}

func cut(doc string) string {
	if len(doc) <= longestDoc {
		return doc
	}
	return strings.ToValidUTF8(doc[:longestDoc], "") + "…"
}

// routes answers with all routes, and with where they are served.
func (c *Console) routes(w http.ResponseWriter, _ *http.Request) {
	server := c.Config().Server
	out := struct {
		Routes []routeRow `json:"routes"`
		// Streams is the path below which the page opens streams: "" where the page's own listener serves the routes.
		Streams string `json:"streams"`
		Listen  string `json:"listen"`
		TLS     bool   `json:"tls"`
		// Host is a host that the listener of the routes answers for. It is "" where any will do.
		Host string `json:"host"`
	}{Routes: []routeRow{}, Listen: server.Listen, TLS: server.TLS != nil, Host: c.publicHost()}
	if c.Apart {
		out.Streams = strings.TrimSuffix(streamPrefix, "/")
	}
	for _, info := range c.Bridge.Routes() {
		out.Routes = append(out.Routes, newRouteRow(info))
	}
	write(w, http.StatusOK, out)
}

// detail is all that the page shows of one route.
type detail struct {
	routeRow

	// Pace is how often browsers are given the events of a shared stream. It is left out where each event goes at once.
	Pace       *paceRow `json:"pace,omitempty"`
	ServiceDoc string   `json:"service_doc,omitempty"`
	Deprecated bool     `json:"deprecated,omitempty"`
	// Fields are those that a request can set, in the order of the path, the query and the body.
	Fields []field `json:"fields"`
	// Refused are fields that no request can set, with the reason.
	Refused []refusedField `json:"refused"`
	// Set are fields that the route sets itself.
	Set []string `json:"set"`
	// Body is a JSON document to begin with, where the request has a body.
	Body string `json:"body,omitempty"`
	// Message is what the data of an event looks like.
	Message []memberRow `json:"message"`
	// EventNames are the names that events have, as far as the schema tells them. It is empty where events have no name.
	EventNames []string `json:"event_names"`
	// Key is the member by which a table has its rows: that of `latest_by`, if the route has it.
	Key string `json:"key,omitempty"`
	// YAML is a configuration file with the route and its upstream.
	YAML string `json:"yaml"`
}

// paceRow is the `share.pace` of a route.
type paceRow struct {
	Every    string `json:"every"` // a duration such as 100ms
	NewestBy string `json:"newest_by,omitempty"`
}

// route answers with the details of the route that the query names.
func (c *Console) route(w http.ResponseWriter, r *http.Request) {
	id := r.URL.Query().Get("id")
	for _, info := range c.Bridge.Routes() {
		if row := newRouteRow(info); row.ID == id {
			detail := newDetail(row, info)
			text, err := fileOf(c.Config(), info)
			if err != nil {
				text = "# The configuration of this route cannot be written: " + err.Error()
			}
			detail.YAML = text
			write(w, http.StatusOK, detail)
			return
		}
	}
	write(w, http.StatusNotFound, map[string]string{"error": "there is no route " + id})
}

func newDetail(row routeRow, info bridge.RouteInfo) detail {
	out := detail{
		routeRow: row, Fields: []field{}, Refused: []refusedField{}, Set: []string{}, Message: []memberRow{}, EventNames: eventNames(info),
	}
	if info.Config != nil {
		if share := info.Config.Share; share != nil {
			out.Key = share.LateJoin.Field
			if pace := share.Pace; pace.Every > 0 {
				out.Pace = &paceRow{Every: pace.Every.String(), NewestBy: pace.NewestBy}
			}
		}
		for _, s := range info.Config.Request.Set {
			out.Set = append(out.Set, s.Field)
		}
	}
	if info.Method == nil {
		return out
	}
	out.ServiceDoc, out.Deprecated = cut(describe.Doc(info.Method.Parent())), describe.Deprecated(info.Method)
	shapes := describe.New(describe.Options{})
	if info.Config != nil {
		shapes = describe.New(describe.Options{ProtoNames: info.Config.JSON.ProtoNames, EnumNumbers: info.Config.JSON.EnumNumbers})
	}
	out.Fields, out.Body = newFields(shapes, info)
	out.Refused = refusedFields(shapes, info, out.Set)
	message := shapes.Message(info.Method.Output())
	if route, ok := contract.New(info); ok {
		message = shapes.Message(route.Data)
	}
	out.Message = members(message)
	if out.Key == "" {
		out.Key = keyOf(message, info)
	}
	return out
}

// eventNames returns the names that the events of a route have, as far as the schema tells them.
func eventNames(info bridge.RouteInfo) []string {
	out := []string{}
	route, _ := contract.New(info)
	for _, name := range route.Events.Known[:min(len(route.Events.Known), mostMembers)] {
		out = append(out, name.Text)
	}
	return out
}

// keyOf returns the member of a message by which a table is likely to be of use: one that the request names too, or the first text.
func keyOf(message *describe.Shape, info bridge.RouteInfo) string {
	if message.Object == nil {
		return ""
	}
	first := ""
	asked := map[string]bool{}
	for _, b := range info.Bindings() {
		if len(b.Path) == 1 {
			asked[string(b.Path[0].Name())] = true
		}
	}
	for _, f := range message.Object.Fields {
		if f.Shape.Kind != describe.String {
			continue
		}
		if asked[string(f.Descriptor.Name())] {
			return f.Name
		}
		if first == "" {
			first = f.Name
		}
	}
	return first
}
