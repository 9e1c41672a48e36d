// Package frame finishes blocks of an event stream for the wire: plain or compressed, bare or as chunks of HTTP/1.1.
//
// A [Frame] is the event of a stream that many connections read: each form that any of them wants is made once, when the
// first one wants it, and shared. A [Form] alone serves what only one connection reads. [Negotiate] says which coding a client
// gets.
//
// # Compressed once
//
// What is compressed once for everybody cannot refer to what one connection has had before, so each piece is independent:
// in gzip, deflate blocks that end on a byte; in zstd, a frame. Small events, whose text repeats from event to event and not
// within one, hardly become smaller that way. Most connections have had the event before, though, and nothing since: for
// these [Frame.After] makes one more form, once, which refers to that event.
package frame
