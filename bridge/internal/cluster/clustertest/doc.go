// Package clustertest has streams for tests of a cluster, and suites that each bus and each cluster must pass.
package clustertest
