package config

import (
	"slices"
	"time"
)

// Config is one configuration file with everything that it includes. Paths are resolved, defaults are filled in, and what the
// file alone shows is checked. Change a Config only before it is handed to the bridge, which reads it from then on.
type Config struct {
	Server Server
	// Auth says who may read the streams of routes with [Route.Auth].
	Auth Auth
	// Upstreams are the gRPC servers, in the order of the file.
	Upstreams []*Upstream
	// Routes are the mappings of HTTP paths onto RPCs, in the order of the file.
	Routes []*Route
	// Warnings are problems that do not stop the bridge, sorted by position.
	Warnings Problems

	// ServeAll serves every server-streaming method of every upstream at /<package.Service>/<Method>, as
	// [ForUpstream] asks for. Defaults holds the settings of those routes.
	ServeAll bool
	// Defaults is the route that `defaults:` describes: no name, path or rpc, every other setting filled in.
	Defaults *Route

	source source // the main file
}

// Server is the `server:` section.
type Server struct {
	// Listen is the public address, ":8080" by default.
	Listen string
	// TLS is nil where the file has no `server.tls`.
	TLS *ServerTLS
	// DrainTimeout is the time over which a shutdown spreads the ends of the streams; 20 s by default.
	DrainTimeout time.Duration
	// HeaderTimeout is the time in which the header of a request, and a TLS handshake or a PROXY protocol header before it, must
	// arrive; 10 s by default, and over 0. Like IdleTimeout, ProxyProtocol and Connections it is for the program's listener: a Go
	// program that serves a bridge has a listener of its own.
	HeaderTimeout time.Duration
	// IdleTimeout is the time after which a connection without a request is closed; 2 min by default, and over 0.
	IdleTimeout time.Duration
	// ProxyProtocol is true where each connection begins with a PROXY protocol header, version 1 or 2, which names the client.
	ProxyProtocol bool
	// IOUring is [IOUringAuto] by default.
	IOUring IOUring
	// Connections bounds the open connections of clients; 0, the default, is what the file descriptors that the process may
	// have allow, less a reserve for upstreams.
	Connections int
	// RequestBytes bounds the header and the body of a request; 64 KiB by default.
	RequestBytes Size
	// Streams bounds how many streams are open at once; 0, the default, is 80 % of the file descriptors that the process
	// may have.
	Streams int
	// StreamsPerClient bounds how many streams one client address has open; 0, the default, is any number. An IPv6 address counts
	// by its first 64 bits.
	StreamsPerClient int
	// StreamsPerSubject bounds how many streams one subject of tokens has open, from all addresses; 0, the default, is any number.
	StreamsPerSubject int
	// OpensPerClient bounds how often one client address may ask for a stream. The zero Rate, the default, is no bound.
	OpensPerClient Rate
	// SharedStreams bounds how many shared streams there are at once; 10,000 by default, and at least 1. A stream that only
	// lingers counts too, and makes room for a new one.
	SharedStreams int
	// ReplayBytes bounds the memory of the logs of all shared streams together; 1 GiB by default, and never 0. Above it, streams
	// that only linger are ended first.
	ReplayBytes Size
	// QueueBytes bounds the memory of what waits for the clients of streams that are not shared; 1 GiB by default, and never 0.
	// Above it, the streams whose clients have taken nothing for the longest time are ended.
	QueueBytes Size
	// Hosts are the hosts that a request may name, in lower case and without a port; none, the default, means any name.
	// Each is a host name ("app.example.com"), a host name whose first label is "*" and stands for one or more labels
	// ("*.example.com"), an IP address ("::1", without brackets), or a range of addresses ("127.0.0.0/8").
	Hosts []string
	// OpenAPI is the path at which the program serves an OpenAPI document of the routes on the public address, such as "/openapi.json"; "",
	// the default, is none.
	OpenAPI string
	// AccessLog says which lines the access log has.
	AccessLog AccessLog
	// Health is the address for probes and metrics; "", the default, is none. The program listens there, and not the bridge.
	Health string
	// Cluster is the section `cluster`; nil, the default, is a bridge that shares with no other one.
	Cluster *Cluster
	// Admin is the listener for administrators; nil, the default, is none. The program listens there, and not the bridge.
	Admin *Admin
	// TrustedProxies are the proxies in front of the bridge: addresses ("10.1.2.3") and ranges of addresses ("10.0.0.0/8"). None,
	// the default, trusts no proxy. What a trusted proxy says in X-Forwarded-For, -Host and -Proto is believed.
	TrustedProxies []string
}

// ServerTLS names the certificate of the public listener. Both files are read again when they change.
type ServerTLS struct {
	CertFile, KeyFile string
}

// Upstream is one gRPC server, or one set of them behind a name.
type Upstream struct {
	Name   string
	Target string
	// Balance is [BalanceRoundRobin] by default.
	Balance Balance
	// Authority is the :authority of calls to a plaintext upstream, such as "market.internal"; "", the default, leaves it to
	// gRPC, which derives it from the target. It is always empty beside TLS: ServerName takes its place.
	Authority string
	// TLS is nil for plaintext.
	TLS    *UpstreamTLS
	Schema Schema
	// Annotations also serves methods that carry google.api.http GET rules or grpcsse.v1 options.
	Annotations bool
	// Connections is how many connections are held open; 1 by default, and at least 1.
	Connections int
	// MaxConnections is how many connections there may be while streams wait for a free one; 16 by default, and at least
	// Connections.
	MaxConnections int
	// MaxMessageBytes bounds one received message on the wire; 4 MiB by default.
	MaxMessageBytes Size
	// Metadata is sent with every call. The names are in lower case.
	Metadata map[string]string
	// MetadataFiles are the paths of files whose text is sent with every call, without the space around it, by the name of the
	// metadata. A file is read again when it has changed. No name is in Metadata too.
	MetadataFiles map[string]string
	// Keepalive is off where Time is 0, which is the default.
	Keepalive Keepalive
	// Limits bound the streams of all routes of the upstream.
	Limits UpstreamLimits

	source
}

// UpstreamTLS is the `tls:` section of an upstream. Its zero value means the system's roots and no client certificate.
type UpstreamTLS struct {
	CAFile, CertFile, KeyFile string
	// ServerName is the name that the server's certificate must have, and the :authority of calls; "", the default, leaves
	// both to gRPC, which derives them from the target.
	ServerName string
}

// Schema says where an upstream's descriptors come from: exactly one of its fields is set.
type Schema struct {
	// Reflection asks the server, by the gRPC service for server reflection. It is the default.
	Reflection bool
	// DescriptorSet is the path of a FileDescriptorSet. A relative path in a file starts at that file.
	DescriptorSet string
	// Proto are .proto files, compiled at start.
	Proto *ProtoSources
}

// ProtoSources are .proto files that are compiled at start.
type ProtoSources struct {
	// Files are the files as an import statement would name them, or patterns of such names. There is at least one.
	Files []string
	// ImportPaths are the directories in which imports are looked up. A relative path in a file starts at that file.
	ImportPaths []string
}

// Keepalive says when gRPC pings a quiet connection.
type Keepalive struct {
	// Time is how long a connection is quiet before it is pinged; 0, the default, is never. gRPC takes 10 s for a shorter time.
	Time time.Duration
	// Timeout is how long the answer may take before the connection is closed; 20 s by default.
	Timeout time.Duration
}

// Route maps one HTTP path onto one server-streaming RPC.
type Route struct {
	// Name is the label of the route in logs and metrics; the path by default.
	Name string
	// Path is a google.api.http template, such as "/quotes/{symbol}".
	Path string
	// Service and Method are the two halves of `rpc`: "demo.market.v1.MarketService" and "WatchQuotes".
	Service, Method string
	// Upstream is the name of the upstream. "" is the one upstream that has the service.
	Upstream string
	// Methods are the HTTP methods that the path answers, sorted: [net/http.MethodGet], which is the default and includes HEAD,
	// and [net/http.MethodPost].
	Methods []string
	// Body is where the JSON body of a POST goes: "*" for the whole request message, a field path, or "" for a route that
	// takes no body. It is empty unless Methods has "POST".
	Body string

	Request  RequestMapping
	Metadata MetadataMapping
	Event    EventMapping
	JSON     JSONOptions
	// Share is nil where each connection has its own upstream stream, which is the default. Only a route that answers GET alone
	// can share.
	Share *Share

	// OnEnd says what follows when the upstream ends a stream with OK; [OnEndStop] by default.
	OnEnd OnEnd
	// Reopen says how an upstream stream that broke is opened again.
	Reopen Reopen
	// Status overrides, for single codes, whether the browser comes back after an error. It is nil by default.
	Status map[StatusCode]Verdict
	// OpenErrors says how the browser is told of an error that comes before the first message; [OpenErrorsEvent] by default.
	OpenErrors OpenErrors
	// ExposeErrors sends the browser the server's own message also for codes that are a fault of the server, such as INTERNAL.
	// Without it, the default, the browser gets a neutral message for these codes.
	ExposeErrors bool
	// OpenWait is how long a new stream waits for the upstream's first message or error before it is answered with status 200;
	// 300 ms by default.
	OpenWait time.Duration
	// Heartbeat is the time without traffic after which a comment is written; 15 s by default.
	Heartbeat time.Duration
	// WriteTimeout is the time after which a client that takes no bytes is cut off; 10 s by default.
	WriteTimeout time.Duration
	// SendBuffer bounds the bytes for one client that the kernel holds and has not sent; 128 KiB by default. It is at least
	// 4 KiB and at most 1 GiB, and has an effect on Linux only.
	SendBuffer Size
	// MaxAge is the time after which a connection ends, minus up to 20 % at random; 0, the default, is never.
	MaxAge time.Duration
	// MaxEventBytes bounds the JSON of one event; 4 MiB by default.
	MaxEventBytes Size
	// Compression compresses events for clients that accept it, which is the default.
	Compression bool
	// CORS is nil where only pages of the same origin may read the stream, which is the default.
	CORS *CORS
	// Limits bound the streams of the route.
	Limits RouteLimits
	// Auth is nil where anybody may read the streams, which is the default.
	Auth *RouteAuth

	source
}

// Reopen says how the bridge opens an upstream stream again that broke, after the last id that was sent, so that the browser
// sees nothing of the failure. A stream that belongs to one browser is reopened only where the route has `event.id` and binds
// ${last_event_id}. A shared stream is always reopened.
type Reopen struct {
	// MaxAttempts is how many attempts there may be in a row; 0, the default, is any number. A row ends when a stream has stood
	// for Max, or for 10 s where Max is longer. A stream that brought an event and ended with OK ends the row too, but a stream
	// that brought events and failed early does not.
	MaxAttempts int
	// Base is the pause before the first attempt of a row; 200 ms by default, and over 0. Each pause that follows is twice as
	// long, up to Max, and all are jittered.
	Base time.Duration
	// Max is the longest pause; 10 s by default, and at least Base.
	Max time.Duration
}

// LateJoin says which events of a shared stream a client gets first that joins while the stream is running, or that can't resume.
type LateJoin struct {
	// Mode has no default.
	Mode LateJoinMode
	// Field is a field path. It is there for [LateJoinLatestBy] and [LateJoinSince] only.
	Field string
	// Keys bounds how many values of Field are kept; 10,000 by default, and at least 1. It is there for [LateJoinLatestBy] only.
	Keys int
}

// Replay bounds the log of one shared stream. The oldest events are dropped as soon as one of the bounds is reached.
type Replay struct {
	// Events is how many events the log holds; 1,024 by default, and at least 1.
	Events int
	// Bytes is how much memory the events take, with their compressed forms; 4 MiB by default, and over 0. An event that is larger
	// is kept alone.
	Bytes Size
	// Age is how long an event is kept; 5 min by default, and over 0.
	Age time.Duration
}

// CORS says which pages of other origins may read a route's streams.
type CORS struct {
	// Origins are the origins as browsers send them in the header Origin: scheme://host in lower case, with a port unless it is
	// the default port of the scheme. The single element "*" stands for every origin, and goes without Credentials.
	Origins []string
	// Credentials lets the pages send cookies and HTTP authentication.
	Credentials bool
	// Headers are the names of request headers that the pages may send, in lower case. They may always send the headers that the
	// route reads.
	Headers []string
}

// RequestMapping says how an HTTP request becomes the request message.
type RequestMapping struct {
	// QueryAll binds every query parameter to the field that it names. It is the default.
	QueryAll bool
	// Query are the field paths of the query parameters that bind, where QueryAll is false.
	Query []string
	// RejectUnknownQuery refuses a request with a query parameter that binds to no field. Without it, the default, such a
	// parameter is ignored.
	RejectUnknownQuery bool
	// Set are fields that the route itself sets, sorted by field path. No browser can change them.
	Set []Setting
	// Timeout is the deadline of the gRPC stream; 0, the default, is none.
	Timeout time.Duration
}

// Setting is one entry of `request.set`: the value of one field of the request message, in the form of ProtoJSON. It is a single
// value, a list for a repeated field, or a mapping for a message or a map.
//
// A mapping sets the whole message, and an empty mapping sets an empty message. A cursor that the request does not have is
// left out of the message, the list or the map that it stands in.
type Setting struct {
	// Field is the path of the request field. In Members it is the name of one field, or the key of an entry of a map. In List it
	// is empty.
	Field string
	// Value is a literal, a reference, or text with references in it. It is empty for empty text, and where List or Members is
	// not nil.
	Value Template
	// List are the elements of a list, and nil for anything else. An empty list is not nil.
	List []Setting
	// Members are the entries of a mapping, sorted by Field, and nil for anything else. An empty mapping is not nil.
	Members []Setting
	// Bare says that Value is a number, true, false or null without quotes. It makes a difference in Struct, Value, ListValue and
	// Any, where 3 is a number and "3" is text; null is a value in these alone.
	Bare bool
}

// Templates returns all values in the setting: its own, or those of its elements and members, however deep they stand.
func (s Setting) Templates() []Template {
	if s.List == nil && s.Members == nil {
		return []Template{s.Value}
	}
	var all []Template
	for _, inner := range slices.Concat(s.List, s.Members) {
		all = append(all, inner.Templates()...)
	}
	return all
}

// MetadataMapping says which metadata passes between browser and upstream. All names are in lower case. A value whose name ends
// in -bin is base64 in HTTP and bytes in gRPC.
type MetadataMapping struct {
	// Forward are the request headers that are sent to the upstream. No other header is sent.
	Forward []string
	// Set is metadata that the route itself sets, sorted by name. A name in it is not in Forward.
	Set []MetadataSetting
	// Expose are the names of response metadata that become headers of the HTTP response.
	Expose []string
}

// MetadataSetting is one entry of `metadata.set`.
type MetadataSetting struct {
	// Name is the name of the metadata, in lower case.
	Name string
	// Value is text with references in it, and empty for empty text. Where Name ends in -bin, it is a single literal in base64,
	// or a single reference to such text. Other literals are printable ASCII.
	Value Template
}

// Template is a value with references in it, for example "user-${path.id}".
type Template []Part

// Part is a piece of literal text, or a reference.
type Part struct {
	// Text is the literal text, where Ref is "".
	Text string
	// Ref is the name of a reference: [LastEventID], "header.NAME" with a name in lower case, "path.FIELD", "query.NAME",
	// "cookie.NAME" or "claim.NAME". A request that has no value for a reference is refused, unless there is a default. A request without
	// a cursor is not refused: the setting with [LastEventID] is left out.
	Ref string
	// Default is the value of a reference that has none, or an empty one. It counts where HasDefault is true.
	Default    string
	HasDefault bool
}

// EventMapping says which parts of a message become which lines of an event.
type EventMapping struct {
	// ID is the path of the field that becomes the id; "", the default, is none.
	ID string
	// Name is the path of the field or the oneof that becomes the name of the event; "", the default, is none.
	Name string
	// NameConst is the name of every event; "", the default, is none. It is empty where Name is not.
	NameConst string
	// Data is the path of the sub-message that becomes the data; "", the default, is the whole message.
	Data string
	// Retry is the time after which the browser comes back, jittered by ±20 % for each connection; 2 s by default.
	Retry time.Duration
}

// JSONOptions are the choices that ProtoJSON leaves open.
type JSONOptions struct {
	// EmitDefaults sends fields that hold their default too, such as 0 or "". It is true by default, so that `progress: 0` does
	// not vanish in JavaScript.
	EmitDefaults bool
	// EnumNumbers sends the numbers of enum values instead of their names.
	EnumNumbers bool
	// ProtoNames names fields as the .proto file does, instead of in lowerCamelCase.
	ProtoNames bool
}
