// Package natsbus connects the replicas of a cluster over NATS: messages over core NATS, and who owns a key in a bucket of
// JetStream. It is the only package that knows NATS.
package natsbus
