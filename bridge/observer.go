package bridge

// Observer receives notice of what happens in a bridge, for example to count it: package metrics does so for Prometheus. The
// methods of an Observer are called concurrently, some of them between two events of a stream, so they must not block. A method
// that panics is logged once; nothing else follows from its panic.
//
// Routes and upstreams are given by name, and there are as many names as the configuration has. No argument comes from a browser.
// Types that implement Observer should embed [NopObserver]: a method that is added to the interface later then does nothing.
type Observer interface {
	// Started is called by [New], before any other method. b may be used from then on.
	Started(b *Bridge)
	// Closed is called at the end of the first [Bridge.Close]. No call for the same bridge follows, except of handlers that were
	// about to return.
	Closed(b *Bridge)

	// Reloaded is called at the end of each [Bridge.Reload], except after Close. The calls come in the order of the reloads. A
	// program calls it for a configuration that cannot be read.
	Reloaded(r Reload)

	// StreamOpened is called when the stream of a client begins: when the upstream has accepted the call, or when the route's
	// `open_wait` is over and the upstream has not answered yet. A stream that ends with OK and without events counts as opened.
	StreamOpened(s StreamOpening)
	// StreamEnded is called once for each StreamOpened.
	StreamEnded(s StreamEnd)
	// ClientLeft is called for a client that leaves before it has an answer. Neither StreamOpened nor Refused is called for it.
	ClientLeft(s StreamOpening)
	// Refused is called for a request that got no stream: the bridge refused it, or the upstream answered with an error before
	// any event. The client may have received the error as an HTTP status or, as an EventSource does, as an event. Neither Refused
	// nor StreamOpened is called for a HEAD request on a route that would have served a stream.
	Refused(r Refusal)

	// Delivered is called for some of the writes that bring events to clients: for the first event of each stream, and otherwise at
	// most a hundred times a second for a route. A route with fewer writes has a call for each.
	Delivered(d Delivery)
	// Resumed is called for a client that came with the id of its last event, when it is known how its stream goes on.
	Resumed(r Resume)
	// Reset is called when a client is told by the event grpc-reset that its stream does not go on where the client was.
	Reset(r Reset)
	// Skipped is called when a slow client of a shared stream skips events (`slow_client: skip`).
	Skipped(s Skip)
	// Superseded is called at most once in each round of a shared stream with `share.pace.newest_by`.
	Superseded(s Supersession)
	// IDLeftOut is called for an event that is sent without its id, because the encoded id would be over 128 bytes.
	IDLeftOut(e LeftOutID)
	// TypeUnknown is called for an event that holds a google.protobuf.Any of a type that no schema has. Such an Any is sent as
	// its bytes in base64.
	TypeUnknown(u UnknownType)

	// UpstreamEnded is called when an upstream stream has ended, or could not be opened. It is not what clients are told.
	UpstreamEnded(u UpstreamEnd)
	// Reopened is called when the bridge opens an upstream stream again, while its clients stay connected.
	Reopened(r Reopening)
	// CatchUpStarted is called when the bridge opens an upstream stream beside a shared one, for clients whose id the log of the
	// shared stream does not have, as after a restart of the bridge. See config.Share.CatchUp.
	CatchUpStarted(c CatchUpStart)
	// CatchUpEnded is called once for each CatchUpStarted, when it is decided how the clients go on.
	CatchUpEnded(c CatchUpEnd)

	// StreamWaits is called when a stream must wait because the upstream allows no more streams on its connections.
	StreamWaits(w SlotWait)
	// StreamWaited is called once for each StreamWaits, when the stream has a place on a connection or gives up.
	StreamWaited(w SlotWaited)
	// ConnectionsChanged is called when connections to an upstream were added or closed.
	ConnectionsChanged(c ConnectionCount)
}

// NopObserver is an Observer that does nothing. A type that embeds it has the methods that it does not write itself.
type NopObserver struct{}

var _ Observer = NopObserver{}

func (NopObserver) Started(*Bridge)                    {}
func (NopObserver) Closed(*Bridge)                     {}
func (NopObserver) StreamOpened(StreamOpening)         {}
func (NopObserver) StreamEnded(StreamEnd)              {}
func (NopObserver) ClientLeft(StreamOpening)           {}
func (NopObserver) Refused(Refusal)                    {}
func (NopObserver) IDLeftOut(LeftOutID)                {}
func (NopObserver) TypeUnknown(UnknownType)            {}
func (NopObserver) Reopened(Reopening)                 {}
func (NopObserver) CatchUpStarted(CatchUpStart)        {}
func (NopObserver) CatchUpEnded(CatchUpEnd)            {}
func (NopObserver) StreamWaits(SlotWait)               {}
func (NopObserver) ConnectionsChanged(ConnectionCount) {}
func (NopObserver) Delivered(Delivery)                 {}
func (NopObserver) Resumed(Resume)                     {}
func (NopObserver) Reset(Reset)                        {}
func (NopObserver) Skipped(Skip)                       {}
func (NopObserver) Superseded(Supersession)            {}
func (NopObserver) UpstreamEnded(UpstreamEnd)          {}
func (NopObserver) StreamWaited(SlotWaited)            {}
func (NopObserver) Reloaded(Reload)                    {}
