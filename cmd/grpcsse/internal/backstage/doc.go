// Package backstage is behind the buttons of the demo's page. They kill and restart the gRPC server, and start, double, stall
// and stop a crowd of browsers. The package reports on both as a gRPC service, so that the page watches its crowd through the
// bridge like everything else.
//
// Only `grpcsse demo` uses it.
package backstage
