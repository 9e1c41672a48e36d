package bridge

// Reason says what ended a stream, or why a request got none. A client finds it as "reason" in the data of the event
// grpc-status and in the JSON of an error.
type Reason string

// The reasons. Later versions may add more.
const (
	// ReasonUpstream means that the upstream ended the stream, in good order or with an error, or that it cannot be reached.
	ReasonUpstream Reason = "upstream"
	// ReasonRequest means that the request does not fit the route, or that no route matches it.
	ReasonRequest Reason = "request"
	// ReasonRoute means that the route is out of order, for example because its schema is not loaded yet.
	ReasonRoute Reason = "route"
	// ReasonDrain means that the bridge shuts down.
	ReasonDrain Reason = "drain"
	// ReasonMaxAge means that the connection of the client reached the `max_age` of the route.
	ReasonMaxAge Reason = "max_age"
	// ReasonLimit means that a limit on the number of open streams is reached, at the bridge or at the upstream.
	ReasonLimit Reason = "limit"
	// ReasonMessage means that the upstream sent a message that the bridge cannot pass on, such as one that is too large.
	ReasonMessage Reason = "message"
	// ReasonSlow means that the client took nothing for `write_timeout`, or fell too far behind on a shared stream.
	ReasonSlow Reason = "slow"
	// ReasonGone means that the client has left. Only an [Observer] receives this reason.
	ReasonGone Reason = "gone"
)
