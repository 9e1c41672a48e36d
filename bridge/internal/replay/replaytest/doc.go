// Package replaytest is the suite that every back end of [replay.Log] must pass.
//
//	func TestLog(t *testing.T) {
//		replaytest.Run(t, func(b replay.Bounds) replay.Log { return mylog.New(b) })
//	}
//
// It knows nothing of where a log is: what was appended may be seen later, within [Patience], and by then a function given to
// Watch must have been called. Run it with the race detector.
package replaytest
