package fanout

import (
	"github.com/grpcsse/grpcsse/bridge/internal/reading"
	"github.com/grpcsse/grpcsse/bridge/internal/replay"
	"github.com/grpcsse/grpcsse/bridge/sse"
)

// builder builds the events of a stream from those of its upstream. One goroutine uses it.
type builder struct {
	block []byte // the memory of the last block
}

// build returns the event at a position, with its id.
func (b *builder) build(st *stream, at replay.Position, e *reading.Event) (*replay.Event, error) {
	id := positionID(at)
	if st.settings.HasID {
		var ok bool
		if id, ok = sse.EncodeID(e.ID); !ok && len(e.ID) > 0 {
			st.registry.Hooks.idLeftOut(st)
		}
	}
	b.block = sse.AppendTail(append(b.block[:0], e.Block...), id)
	event, err := replay.NewEvent(at, b.block, e.Data)
	if err != nil {
		return nil, err
	}
	if cap(b.block) > maxScratch {
		b.block = nil
	}
	event.ID, event.Key, event.Mark = id.String(), string(e.Key), e.Mark
	return event, nil
}

// maxScratch is the largest block whose memory is used again, in bytes.
const maxScratch = 64 << 10
