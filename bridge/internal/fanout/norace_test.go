//go:build !race

package fanout_test

// raceEnabled: see race_test.go.
const raceEnabled = false
