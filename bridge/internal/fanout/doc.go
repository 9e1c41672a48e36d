// Package fanout serves many subscribers that ask for the same stream from one upstream stream.
//
// A [Registry] holds the shared streams by key. A stream has one goroutine. The goroutine reads the upstream, appends its
// events to a [replay.Ring], and opens the upstream again when it breaks. The stream ends when it has no subscribers left or
// when the upstream has nothing more to send. A stream only counts its subscribers. A [Subscriber] is a place in the log: as a
// [pump.Cursor] it reads when its pump asks. So a subscriber cannot hold up the stream or another subscriber, and an idle
// subscriber costs only the few words that hold its place.
//
//	Upstream.Run ──Sink──► recorder ──Append──► replay.Ring ──Read──► Subscriber.Peek ──► pump
//	                              stream: accepted, gap, end ───────────┘
//
// The last-value cache reads the log as subscribers do, because another appender may add events too.
//
// A subscriber may come with an id that the log does not have, for example after a restart of the bridge. Where the upstream can
// go on behind an id, such a subscriber catches up: it reads a second, short upstream stream, which is opened with this id, until
// that stream meets the log. The stream's own upstream is never opened with a subscriber's id, because an id that is made up would
// then decide what all subscribers get. The rules stand beside their code: when the two streams have met (neighbours), which ids
// of the log count (sureness), who shares a catch-up, how many are read at once, and how they end (catchUp, catchUps).
//
// With a [Cluster], one of several replicas reads the upstream of a key, and the logs of the others get what this replica reads.
// A [Member] is a stream's part in that: its reader runs only while the replica is told to read, and [Page] carries events and
// what is told beside them (member, leader, joint). The cluster itself, which decides who reads and carries the pages, is
// elsewhere.
//
// A subscriber never misses an event without being told. The event grpc-reset tells it, and stands in front of the events that
// follow. The reasons are an id after which the stream cannot go on, an upstream stream that could not go on where the last one
// broke (a new epoch of the log), and a subscriber that was too slow.
//
// The package knows neither gRPC nor protobuf nor HTTP. It carries bytes, ids and keys. The end of a stream comes from the
// package that reads the upstream.
package fanout
