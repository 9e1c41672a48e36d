// Package peer is what the bridge is compared with.
//
// Two have an upstream stream for each browser, as the bridge has on a route that is not shared: [Handwritten], which is
// what a team writes that has no bridge, and [Gateway]. The others are floors, which have no upstream at all and send ready bytes,
// the same that the bridge sends, to all browsers at once: [Ready] by net/http, [Raw] by a bare loop over sockets, which writes by
// write(2), by io_uring or over TLS.
package peer
