// Package demo is a gRPC server with streams to watch: made-up quotes, notifications, a job, a count and failures on demand. It
// also reports what happens to its own streams, so that a page can show what the bridge does upstream when a browser leaves.
//
// The services know nothing of the bridge or of HTTP. They could be those of any gRPC server.
package demo
