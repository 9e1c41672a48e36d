// Package pump moves finished frames from a subscriber's cursor to its connection.
//
// One goroutine per subscriber, the one that calls [Run], does everything that touches the connection: events, heartbeats, the
// end. So a heartbeat can never cut into an event, and nothing is written after the handler has returned. All that is ready
// goes out in one write; a lone event goes out at once.
//
// The package knows neither gRPC nor protobuf: what it carries are bytes, and an end is a rendered frame and a verdict.
package pump
