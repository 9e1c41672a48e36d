package fanout

import (
	"github.com/grpcsse/grpcsse/bridge/internal/reading"
	"github.com/grpcsse/grpcsse/bridge/internal/replay"
	"github.com/grpcsse/grpcsse/bridge/sse"
)

// build returns the event of a stream at a position, with its id. It completes the block in the memory of e: a copy of a large
// event for each stream would take as much memory as the logs.
func build(st *stream, at replay.Position, e *reading.Event) (replay.Draft, error) {
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
	draft, err := replay.NewDraft(at, block, e.Data)
	if err != nil {
		return replay.Draft{}, err
	}
	draft.ID, draft.Key, draft.Mark = id.String(), string(e.Key), e.Mark
	if st.settings.Pace.Newest {
		draft.Subject = replay.SubjectOf(e.Subject)
	}
	return draft, nil
}
