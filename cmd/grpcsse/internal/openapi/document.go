package openapi

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/describe"
	"github.com/grpcsse/grpcsse/cmd/grpcsse/internal/contract"
)

// Target is a version of OpenAPI.
type Target string

// The versions that a document can have.
const (
	V31 Target = "3.1"
	V32 Target = "3.2"
)

// full returns the version with its patch level.
func (t Target) full() string {
	if t == V32 {
		return "3.2.0"
	}
	return "3.1.1"
}

// API is what a document describes.
type API struct {
	Target Target
	// Title is "Event streams" where it is empty.
	Title string
	// Version is the version of the API. Where it is empty, the document has a text that changes with the document.
	Version string
	// Servers are the URLs below which the routes are. Where there are none, readers of the document take the place that they got
	// it from.
	Servers []string
	// Hosts says that the bridge refuses requests for other hosts than its own.
	Hosts  bool
	Routes []contract.Route
	// Auth says who may read the streams of routes. It may be nil.
	Auth *config.Auth
	// Missing are the paths of routes that are out of order, so that the document does not describe them.
	Missing []string
}

// generator is in each document.
const generator = "grpcsse openapi"

// IsMade reports whether a file was made by this package.
func IsMade(text []byte) bool {
	var found struct {
		Generator string `json:"x-generator"`
	}
	return json.Unmarshal(text, &found) == nil && found.Generator == generator
}

// Document returns the document, in JSON with indentation.
func Document(api API) ([]byte, error) {
	b := &builder{
		api: api, forms: map[string]*form{}, schemas: map[string]*schema{}, schemes: map[string]*securityScheme{},
		places: map[string]*place{}, ids: map[string]bool{}, services: map[string]string{}, statuses: map[int]bool{},
	}
	for _, r := range inOrder(api.Routes) {
		b.route(r)
	}
	doc := b.document()
	if doc.Info.Version == "" {
		text, err := json.Marshal(doc)
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(text)
		doc.Info.Version = hex.EncodeToString(sum[:6])
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	err := encoder.Encode(doc)
	return out.Bytes(), err
}

// inOrder returns the routes in an order that does not depend on that of the configuration: by path, and those with a wildcard for any
// number of segments last. For these there may be several paths in the document.
func inOrder(routes []contract.Route) []contract.Route {
	routes = slices.Clone(routes)
	slices.SortStableFunc(routes, func(a, b contract.Route) int {
		if rest := parseTemplate(a.Path).hasRest(); rest != parseTemplate(b.Path).hasRest() {
			if rest {
				return 1
			}
			return -1
		}
		return strings.Compare(a.Path, b.Path)
	})
	return routes
}

// builder gathers the parts of a document.
type builder struct {
	api      API
	forms    map[string]*form
	schemas  map[string]*schema
	schemes  map[string]*securityScheme
	places   map[string]*place // by the shape of the path
	ids      map[string]bool   // the operation ids that are taken
	services map[string]string // the comments of the services
	statuses map[int]bool      // those that an operation has
}

// place is a path of the document.
type place struct {
	path  string
	names []string // of the parameters
	item  pathItem
}

// route adds the operations of a route.
func (b *builder) route(r contract.Route) {
	for _, method := range r.Methods {
		key := strings.ToLower(method)
		t := parseTemplate(r.Path)
		taken := func(t *template) bool { p := b.places[t.shape()]; return p != nil && p.item[key] != nil }
		for n := 2; t.hasRest() && taken(t); n++ {
			t = parseTemplate(r.Path).spread(n)
			if !taken(t) {
				break
			}
		}
		p := b.places[t.shape()]
		if p == nil {
			p = &place{path: t.names(), item: pathItem{}}
			for _, w := range t.wildcards {
				p.names = append(p.names, w.name)
			}
			b.places[t.shape()] = p
		}
		p.item[key] = b.operation(r, method, t, p.names)
	}
}

// operation describes what a route does for an HTTP method. names are the names of the parameters in the path.
func (b *builder) operation(r contract.Route, method string, t *template, names []string) *operation {
	service := r.Method.Parent()
	b.services[string(service.FullName())] = cut(describe.Doc(service))
	op := &operation{
		OperationID: b.operationID(r, method), Tags: []string{string(service.FullName())}, Deprecated: describe.Deprecated(r.Method),
		Security: b.security(r), Responses: b.responses(r, method),
	}
	op.Summary, op.Description = summarize(describe.Doc(r.Method))
	op.Parameters = b.parameters(r, method, t, names)
	if method == http.MethodPost {
		op.RequestBody = b.requestBody(r)
	}
	if !t.exact() {
		op.Template = r.Path
	}
	return op
}

// document puts the parts together.
func (b *builder) document() *document {
	doc := &document{
		OpenAPI: b.api.Target.full(), Generator: generator,
		Info:  info{Title: b.api.Title, Description: aboutStreams, Version: b.api.Version},
		Paths: map[string]pathItem{},
	}
	if doc.Info.Title == "" {
		doc.Info.Title = "Event streams"
	}
	for _, url := range b.api.Servers {
		doc.Servers = append(doc.Servers, server{url})
	}
	for name, about := range b.services {
		doc.Tags = append(doc.Tags, tag{name, about})
	}
	slices.SortFunc(doc.Tags, func(a, b tag) int { return strings.Compare(a.Name, b.Name) })
	for _, p := range b.places {
		doc.Paths[p.path] = p.item
	}
	doc.Missing = b.api.Missing
	doc.Components = components{Responses: b.sharedResponses(), Schemas: b.schemas, SecuritySchemes: b.schemes}
	return doc
}

const aboutStreams = "Each operation answers with a stream of server-sent events (text/event-stream). The data of an event is one " +
	"JSON message. The events whose names begin with `grpc-` are those of the bridge: `grpc-status` ends each stream and says how, and " +
	"`grpc-end` follows where a client should not come back. A client that asks for application/x-ndjson gets one message a line, and " +
	"nothing else. An EventSource gets an error as the event `grpc-status` of an answer with the status 200, unless the operation says " +
	"otherwise. All other clients get the HTTP status of the error."
