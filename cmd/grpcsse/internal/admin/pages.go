package admin

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/grpcsse/grpcsse/bridge"
	"github.com/grpcsse/grpcsse/bridge/config"
)

// index answers with a page that lists all others.
func index(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write([]byte(`<!DOCTYPE html>
<meta charset="utf-8">
<title>grpcsse admin</title>
<h1>grpcsse admin</h1>
<p><a href="` + ConsolePrefix + `">Open the console</a>
<ul>
<li><a href="/routes">/routes</a>: the routes and upstreams, their states and problems, and how the last reload went
<li><a href="/streams">/streams</a>: the open streams; ?limit=, ?after= and ?route=
<li><a href="/cluster">/cluster</a>: the shared streams of this replica: who reads them, and for whom; ?limit= and ?after=
<li><a href="/openapi.json">/openapi.json</a>: the routes as an OpenAPI document; ?target=3.2
<li><a href="/config">/config</a>: the effective configuration, without secrets
<li><a href="/debug/pprof/">/debug/pprof/</a>: profiles
<li>POST /-/reload: load the configuration anew
<li>POST /-/shed?share=0.2: end that share of the streams within a minute, so that other replicas take them over
</ul>
<p>A POST needs the header <code>` + Header + `: 1</code>:
<pre>curl -X POST -H '` + Header + `: 1' http://127.0.0.1:9091/-/reload</pre>
`))
}

type routeRow struct {
	Name     string      `json:"name"`
	Methods  []string    `json:"methods"`
	Path     string      `json:"path"`
	RPC      string      `json:"rpc,omitempty"`
	Upstream string      `json:"upstream,omitempty"`
	Source   string      `json:"source"`
	State    string      `json:"state"`
	Problem  *problemRow `json:"problem,omitempty"`
}

type upstreamRow struct {
	Name       string               `json:"name"`
	Target     string               `json:"target"`
	State      bridge.UpstreamState `json:"state"`
	Since      time.Time            `json:"since"`
	SchemaRead bool                 `json:"schema_read"`
}

type problemRow struct {
	Text    string `json:"text"`
	Hint    string `json:"hint,omitempty"`
	Warning bool   `json:"warning,omitempty"`
}

func newProblem(p *config.Problem) *problemRow {
	if p == nil {
		return nil
	}
	return &problemRow{p.Error(), p.Hint, p.Warning}
}

// routes answers with all routes and upstreams, and with what is wrong now.
func (h *Handler) routes(w http.ResponseWriter, _ *http.Request) {
	out := struct {
		Routes    []routeRow    `json:"routes"`
		Upstreams []upstreamRow `json:"upstreams"`
		Problems  []*problemRow `json:"problems"`

		Reload      *reloadRow `json:"reload,omitempty"` // left out where there was none
		NeedRestart []string   `json:"need_restart,omitempty"`
	}{Routes: []routeRow{}, Upstreams: []upstreamRow{}, Problems: []*problemRow{}}
	reloads := h.Reloads()
	out.Reload, out.NeedRestart = newReload(reloads.Last), reloads.NeedRestart
	for _, r := range h.Bridge.Routes() {
		state := "served"
		if r.Problem != nil {
			state = "out of order"
		}
		out.Routes = append(out.Routes, routeRow{
			r.Name, r.Methods, r.Path, r.RPC, r.Upstream, r.Source, state, newProblem(r.Problem),
		})
	}
	for _, u := range h.Bridge.Upstreams() {
		out.Upstreams = append(out.Upstreams, upstreamRow{u.Name, u.Target, u.State, u.Since.UTC(), u.SchemaRead})
	}
	for _, p := range h.Bridge.Problems() {
		out.Problems = append(out.Problems, newProblem(p))
	}
	write(w, http.StatusOK, out)
}

// The number of streams on a page of /streams.
const (
	usualStreams = 100
	mostStreams  = 1000
)

type streamRow struct {
	ID     uint64    `json:"id"`
	Route  string    `json:"route"`
	Client string    `json:"client,omitempty"`
	Began  time.Time `json:"began"`
	Kind   string    `json:"kind"`
	Key    string    `json:"key,omitempty"`
	Role   string    `json:"role,omitempty"` // of this bridge in the cluster
}

// streams answers with a page of the open streams. They have no metadata and no field of a request.
func (h *Handler) streams(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	after, err := number(query.Get("after"), 0, 0, 1<<63)
	if err != nil {
		fail(w, http.StatusBadRequest, "after: expected the `next` of the page before, found something else")
		return
	}
	limit, ok := pageSize(w, r)
	if !ok {
		return
	}
	roles := h.roles()
	out := struct {
		Streams []streamRow `json:"streams"`
		Next    uint64      `json:"next,omitempty"` // the `after` of the next page; left out on the last one
	}{Streams: []streamRow{}}
	for s := range h.Bridge.Streams(after) {
		if query.Has("route") && query.Get("route") != s.Route {
			continue
		}
		if uint64(len(out.Streams)) == limit {
			out.Next = out.Streams[limit-1].ID
			break
		}
		out.Streams = append(out.Streams, newStream(s, roles))
	}
	write(w, http.StatusOK, out)
}

func newStream(s bridge.StreamInfo, roles map[string]string) streamRow {
	row := streamRow{ID: s.ID, Route: s.Route, Began: s.Began.UTC(), Kind: "private", Key: s.Key, Role: roles[s.Key]}
	if s.Client.IsValid() {
		row.Client = s.Client.String()
	}
	if s.Shared {
		row.Kind = "shared"
	}
	return row
}

// pageSize reads how many rows a page is to have. Where that is wrong, it answers the request.
func pageSize(w http.ResponseWriter, r *http.Request) (limit uint64, ok bool) {
	limit, err := number(r.URL.Query().Get("limit"), usualStreams, 1, mostStreams)
	if err != nil {
		fail(w, http.StatusBadRequest, "limit: expected a number from 1 to "+strconv.Itoa(mostStreams))
	}
	return limit, err == nil
}

// number reads a number within bounds. Empty text is the number usual.
func number(text string, usual, least, most uint64) (uint64, error) {
	if text == "" {
		return usual, nil
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err == nil && (n < least || n > most) {
		err = strconv.ErrRange
	}
	return n, err
}

// config answers with the effective configuration.
func (h *Handler) config(w http.ResponseWriter, _ *http.Request) {
	text, err := h.Config().Masked()
	if err != nil {
		fail(w, http.StatusInternalServerError, "the configuration cannot be written: "+err.Error())
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8") // a browser shows it
	_, _ = w.Write(text)
}

// write answers with JSON. An error of the write means that the client has gone.
func write(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	_ = encoder.Encode(body)
}

// fail answers with an error.
func fail(w http.ResponseWriter, status int, message string) {
	write(w, status, struct {
		Error string `json:"error"`
	}{message})
}
