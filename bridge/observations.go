package bridge

import (
	"time"

	"google.golang.org/grpc/codes"
)

// Reload describes an attempt to replace the configuration.
type Reload struct {
	Err error // why the configuration stays as it was, nil where it was replaced
}

// StreamOpening describes a client's request for a stream.
type StreamOpening struct {
	Route  string
	Shared bool          // the route shares its upstream streams
	After  time.Duration // the time since the request arrived
}

// StreamEnd describes a stream that has ended.
type StreamEnd struct {
	Route  string
	Shared bool // the route shares its upstream streams
	// Reason says what ended the stream. It is [ReasonGone] where the client left, and [ReasonSlow] where the client took nothing
	// for `write_timeout`, fell too far behind, or where its connection failed.
	Reason Reason
	Limit  Limit // the limit that has ended the stream, "" where Reason is not [ReasonLimit]
	// Code is the gRPC status code that the stream ended with: OK where the upstream ended it in good order, CANCELLED with
	// [ReasonGone], and RESOURCE_EXHAUSTED with [ReasonSlow].
	Code codes.Code
	// Events is the number of events that were written. The event grpc-status and heartbeats do not count.
	Events int
	// Bytes is the size of the body as it was written, after compression. On a parked connection (see [Bridge.Park]) it includes
	// the chunk framing of HTTP/1.1.
	Bytes int64
	// Duration is the time from the arrival of the request to the end of the last write.
	Duration time.Duration
}

// Refusal describes a request that got no stream.
type Refusal struct {
	Route  string // "" where no route matched
	Reason Reason
	Limit  Limit // the limit that was reached, "" where Reason is not [ReasonLimit]
	Code   codes.Code
}

// Delivery describes a write that brought events to a client.
type Delivery struct {
	Route  string
	Shared bool // the route shares its upstream streams
	// First says that the write brought the first event of the stream. After is then the time since the request arrived.
	First bool
	After time.Duration
	// Live says that the events came from the upstream after the client had come. Delay is then the time from the receipt of the
	// first of them to the write.
	Live  bool
	Delay time.Duration
	// Behind is how many events of the stream waited for the client after the write.
	Behind int
}

// Resume describes a client that came with the id of its last event.
type Resume struct {
	Route  string
	Shared bool // the route shares its upstream streams
	Result ResumeResult
	Reset  ResetReason // "" unless Result is [ResumeReset]
}

// ResumeResult says where the events come from that follow the id of a client.
type ResumeResult string

// The results. Later versions may add more.
const (
	// ResumeUpstream means that the client's own upstream stream was opened with the id.
	ResumeUpstream ResumeResult = "upstream"
	// ResumeLog means that the log of a shared stream has the events.
	ResumeLog ResumeResult = "log"
	// ResumeCatchUp means that a short upstream stream beside a shared one brought the events.
	ResumeCatchUp ResumeResult = "catch_up"
	// ResumeReset means that the stream does not go on after the id.
	ResumeReset ResumeResult = "reset"
)

// Reset describes a client that is told that its stream does not go on where the client was.
type Reset struct {
	Route  string
	Shared bool // the route shares its upstream streams
	Reason ResetReason
}

// ResetReason says why a stream does not go on where its client was. A client finds it as "reason" in the data of the event
// grpc-reset.
type ResetReason string

// The reasons of resets. Later versions may add more.
const (
	// ResetExpired means that the log does not have the id, or no longer has it.
	ResetExpired ResetReason = "expired"
	// ResetEpoch means that the upstream could not go on where it was, or that the id is from before that.
	ResetEpoch ResetReason = "epoch"
	// ResetSlow means that the client was too slow for the log, and skips events.
	ResetSlow ResetReason = "slow"
	// ResetInvalid means that the id is malformed, or that the upstream refused it.
	ResetInvalid ResetReason = "invalid"
)

// Skip describes a slow client that skips events.
type Skip struct {
	Route string
}

// Supersession describes events that clients of a shared stream were not given, because newer ones replace them.
type Supersession struct {
	Route  string
	Events int // since the last call, each counted once for each client that was not given it
}

// LeftOutID describes an event that is sent without its id.
type LeftOutID struct {
	Route string
}

// UnknownType is a type that no schema has.
type UnknownType struct {
	Route string
	// Name is the name of the type, as the upstream sent it. For each route and each version of its schema, it has at most 100
	// different values. "other" stands for all further types, and "malformed" for text that is no type name.
	Name string
}

// UpstreamEnd describes an upstream stream that has ended, or could not be opened.
type UpstreamEnd struct {
	Route  string
	Shared bool // the route shares its upstream streams
	// Code is OK where the upstream ended the stream in good order, and CANCELLED where the bridge closed it.
	Code codes.Code
}

// Reopening describes an upstream stream that is opened again.
type Reopening struct {
	Route  string
	Shared bool // several clients may read the stream
	// Code is the code with which the upstream stream ended. It is OK where the upstream ended it in good order (`on_end: reopen`),
	// and where the bridge replaces a stream of the age `share.reopen_after`.
	Code codes.Code
}

// CatchUpStart describes a catch-up that begins.
type CatchUpStart struct {
	Route string
}

// CatchUpEnd describes a catch-up that has ended.
type CatchUpEnd struct {
	Route   string
	Outcome CatchUpOutcome
	Lasted  time.Duration // since CatchUpStarted
}

// SlotWait describes the streams that wait for an upstream.
type SlotWait struct {
	Upstream string
	Waiting  int // how many streams wait now
}

// SlotWaited describes a stream that has waited for an upstream.
type SlotWaited struct {
	Upstream string
	Waited   time.Duration
}

// ConnectionCount is the number of connections to an upstream.
type ConnectionCount struct {
	Upstream string
	Count    int
}

// CatchUpOutcome says how a catch-up ended: the short upstream stream for clients of a shared stream whose id its log does not
// have. Only an [Observer] receives it. What the clients receive depends on it.
type CatchUpOutcome string

// The outcomes. Later versions may add more.
const (
	// CatchUpMet means that the events of the catch-up have met those of the log. Its clients miss nothing. They read the log from
	// there on, and are told nothing.
	CatchUpMet CatchUpOutcome = "met"
	// CatchUpQuiet means that the clients have all that the log has: nothing followed their id, and nothing has come on the shared
	// stream either, or the newest event of both is the same. They read the log from there on, and are told nothing.
	CatchUpQuiet CatchUpOutcome = "quiet"
	// CatchUpInvalid means that the upstream refused the id. The clients receive grpc-reset with the reason "invalid", and then
	// what `late_join` says.
	CatchUpInvalid CatchUpOutcome = "invalid"
	// CatchUpExpired means that the catch-up has not met the log in time, or that the upstream had no room for its stream. The
	// clients receive grpc-reset with the reason "expired", and then what `late_join` says.
	CatchUpExpired CatchUpOutcome = "expired"
	// CatchUpOver means that the upstream ended the stream of the catch-up, and that the shared stream is over too, as with a
	// finite stream. The clients receive all events of the catch-up, and its end.
	CatchUpOver CatchUpOutcome = "ended"
	// CatchUpTooLarge means that more has followed the id than the log may hold (`replay.events`, `replay.bytes`). The clients
	// receive grpc-reset with the reason "expired", and then what `late_join` says.
	CatchUpTooLarge CatchUpOutcome = "too_large"
	// CatchUpNoRoom means that the limit of the bytes of all logs is reached (`server.limits.replay_bytes`). The clients receive
	// grpc-reset with the reason "expired", and then what `late_join` says.
	CatchUpNoRoom CatchUpOutcome = "no_room"
	// CatchUpLeft means that the last client of the catch-up has left, or that the bridge shuts down.
	CatchUpLeft CatchUpOutcome = "left"
)
