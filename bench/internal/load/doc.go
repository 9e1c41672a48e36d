// Package load is the crowd: it opens plain HTTP/1.1 connections as an EventSource does, reads what arrives on all of them
// in one thread that waits in epoll, holds every event against the one before it, and keeps how late each was.
//
// What arrives goes through four steps, each of which takes pieces of any size:
//
//	head       the response's status and headers, once
//	dechunker  the body, without its chunked framing
//	blocks     the blocks of text/event-stream
//	ledger     the numbers of the events: what is missing, what came twice
//
// Browsers of an order with Back are EventSources: they come back when their stream is over, with the id of their last event, and
// their ledger goes on. Readers are the same on net/http, for TLS and HTTP/2.
//
// It must not be what limits a measurement: an event costs it a share of a read(2) and about a tenth of a microsecond. So
// it decodes no JSON, and no compression. Linux only.
package load
