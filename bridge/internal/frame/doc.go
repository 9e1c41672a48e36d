// Package frame finishes blocks of an event stream for the wire: plain or compressed, bare or as chunks of HTTP/1.1.
//
// A [Frame] is the event of a stream that many connections read: each form that any of them wants is made once, when the
// first one wants it, and shared. A [Form] alone serves what only one connection reads.
package frame
