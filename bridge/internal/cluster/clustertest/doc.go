// Package clustertest has streams for tests of a cluster, and a suite for what connects its replicas.
package clustertest
