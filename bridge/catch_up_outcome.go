package bridge

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
