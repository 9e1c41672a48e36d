package config

import (
	"slices"
	"time"
)

// Config is one configuration file with everything that it includes: resolved, validated, defaults filled in.
// It is immutable by convention: whoever holds one only reads it.
type Config struct {
	Server Server
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
}

// Server is the `server:` section.
type Server struct {
	// Listen is the public address, ":8080" by default.
	Listen string
	// TLS is nil where the file has no `server.tls`.
	TLS *ServerTLS
	// DrainTimeout is the time over which streams are ended at shutdown; 20 s by default.
	DrainTimeout time.Duration
	// RequestBytes bounds header and body of a request; 64 KiB by default.
	RequestBytes Size
	// Streams bounds how many streams are open at once; 0, the default, is 80 % of the file descriptors that the process
	// may have.
	Streams int
	// SharedStreams bounds how many shared streams there are at once, 10,000 by default; it is at least 1. Those that linger
	// count too, and make room for others.
	SharedStreams int
	// ReplayBytes bounds what the logs of all shared streams hold together, those of lingering streams going first; 1 GiB
	// by default, and never 0.
	ReplayBytes Size
	// Hosts are the names that requests may come for, in lower case and without a port; none, the default, means any name.
	// Each is a host name ("app.example.com"), a host name whose first label is "*" and stands for one or more labels
	// ("*.example.com"), an IP address ("::1", without brackets), or a range of addresses ("127.0.0.0/8").
	Hosts []string
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
	// gRPC, which derives it from the target. It is always empty beside TLS, where ServerName says it.
	Authority string
	// TLS is nil for plaintext.
	TLS    *UpstreamTLS
	Schema Schema
	// Annotations also serves methods that carry google.api.http GET rules or grpcsse.v1 options.
	Annotations bool
	// Connections is how many connections are held open, 1 by default; more are opened while streams wait for a free one,
	// up to MaxConnections, 16 by default. Connections is at least 1 and never over MaxConnections.
	Connections, MaxConnections int
	// MaxMessageBytes bounds one received message on the wire; 4 MiB by default.
	MaxMessageBytes Size
	// Metadata is sent with every call, names in lower case.
	Metadata map[string]string
	// Keepalive is off where Time is 0, which is the default.
	Keepalive Keepalive

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
	Reflection    bool
	DescriptorSet string // path of a FileDescriptorSet, relative paths resolved against the file that names them
	Proto         *ProtoSources
}

// ProtoSources are .proto files that are compiled at start.
type ProtoSources struct {
	// Files are import names, resolved against ImportPaths. ImportPaths are resolved against the configuration file.
	Files, ImportPaths []string
}

// Keepalive is gRPC's: a ping after Time without traffic, and Timeout to answer it.
type Keepalive struct {
	Time, Timeout time.Duration
}

// Route maps one HTTP path onto one server-streaming RPC.
type Route struct {
	Name string // label in logs and metrics: the path by default
	Path string // google.api.http template, already known to parse
	// Service and Method are the two halves of `rpc`.
	Service, Method string
	// Upstream is the name of the upstream, or "" where it is found by which one has the service.
	Upstream string
	// Methods are the HTTP methods that the path answers, sorted: "GET" (the default; HEAD goes with it) and "POST".
	Methods []string
	// Body is where the JSON body of a POST goes: "*" for the whole request message, a field path, or "" for a route that
	// takes no body. It is empty unless Methods has "POST".
	Body string

	Request  RequestMapping
	Metadata MetadataMapping
	Event    EventMapping
	JSON     JSONOptions
	// Share is nil where each connection has its own upstream stream, which is the default. It is there only for routes
	// whose Methods is GET alone.
	Share *Share

	// OnEnd says what follows when the upstream ends a stream with OK; [OnEndStop] by default.
	OnEnd OnEnd
	// Reopen is how an upstream stream that broke is opened again.
	Reopen Reopen
	// Status overrides, for single codes, whether the browser comes back after an error. It is nil by default.
	Status map[StatusCode]Verdict
	// OpenErrors says how the browser is told of an error that comes before the first message; [OpenErrorsEvent] by default.
	OpenErrors OpenErrors
	// ExposeErrors lets messages of server-fault codes reach the browser.
	ExposeErrors bool
	// OpenWait is how long to wait for the upstream's first word before committing to 200; 300 ms by default.
	OpenWait time.Duration
	// Heartbeat is the time without traffic after which a comment is written; 15 s by default.
	Heartbeat time.Duration
	// WriteTimeout cuts off a client that takes nothing for so long; 10 s by default.
	WriteTimeout time.Duration
	// SendBuffer bounds the bytes for one client that the kernel holds and has not sent; 128 KiB by default, and from 4 KiB
	// to 1 GiB. It has an effect on Linux only.
	SendBuffer Size
	// MaxAge ends a connection after this time, minus up to 20 % at random; 0, the default, is never.
	MaxAge time.Duration
	// MaxEventBytes bounds the JSON of one event; 4 MiB by default.
	MaxEventBytes Size
	// Compression compresses events for clients that accept it, which is the default.
	Compression bool
	// CORS is nil where only pages of the same origin may read the stream, which is the default.
	CORS *CORS

	source
}

// Reopen says how the bridge opens an upstream stream again, from the last id that was sent, so that the browser sees
// nothing of a failure. A stream that belongs to one browser is reopened only where the route has `event.id` and binds
// ${last_event_id}, a shared one in any case; the values are filled in for every route.
type Reopen struct {
	// MaxAttempts is how many attempts there may be in a row; 0, the default, is without limit. A row is over when a stream has
	// stood for as long as Max, or for 10 s where Max is longer, or has brought an event and ended with OK. That it has brought
	// events before it failed is not enough.
	MaxAttempts int
	// Base is the delay before the first attempt of a row, 200 ms by default. It doubles up to Max, 10 s by default, and is
	// jittered. Base is over 0, and Max is at least Base.
	Base, Max time.Duration
}

// Share says that requests which ask the upstream for the same share one upstream stream: those whose request message, the
// fields of the cursor aside, and whose metadata are the same. [NewShare] fills in the defaults.
type Share struct {
	// LateJoin is what a client gets of the events before it came. A route has to say it.
	LateJoin LateJoin
	// Replay bounds the log from which clients resume and late ones join.
	Replay Replay
	// SlowClient says what happens to a client that is half the log behind; [SlowClientDisconnect] by default.
	SlowClient SlowClient
	// Linger is how long the upstream stream and its log stay after the last client has left; 10 s by default, and 0 is not
	// at all.
	Linger time.Duration
	// ReopenAfter is the time after which the upstream stream is opened again, with a new check of the opener's credentials;
	// 0, the default, is never.
	ReopenAfter time.Duration
}

// LateJoin is which events of a shared stream a client gets that comes later, or that lost its place.
type LateJoin struct {
	// Mode has no default.
	Mode LateJoinMode
	// Field is a field path. It is there for [LateJoinLatestBy] and [LateJoinSince] only.
	Field string
	// Keys bounds how many values of Field are kept. It is there for [LateJoinLatestBy] only, where it is at least 1, and
	// 10,000 by default.
	Keys int
}

// Replay bounds the log of one shared stream: the oldest events go first. An event that is over Bytes alone is kept alone.
type Replay struct {
	// Events is at least 1; 1,024 by default.
	Events int
	// Bytes is over 0; 4 MiB by default. It counts all forms of an event that are in memory.
	Bytes Size
	// Age is over 0; 5 min by default.
	Age time.Duration
}

// CORS says which pages of other origins may read a route's streams.
type CORS struct {
	// Origins are compared with the header Origin as it is sent: scheme://host, with a port unless it is the scheme's own,
	// all in lower case. The one element "*" stands for every origin, and is there only without Credentials.
	Origins []string
	// Credentials lets those pages send cookies and HTTP authentication along.
	Credentials bool
	// Headers are the names of request headers that those pages may send, in lower case, beside those that the route reads.
	Headers []string
}

// RequestMapping says how an HTTP request becomes the request message.
type RequestMapping struct {
	// QueryAll binds every query parameter to the field of its name; otherwise Query lists those that bind.
	QueryAll bool
	Query    []string
	// RejectUnknownQuery refuses a parameter that names no field (and in a list, one that is not on it).
	RejectUnknownQuery bool
	// Set are the fixed values and references, sorted by field path.
	Set []Setting
	// Timeout is the deadline of the gRPC stream; 0, the default, is none.
	Timeout time.Duration
}

// Setting is one entry of `request.set`: what a field of the request message is given, in the form of ProtoJSON. It is one
// value, a list for a repeated field, or a mapping for a message or a map.
//
// A mapping gives the message whole, an empty one an empty message. A cursor that the request does not have is left out of
// it, as an element is of a list and an entry of a map.
type Setting struct {
	// Field is the path of the request field. In Members it is one name, of a field of the message, or the key of an entry of
	// a map; in List it is empty.
	Field string
	// Value is a literal, or exactly one reference, or text with references in it. It is empty for empty text, and
	// where List or Members is not nil.
	Value Template
	// List are the elements where the file gives a list. An empty list is not nil.
	List []Setting
	// Members are the entries, sorted, where the file gives a mapping. An empty mapping is not nil.
	Members []Setting
	// Bare says that Value is a number, true, false or null that stands without quotes. Struct, Value, ListValue and Any tell
	// it from text that reads like it; for all other types it is the same, but that null is no value of them.
	Bare bool
}

// Templates returns the values of the setting: its own, or those of its elements and members, and so on.
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

// MetadataMapping says which metadata passes between browser and upstream. All names are in lower case, and a value whose
// name ends in -bin is base64 in HTTP and bytes in gRPC.
type MetadataMapping struct {
	// Forward are the request headers that are sent to the upstream; no other header is.
	Forward []string
	// Set are fixed values and references, sorted by name. No name is in Forward too.
	Set []MetadataSetting
	// Expose are the names of response metadata that become headers of the HTTP response.
	Expose []string
}

// MetadataSetting is one entry of `metadata.set`.
type MetadataSetting struct {
	Name string
	// Value is text with references in it; it is empty for empty text. Where Name ends in -bin, it is one literal in
	// base64, or exactly one reference to such text. Other literals are printable ASCII.
	Value Template
}

// Template is a value with references in it, for example "user-${path.id}".
type Template []Part

// Part is a piece of literal text, or a reference.
type Part struct {
	Text string // literal, where Ref is ""
	// Ref is what is referred to: [LastEventID], "header.NAME" with a name in lower case, "path.FIELD",
	// "query.NAME" or "cookie.NAME". A reference without a value refuses the request. But the cursor, where it is missing,
	// leaves unset what it is for.
	Ref string
	// Default stands in where the reference has no value, or an empty one, and HasDefault is true.
	Default    string
	HasDefault bool
}

// EventMapping says which parts of a message become which lines of an event.
type EventMapping struct {
	ID        string // field path, "" for none
	Name      string // field path, or the name of a oneof, "" for none
	NameConst string // a constant event name, "" for none
	Data      string // path of the sub-message that becomes data, "" for the whole message
	// Retry is the reconnection time told to the browser, jittered by ±20 % per connection; 2 s by default.
	Retry time.Duration
}

// JSONOptions are the choices that ProtoJSON leaves open.
type JSONOptions struct {
	EmitDefaults bool // true by default: `progress: 0` must not vanish in JavaScript
	EnumNumbers  bool
	ProtoNames   bool
}
