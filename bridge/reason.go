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
	// ReasonShed means that the stream was ended so that another replica takes it over, see [Bridge.Shed].
	ReasonShed Reason = "shed"
	// ReasonMaxAge means that the connection of the client reached the `max_age` of the route.
	ReasonMaxAge Reason = "max_age"
	// ReasonLimit means that a limit on the number of open streams is reached, at the bridge or at the upstream.
	ReasonLimit Reason = "limit"
	// ReasonMessage means that the upstream sent a message that the bridge cannot pass on, such as one that is too large.
	ReasonMessage Reason = "message"
	// ReasonSlow means that the client took nothing for `write_timeout`, or fell too far behind on a shared stream.
	ReasonSlow Reason = "slow"
	// ReasonAuth means that the `auth` of the route, or an authorizer of the program, has refused the client, or could not
	// decide.
	ReasonAuth Reason = "auth"
	// ReasonTokenExpired means that the credentials of the client were about to expire.
	ReasonTokenExpired Reason = "token_expired"
	// ReasonRevoked means that the client was let in, and may not read the stream any more.
	ReasonRevoked Reason = "revoked"
	// ReasonGone means that the client has left. Only an [Observer] receives this reason.
	ReasonGone Reason = "gone"
)

// Limit names a limit that has turned a request away or has ended a stream. Each name is a key of the configuration: of
// `server.limits`, of `limits` of a route (route_…), or of `limits` of an upstream (upstream_…).
type Limit string

// The limits. Later versions may add more.
const (
	// LimitConnections bounds the connections of the program's listener. See [TurnAway].
	LimitConnections Limit = "connections"
	// LimitStreams bounds the open streams of the whole bridge.
	LimitStreams Limit = "streams"
	// LimitStreamsPerClient bounds the open streams of one client address.
	LimitStreamsPerClient Limit = "streams_per_client"
	// LimitStreamsPerSubject bounds the open streams of one subject of tokens, which is one user.
	LimitStreamsPerSubject Limit = "streams_per_subject"
	// LimitOpensPerClient bounds how often one client address may ask for a stream.
	LimitOpensPerClient Limit = "opens_per_client"
	// LimitRouteStreams bounds the open streams of one route.
	LimitRouteStreams Limit = "route_streams"
	// LimitRouteStreamsPerClient bounds the open streams of one route and one client address.
	LimitRouteStreamsPerClient Limit = "route_streams_per_client"
	// LimitSharedStreams bounds the shared streams that exist at once.
	LimitSharedStreams Limit = "shared_streams"
	// LimitQueueBytes bounds what waits for the clients of private streams. A stream that it ends has begun before.
	LimitQueueBytes Limit = "queue_bytes"
	// LimitUpstreamStreams bounds the open streams of one upstream.
	LimitUpstreamStreams Limit = "upstream_streams"
	// LimitUpstreamWaiting bounds the streams that wait for a place on the connections to one upstream.
	LimitUpstreamWaiting Limit = "upstream_waiting"
	// LimitUpstreamSlots is the server's own limit of streams on a connection (MAX_CONCURRENT_STREAMS): a stream has waited for a
	// place for too long.
	LimitUpstreamSlots Limit = "upstream_slots"
)
