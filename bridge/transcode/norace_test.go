//go:build !race

package transcode_test

// raceEnabled: see the other file.
const raceEnabled = false
