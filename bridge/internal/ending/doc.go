// Package ending says why a stream is over. An [Ending] is a typed value: the code that knows the reason makes it, and the code
// that writes to the client renders it. The package also renders the notices of the bridge, which a page gets beside events. It
// knows the numbers of gRPC's status codes, but neither gRPC nor HTTP.
package ending
