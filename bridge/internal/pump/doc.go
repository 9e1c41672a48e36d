// Package pump moves finished frames from a subscriber's cursor to its connection.
//
// One piece of code writes everything to a connection: events, heartbeats, the end. So a heartbeat can never cut into an
// event. All events that are ready go out in one write, and a lone event goes out at once. There are two such pieces of code:
//
//   - [Run], on a goroutine of the subscriber's own, over any response of net/http.
//   - [Loops], which drive any number of connections that were taken over from net/http, without a goroutine for each. They
//     exist on Linux only, and only connections of plain HTTP/1.1 can be taken over.
//
// The function step makes all decisions of a loop: what happens to which connection at a given time. It looks at no clock and
// calls the system through an interface only. Around it are a goroutine with a timer, and one that waits for epoll.
//
// The package knows neither gRPC nor protobuf. It carries bytes; an end is a rendered frame and a verdict.
package pump
