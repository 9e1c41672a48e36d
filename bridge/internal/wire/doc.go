// Package wire has the messages that the replicas of a cluster send to one another.
package wire
