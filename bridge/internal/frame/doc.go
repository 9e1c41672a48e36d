// Package frame finishes blocks of an event stream for the wire: plain or compressed, bare or as chunks of HTTP/1.1.
//
// A [Frame] is an event of a stream that many connections read. Each form of it is made once, when the first connection needs
// it, and shared by all. A [Form] alone is for events that only one connection reads. [Negotiate] chooses the coding for a
// client.
//
// # Compressed once
//
// An event that is compressed once for all connections cannot refer to what a single connection was sent before. So each piece
// is independent: in gzip, it is deflate blocks that end on a byte boundary; in zstd, a frame. Small events hardly become smaller
// that way, since their text repeats from event to event and not within one. But for most connections the last bytes sent are
// the event before. For these [Frame.After] makes one more form, once, which refers to that event.
package frame
