// Package reading reads an upstream for one stream, private or shared. It opens an upstream stream, and when that ends, it
// decides whether to open another one. It notifies the stream when the upstream has been gone for some time, and when it is
// back.
//
// The package knows neither gRPC nor protobuf. It can be tested with testing/synctest.
package reading
