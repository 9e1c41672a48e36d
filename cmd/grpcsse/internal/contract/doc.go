// Package contract says what a client and a route agree on: what a request may say, and what the events of the route are. Programs
// that write types or an API description, and forms, read it. It opens nothing.
package contract
