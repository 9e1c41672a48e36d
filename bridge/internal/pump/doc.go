// Package pump moves finished frames from a subscriber's cursor to its connection.
//
// Everything that touches a connection has one place: events, heartbeats, the end. So a heartbeat can never cut into an event.
// All that is ready goes out in one write; a lone event goes out at once. There are two such places:
//
//   - [Run], on a goroutine of the subscriber's own, over any response of net/http.
//   - [Loops], which drive any number of connections that were taken over from net/http, without a goroutine for each. Only
//     Linux has them, and only plain HTTP/1.1 can be taken over.
//
// Within a loop, step is all there is to decide: what happens to whom at a given time. It makes no system calls and looks at
// no clock; around it are a goroutine with a timer, and one that waits for epoll.
//
// The package knows neither gRPC nor protobuf: what it carries are bytes, and an end is a rendered frame and a verdict.
package pump
