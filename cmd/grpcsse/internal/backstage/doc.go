// Package backstage is behind the buttons of the demo's page. They kill and restart the gRPC server and the bridge, and
// start, double, stall and stop a crowd of browsers. The package reports on the crowd and the gRPC server as a gRPC service, so
// that the page watches its crowd through the bridge like everything else.
//
// Only `grpcsse demo` uses it.
package backstage
