//go:build race

package bridge_test

// raceEnabled: the race detector makes a crowd of hundreds of clients ten times slower, so tests take a smaller one.
const raceEnabled = true
