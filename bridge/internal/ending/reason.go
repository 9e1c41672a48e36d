package ending

// Reason says what ended a stream, or turned a request away: the "reason" of the event grpc-status.
type Reason string

// The reasons that there are.
const (
	ByUpstream Reason = "upstream" // the server's own status
	ByRequest  Reason = "request"  // the request does not fit the route
	ByRoute    Reason = "route"    // the route is out of order
	ByDrain    Reason = "drain"    // the bridge shuts down
	ByShed     Reason = "shed"     // the stream was ended so that another replica takes it over
	ByMaxAge   Reason = "max_age"  // the connection reached its maximum age
	ByLimit    Reason = "limit"    // there is no room for another stream
	ByMessage  Reason = "message"  // the upstream sent a message that the bridge cannot pass on
	BySlow     Reason = "slow"     // the client is too far behind, or took nothing for `write_timeout`
	ByGone     Reason = "gone"     // the client has left; no client is told this

	ByAuth         Reason = "auth"          // the caller may not read the stream, or that cannot be found out now
	ByTokenExpired Reason = "token_expired" // the credentials of the caller are about to expire
	ByRevoked      Reason = "revoked"       // the caller may not read the stream any more
)
