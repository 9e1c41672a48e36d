// Package backstage is what the buttons of the demo's page move: the gRPC server, which can be killed and started again, and
// a crowd of browsers, which can be called, doubled, stalled and sent home. It reports on both as a gRPC service, so that
// the page watches its crowd as it watches everything else.
//
// It belongs to `grpcsse demo` alone.
package backstage
