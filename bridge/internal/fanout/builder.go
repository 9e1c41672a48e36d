package fanout

import (
	"github.com/grpcsse/grpcsse/bridge/internal/reading"
	"github.com/grpcsse/grpcsse/bridge/internal/replay"
	"github.com/grpcsse/grpcsse/bridge/sse"
)

// build returns the event of a stream at a position, with its id. It completes the block in the memory of e: a copy of a large
// event for each stream would take as much memory as the logs.
func build(st *stream, at replay.Position, e *reading.Event) (*replay.Event, error) {
	var id sse.ID
	if st.settings.HasID {
		var ok bool
		if id, ok = sse.EncodeID(e.ID); !ok && len(e.ID) > 0 {
			st.registry.Hooks.idLeftOut(st)
		}
	} else {
		id = positionID(at)
	}
	block := sse.AppendTail(e.Block, id)
	e.Block = block[:len(e.Block)]
	event, err := replay.NewEvent(at, block, e.Data)
	if err != nil {
		return nil, err
	}
	event.ID, event.Key, event.Mark = id.String(), string(e.Key), e.Mark
	if st.settings.Pace.Newest {
		event.Subject = replay.SubjectOf(e.Subject)
	}
	return event, nil
}
