// Package demo is a gRPC server with something to watch: made-up quotes, notifications, a job, a count and
// failures on demand. It also reports what happens to its own streams, so that a page in front of it can show what a
// bridge does upstream when a browser leaves.
//
// The services know nothing of the bridge or of HTTP; they are what any team's gRPC server could be.
package demo
