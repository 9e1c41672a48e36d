//go:build !race

package fanout_test

// raceEnabled: see the other file.
const raceEnabled = false
