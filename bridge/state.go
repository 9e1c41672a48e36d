package bridge

import (
	"iter"
	"net/http"
	"net/netip"
	"slices"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/internal/bind"
	"github.com/grpcsse/grpcsse/bridge/internal/route"
	"github.com/grpcsse/grpcsse/bridge/internal/upstream"
)

// RouteInfo describes one route.
type RouteInfo struct {
	Name    string
	Methods []string // the HTTP methods
	Path    string   // the path template
	// RPC is the method behind the route, in the form package.Service/Method. It is "" where the route has a source of its own.
	RPC string
	// Upstream is the name of the upstream. It is "" while it is not known which upstream has the service, and "in-process" for
	// a service of [WithService].
	Upstream string
	// Source says where the route is defined: a file and line, a schema, an annotation of a method, or "bridge.WithRoute".
	Source string
	// Problem is the first reason why the route is out of order. It is nil while the route is in order.
	Problem *config.Problem
	// Config has the settings of the route, with those of annotations. It must not be changed.
	Config *config.Route
	// Method is the gRPC method behind the route. It is nil while the schema is not known or lacks the method, and where the route has
	// a source of its own.
	Method protoreflect.MethodDescriptor

	Shared bool // the route shares its upstream streams
	// UpstreamStreams is the number of open upstream streams, with those of catch-ups.
	UpstreamStreams int
	// SharedStreams is the number of shared streams that a new client can join, with those that linger. LogBytes is what their logs
	// and last values hold, in bytes, as of the last event of each stream.
	SharedStreams int
	LogBytes      int64
	// Events and Bytes are what was written to clients since [New]. The event grpc-status and heartbeats are no events, but count as
	// bytes. Bytes count after compression, as in [StreamEnd].
	Events, Bytes int64
	// FailingSince is when upstream streams began to fail to open. It is the zero time where the last one was opened.
	FailingSince time.Time

	plan *route.Plan
}

// Binding is a field of the request message, and the part of an HTTP request that gives the field its value.
type Binding struct {
	From BindingSource
	// Name is the name of the path variable or of the query parameter. It is "" for a body.
	Name string
	// Path leads from the request message to the field. It is empty for a body that gives the whole message.
	Path []protoreflect.FieldDescriptor
}

// BindingSource is a part of an HTTP request.
type BindingSource string

// The parts of an HTTP request that bind to fields.
const (
	BindingPath  BindingSource = "path"
	BindingQuery BindingSource = "query"
	BindingBody  BindingSource = "body"
)

// Bindings returns the fields that a request can set: those of path variables, then of query parameters, then of the body. It
// returns none while the route is out of order. At most 500 query parameters are listed, and none for the fields of a message that
// stands in a message of its own type, although such parameters bind too. What `request.set` gives is in the Config.
func (r RouteInfo) Bindings() []Binding {
	if r.plan == nil || r.plan.Binder == nil {
		return nil
	}
	var out []Binding
	sources := map[bind.Source]BindingSource{bind.FromPath: BindingPath, bind.FromQuery: BindingQuery, bind.FromBody: BindingBody}
	for _, target := range r.plan.Binder.Targets(!slices.Contains(r.Methods, http.MethodGet)) {
		out = append(out, Binding{From: sources[target.From], Name: target.Name, Path: target.Path})
	}
	return out
}

// Routes returns the current routes, including those that are out of order. The numbers of a route are those of all routes with the
// same name, now and before a reload.
func (b *Bridge) Routes() []RouteInfo {
	shared := b.streams.Shared()
	var out []RouteInfo
	for _, rt := range b.catalog.Routes() {
		info := RouteInfo{
			Name:            rt.Config.Name,
			Methods:         rt.Config.Methods,
			Path:            rt.Config.Path,
			RPC:             rt.RPC(),
			Upstream:        rt.UpstreamName(),
			Source:          rt.Origin,
			Problem:         rt.FirstProblem(),
			Config:          rt.Config,
			Method:          rt.Descriptor(),
			plan:            rt.Plan,
			Shared:          rt.Config.Share != nil,
			UpstreamStreams: int(rt.Health.Upstreams.Load()),
			SharedStreams:   shared[rt.Config.Name].Streams,
			LogBytes:        shared[rt.Config.Name].Bytes,
			FailingSince:    rt.Health.FailingSince(),
		}
		info.Events, info.Bytes = rt.Health.Meter.Written()
		if info.Problem == nil {
			info.Problem = b.auth.RouteProblem(rt.Config)
		}
		out = append(out, info)
	}
	return out
}

// UpstreamState says whether the server of an upstream can be reached.
type UpstreamState string

// The values of [UpstreamInfo.State].
const (
	// UpstreamUp is the state while there is a connection.
	UpstreamUp UpstreamState = "up"
	// UpstreamConnecting is the state while the first attempt to connect is made, and after a connection was lost.
	UpstreamConnecting UpstreamState = "connecting"
	// UpstreamDown is the state after an attempt to connect has failed, until one succeeds.
	UpstreamDown UpstreamState = "down"
	// UpstreamIdle is the state without a connection, while no stream needs one.
	UpstreamIdle UpstreamState = "idle"
)

// UpstreamInfo describes the server of one upstream at one moment.
type UpstreamInfo struct {
	Name   string
	Target string
	State  UpstreamState
	// Since is when State began. For [UpstreamDown] it is when the last connection was lost, or when the bridge began to connect.
	Since time.Time
	// SchemaRead says that the schema was read at least once, from the server or from files. Without it, the routes of the upstream
	// are out of order.
	SchemaRead bool
	// Connections is the number of connections, with those whose server cannot be reached.
	Connections int
	// Streams is the number of open streams, and Waiting the number of streams that wait for a place on a connection.
	Streams, Waiting int
}

// Upstreams returns the upstreams of the configuration and their states, in the order of the configuration. It waits for no
// server. A service of [WithService] is no upstream.
func (b *Bridge) Upstreams() []UpstreamInfo {
	var out []UpstreamInfo
	for _, u := range b.catalog.Upstreams() {
		out = append(out, UpstreamInfo{
			Name: u.Config.Name, Target: u.Config.Target, State: upstreamState(u.State), Since: u.Since, SchemaRead: u.SchemaRead,
			Connections: u.Load.Connections, Streams: u.Load.Open, Waiting: u.Load.Waiting,
		})
	}
	return out
}

func upstreamState(s upstream.State) UpstreamState {
	switch s {
	case upstream.Up:
		return UpstreamUp
	case upstream.Idle:
		return UpstreamIdle
	case upstream.Down:
		return UpstreamDown
	case upstream.Connecting:
	}
	return UpstreamConnecting
}

// IOUring reports whether parked connections are written to by io_uring, many with one system call. See `server.io_uring`.
func (b *Bridge) IOUring() bool { return b.handler.WritesTogether() }

// StreamInfo describes the stream of one client that is open.
type StreamInfo struct {
	// ID is the number of the stream. A stream that begins later has a higher one.
	ID    uint64
	Route string
	// Client is the address of the client. It is the zero Addr where the address is unknown.
	Client netip.Addr
	// Began is when the request arrived.
	Began time.Time
	// Shared says that the client reads a shared stream.
	Shared bool
	// Key is the same text for all clients of one shared stream, and differs from that of each other shared stream. It tells
	// nothing of the requests. Each process has others, unless it is in a cluster. It is "" for a private stream.
	Key string
}

// Streams yields the open streams whose ID is above after, in the order of their IDs. With the ID of the last stream that was
// yielded, a caller continues later. The loop sees the streams of the moment at which it began: one that ends meanwhile may still
// be yielded. No stream waits for it. A list of 100,000 streams is copied within a millisecond, and sorted within some ten.
func (b *Bridge) Streams(after uint64) iter.Seq[StreamInfo] {
	return func(yield func(StreamInfo) bool) {
		for s := range b.handler.Streams(after) {
			info := StreamInfo{ID: s.Number, Route: s.Route, Client: s.Client, Began: s.Began, Shared: s.Key != "", Key: s.Key}
			if !yield(info) {
				return
			}
		}
	}
}
