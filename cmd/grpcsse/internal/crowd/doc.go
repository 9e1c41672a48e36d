// Package crowd simulates browsers that all listen to one topic. Each is an EventSource client with a connection of its own.
// The clients come back by themselves, and keep a ledger of the events that they get. The topic numbers its events without a
// gap in their ids. So a client knows from the ids alone which events were left out, came twice or came in the wrong order.
//
// The clients read events with [github.com/tmaxmax/go-sse], which shares no code with the bridge that is tested.
package crowd
