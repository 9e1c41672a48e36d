//go:build !race

package transcode_test

// raceEnabled: see race_test.go.
const raceEnabled = false
