// Package replay keeps the newest events of a stream, finished for the wire, so that any number of subscribers can read them,
// each from its own place.
//
// A [Log] is a sequence of events. An event's [Position] is an epoch and an offset that counts from 0 in each epoch. Within an
// epoch nothing is missing; a new one begins whenever that can no longer be promised, so whoever finds its epoch gone knows that
// it has missed something, and never only guesses so.
//
//	epoch k3v9        offset  0  1  2  3  4  5  6  7
//	                          evicted ┘  │           └ Next: where the next event will be
//	                                     First: the oldest event that is held
//
// [Ring] is a log in memory. A back end that lives elsewhere implements [Log], builds its events with [NewEvent], and passes
// [github.com/grpcsse/grpcsse/bridge/internal/replay/replaytest.Run].
//
// # What a back end guarantees
//
//   - Order. Events are read in the order of their offsets, without a gap, the same ones by every reader, and never change.
//   - One appender wins. [Log.Append] succeeds only at the next position. Of two that append at the same one, in this process or
//     in another, one gets a [*ConflictError]; so it does where somebody else has begun an epoch.
//   - Visible together. What [Log.State], [Log.Read], [Log.Find] and [Log.Lag] show only ever moves on. They may lag behind
//     Begin and Append, which return when the event is safe, not when readers see it.
//   - Nobody polls. Whatever readers can newly see is followed by a call of each function given to [Log.Watch].
//   - Bounded. At most what [Bounds] allows is held, and always the newest event: it is what a newcomer is shown.
//   - Gone is gone. What has been evicted is answered with [ErrGone] by Read, and its id is not found.
package replay
