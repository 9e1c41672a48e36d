// Package pump moves finished frames from a subscriber's cursor to its connection.
//
// One piece of code writes everything to a connection: events, heartbeats, the end. So a heartbeat can never cut into an event.
// All events that are ready are written together, and a single event is written at once. There are two such pieces of code:
//
//   - [Start], over any response of net/http, on the goroutine that waits for the end, or on others that begin where there is
//     something to do.
//   - [Loops], which drive any number of connections that were taken over from net/http, without a goroutine for each. They
//     exist on Linux only, and only connections of HTTP/1.1 can be taken over.
//
// The method step of a loop makes all its decisions: what happens to which connection at a given time. It reads no clock and
// calls the system through interfaces only. One goroutine calls step and has a timer. Another one waits for epoll. A visit to a
// subscriber first collects what one write carries, and many visits are written together. All are over when step returns.
//
// The package knows neither gRPC nor protobuf. It carries bytes. An [End] has the ending and its rendered frame.
package pump
