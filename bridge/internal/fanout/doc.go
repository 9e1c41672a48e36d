// Package fanout serves any number of subscribers from one upstream stream each that asks for the same.
//
// A [Registry] holds the shared streams by key. A stream has one goroutine, which reads the upstream and appends to a
// [replay.Log], opens it again when it breaks, and ends when nobody is left or nothing follows. It knows its subscribers by
// number only: a [Subscriber] is a place in the log and pulls, as a [pump.Cursor], so that no subscriber can hold up the stream
// or another one, and an idle one costs the few words that say where it is.
//
//	Upstream.Run ──Sink──► recorder ──Append──► replay.Log ──Read──► Subscriber.Peek ──► pump
//	                           stream: accepted, fresh, gap, end ──────┘
//
// Subscribers read the log, and so does the last-value cache: who appends to it may be elsewhere.
//
// A subscriber never misses an event without being told. Whatever breaks the sequence that it sees is a grpc-reset in front of
// what follows: an id that cannot be resumed from, an upstream stream that could not go on where the last one broke (a new
// epoch of the log), or its own slowness.
//
// The package knows neither gRPC nor protobuf nor HTTP: what it carries are bytes, ids and keys, and whoever reads the upstream
// renders its end.
package fanout
