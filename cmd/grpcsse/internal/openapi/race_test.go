//go:build race

package openapi_test

// raceEnabled says that the tests run with the race detector.
const raceEnabled = true
