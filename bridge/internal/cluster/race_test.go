//go:build race

package cluster_test

// manyKeys: the race detector makes each key several times as expensive.
const manyKeys = 1_000
