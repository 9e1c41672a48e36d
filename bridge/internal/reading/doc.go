// Package reading reads an upstream on behalf of one stream, private or shared: it opens one upstream stream, judges how that
// ended, and opens another one where that may be. It tells the stream when events have stopped for a while, and when they come
// again.
//
// The package knows neither gRPC nor protobuf. Time is that of package time, so it can be tested with testing/synctest.
package reading
