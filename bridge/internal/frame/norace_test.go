//go:build !race

package frame_test

// raceEnabled: see the other file.
const raceEnabled = false
