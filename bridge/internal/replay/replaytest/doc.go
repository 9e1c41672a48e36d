// Package replaytest is the suite of tests that a log of package replay must pass.
//
// The suite allows a log to show an appended event some time later, within [Patience], as a log outside the process would. By
// then the log must have called the functions given to Watch. The suite is to be run with the race detector.
package replaytest
