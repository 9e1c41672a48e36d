// Package ending says why a stream is over, as a typed value from where that is known to where it is rendered, and renders what
// the bridge itself tells a page beside events. It knows the numbers of gRPC's status codes, and neither gRPC nor HTTP.
package ending
