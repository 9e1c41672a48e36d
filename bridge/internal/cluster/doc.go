// Package cluster decides which of several replicas reads the upstream of a key, and carries what that replica reads to the
// others. What connects the replicas is a [Bus].
package cluster
