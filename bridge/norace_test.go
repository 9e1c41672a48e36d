//go:build !race

package bridge_test

// raceEnabled: see race_test.go.
const raceEnabled = false
