package upstream

import (
	"fmt"

	"google.golang.org/grpc/mem"
)

// Message is one received message as it came over the wire. Its zero value is an empty message.
//
// It is a value so that receiving one allocates nothing; whoever copies it must see to it that one copy is released,
// once. It may be handed from one goroutine to another.
type Message struct {
	data   []byte
	buffer mem.Buffer // gRPC's own buffer, where the message lies in one piece
	joined *[]byte    // a pooled copy, where it did not
}

// Bytes are the message: contiguous, read-only, valid until Release.
func (m *Message) Bytes() []byte { return m.data }

// Release gives the bytes back to be used for another message. A second call does nothing. A message that is never
// released is left to the garbage collector.
func (m *Message) Release() {
	if m.buffer != nil {
		m.buffer.Free()
	}
	if m.joined != nil {
		mem.DefaultBufferPool().Put(m.joined)
	}
	*m = Message{}
}

// receive takes over what gRPC read. gRPC frees its own reference when this returns.
func (m *Message) receive(pieces mem.BufferSlice) {
	*m = Message{}
	switch len(pieces) {
	case 0:
	case 1:
		pieces[0].Ref()
		m.buffer = pieces[0]
		m.data = pieces[0].ReadOnlyData()
	default:
		m.joined = mem.DefaultBufferPool().Get(pieces.Len())
		pieces.CopyTo(*m.joined)
		m.data = *m.joined
	}
}

// outgoing is the wire form of a request.
type outgoing []byte

// passThrough is the codec of a raw stream: bytes in, bytes out. It is given to each call, never registered: other
// users of gRPC in the process keep theirs.
type passThrough struct{}

// Name makes the content type application/grpc+proto: what crosses the wire is protobuf, whoever encoded it.
func (passThrough) Name() string { return "proto" }

func (passThrough) Marshal(v any) (mem.BufferSlice, error) {
	request, ok := v.(outgoing)
	if !ok {
		return nil, fmt.Errorf("raw codec: expected outgoing bytes, found %T", v)
	}
	return mem.BufferSlice{mem.SliceBuffer(request)}, nil
}

func (passThrough) Unmarshal(pieces mem.BufferSlice, v any) error {
	message, ok := v.(*Message)
	if !ok {
		return fmt.Errorf("raw codec: expected a place for bytes, found %T", v)
	}
	message.receive(pieces)
	return nil
}
