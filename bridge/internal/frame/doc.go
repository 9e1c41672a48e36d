// Package frame makes blocks of an event stream ready to be written: plain or compressed, bare or as chunks of HTTP/1.1.
//
// A [Frame] is an event of a stream that many connections read. Each form of it is made once, when the first connection needs
// it, and all connections share it. A [Form] alone serves events that only one connection reads. [Negotiate] chooses the coding
// for a client.
//
// # Compressed once
//
// An event that is compressed once for all connections cannot refer to what one of them was sent before. So each piece is
// independent: deflate blocks that end on a byte boundary in gzip, and a frame in zstd. Small events hardly become smaller that
// way, because their text repeats from event to event and not within an event. But for most connections the last bytes sent are
// the event before. For these connections [Frame.After] makes one more form, which refers to that event. This form too is made
// once.
package frame
