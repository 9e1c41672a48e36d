// Package bridge serves server-streaming gRPC methods to browsers as Server-Sent Events.
//
// A [Bridge] is an [net/http.Handler]. Its configuration maps HTTP paths onto methods; a GET of such a path calls the method,
// and each message that it streams becomes one event whose data is the message in ProtoJSON. No generated code is needed:
// the bridge learns the schema from the server's reflection, from a descriptor set or from .proto sources.
//
//	cfg, err := config.Load("grpcsse.yaml")
//	…
//	b, err := bridge.New(ctx, cfg)
//	…
//	defer b.Close()
//	http.Handle("/", b)
//
// # Sources of a program
//
// A Go program need not have an upstream. [WithRoute] puts a source of its own on a route: a method of a generated client
// ([RPC]), or an iterator ([Func]) that yields messages or any Go values. [WithService] serves a gRPC service of the same
// process without a connection. Ids, resuming, ends, limits and errors are those of any other route.
//
// # What holds
//
// Every message that the upstream sends reaches a client that stays connected, once and in order. A client that takes
// nothing holds its own upstream back, and after `write_timeout` is cut off. When a client leaves, its gRPC stream is
// cancelled. Every stream that the bridge knows the end of ends with an event called grpc-status, which says whether to come
// back; an EventSource that should not is answered 204 when it does, and stops.
//
// What a browser sends is taken for hostile, what an upstream sends for possibly wrong: both are bounded in size.
package bridge
