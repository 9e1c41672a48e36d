// Package bridge serves server-streaming gRPC methods to browsers as Server-Sent Events.
//
// A [Bridge] is an [net/http.Handler]. Its configuration maps HTTP paths to methods. A GET request for such a path calls the
// method, and each message of the response stream becomes one event. The data of the event is the message in ProtoJSON. No
// generated code is needed: the bridge reads the schema from the server's reflection service, from a descriptor set or from
// .proto sources.
//
//	cfg, err := config.Load("grpcsse.yaml")
//	…
//	b, err := bridge.New(ctx, cfg)
//	…
//	defer b.Close()
//	http.Handle("/", b)
//
// Many idle browsers cost least on routes with a Share, behind a server that was given to [Bridge.Park]. To end a program,
// call [Bridge.Shutdown] while the server still listens, then the server's own Shutdown, then [Bridge.Close]. A server's
// ReadTimeout must be 0, since it would end streams; ReadHeaderTimeout bounds a slow request. The bridge serves at most as many
// streams at once as config.Server.Streams says; by default that is 80 % of the process's file descriptors.
//
// # Sources in the program
//
// A Go program can serve events without an upstream server. [WithRoute] adds a route with a source of its own: a method of a
// generated client ([RPC]), or an iterator ([Func]) that yields protobuf messages or other Go values. [WithService] serves a
// gRPC service of the same process without a connection. Ids, resuming, ends, limits and errors work as on every other route.
//
// # Guarantees
//
// A client that stays connected receives every message of its upstream stream, once and in order. While a client takes nothing,
// its own upstream stream waits; after `write_timeout` the bridge cuts the client off. On a shared stream a client that is too
// slow is cut off earlier, while it can still resume, or skips events and is told so (`slow_client`). A client that comes back with
// the id of its last event receives what followed that event, on private and on shared streams, and also after a restart of the bridge
// (`catch_up`). Where that is not possible, an event named grpc-reset says so. When a client leaves, the bridge cancels
// the client's gRPC stream. A stream whose end the bridge knows closes with an event named grpc-status. The event says whether
// the client should come back. An EventSource that reconnects although it should not is answered with the status 204, and
// stops.
//
// The bridge treats everything that a browser sends as hostile, and everything that an upstream sends as possibly wrong. It
// bounds the size of both.
package bridge
