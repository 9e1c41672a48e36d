//go:build !race

package cluster_test

// manyKeys: see race_test.go.
const manyKeys = 10_000
