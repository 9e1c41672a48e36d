package fanout

import "github.com/grpcsse/grpcsse/bridge/internal/replay"

// Appender is what takes the events of a stream.
type Appender = appender

// AppendInto has the events of each stream appended to what into returns. It is called before any other method.
func (r *Registry) AppendInto(into func(log *replay.Ring) Appender) { r.into = into }
