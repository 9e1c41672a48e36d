// Package wire has the messages that the replicas of a cluster send to one another, and their form as bytes.
//
// A [Codec] writes and reads messages. What is sent are pieces: a message is one piece, or several ones where it is a page
// over the greatest size that the bus carries. A piece begins with a mark and the version of the format, so that a replica
// can tell a piece of another release, and what another program has sent. With a seal, a piece is encrypted and
// authenticated, and bound to the subject on which it is sent.
//
// A message says that the sender is a replica of the cluster, and no more. It may come twice, late, or not at all. What it
// says is checked as hostile input is: reading a message takes memory in proportion to the message, and an event that was
// read is one event of a stream.
package wire
