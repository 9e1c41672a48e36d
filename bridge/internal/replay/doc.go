// Package replay keeps the newest events of a stream, ready to be written, so that any number of subscribers can read them. Each
// subscriber reads from its own place.
//
// A [Ring] is such a log, in the memory of one process. The [Position] of an event is an epoch and an offset. Offsets count from
// 0 in each epoch. Within an epoch no event is missing. A new epoch begins when that can no longer be promised: a reader whose
// epoch is gone knows that it may have missed events.
//
//	epoch k3v9        offset  0  1  2  3  4  5  6  7
//	                          evicted ┘  │           └ Next: where the next event will be
//	                                     First: the oldest event that is held
//
// # What a log guarantees
//
//   - Order. All readers read the same events, in the order of their offsets, without a gap. An event never changes.
//   - One appender wins. Append succeeds only at the next position. Of two appenders at the same position one gets a
//     [*ConflictError]. So does an appender that does not know of a new epoch.
//   - Readers move forward. What State, Read, Find and Lag show never goes back.
//   - No polling. After each change that readers can see, the log calls the functions given to Watch.
//   - Bounded. The log holds at most what [Bounds] allows, and always the newest event.
//   - Eviction is final. Read answers [ErrGone] for an evicted event, and Find does not find its id.
package replay
