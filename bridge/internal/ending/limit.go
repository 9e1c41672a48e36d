package ending

// Limit names a limit that can turn a request away or end a stream. The names tell the limits of routes and of upstreams from
// those of the whole bridge.
type Limit string

// These are all limits. [Limit.Message] says what each of them bounds.
const (
	NoLimit               Limit = ""
	Connections           Limit = "connections"
	Streams               Limit = "streams"
	StreamsPerClient      Limit = "streams_per_client"
	StreamsPerSubject     Limit = "streams_per_subject"
	OpensPerClient        Limit = "opens_per_client"
	RouteStreams          Limit = "route_streams"
	RouteStreamsPerClient Limit = "route_streams_per_client"
	SharedStreams         Limit = "shared_streams"
	QueueBytes            Limit = "queue_bytes"
	UpstreamStreams       Limit = "upstream_streams"
	UpstreamWaiting       Limit = "upstream_waiting"
	UpstreamSlots         Limit = "upstream_slots" // MAX_CONCURRENT_STREAMS of the server itself
)

// Message says for a client which limit was reached. It does not tell the value of the limit: that is for the operator alone.
func (l Limit) Message() string {
	switch l {
	case Connections:
		return "too many connections are open"
	case Streams:
		return "too many streams are open"
	case StreamsPerClient:
		return "too many streams of this client are open"
	case StreamsPerSubject:
		return "too many streams of this user are open"
	case OpensPerClient:
		return "this client opens streams too often"
	case RouteStreams:
		return "too many streams of this route are open"
	case RouteStreamsPerClient:
		return "too many streams of this route and this client are open"
	case SharedStreams:
		return "too many different streams are shared"
	case QueueBytes:
		return "too many bytes wait for clients that take them slowly"
	case UpstreamStreams:
		return "too many streams of the upstream are open"
	case UpstreamWaiting:
		return "too many streams wait for the upstream"
	case UpstreamSlots:
		return "the upstream has no room for another stream"
	}
	return "a limit was reached"
}

// AtLimit returns the ending of a stream that a limit of the configuration ends or turns away. An EventSource comes back.
func AtLimit(l Limit) *Ending {
	end := Refuse(ResourceExhausted, ByLimit, l.Message())
	end.Limit = l
	return end
}
