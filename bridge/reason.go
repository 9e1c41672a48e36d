package bridge

// Reason says what ended a stream, or turned a request away: the "reason" of the event grpc-status.
type Reason string

// The reasons that there are. More may be added.
const (
	ReasonUpstream Reason = "upstream" // the server's own status
	ReasonRequest  Reason = "request"  // the request does not fit the route
	ReasonRoute    Reason = "route"    // the route is out of order
	ReasonDrain    Reason = "drain"    // the bridge shuts down
	ReasonMaxAge   Reason = "max_age"  // the connection reached its maximum age
	ReasonLimit    Reason = "limit"    // there is no room for another stream
	ReasonMessage  Reason = "message"  // the upstream sent a message that the bridge cannot pass on
	ReasonSlow     Reason = "slow"     // the client is too far behind, or took nothing for `write_timeout`
	// ReasonGone is told to an [Observer] only: the client has left.
	ReasonGone Reason = "gone"
)
