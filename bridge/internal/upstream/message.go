package upstream

import (
	"fmt"

	"google.golang.org/grpc/mem"
)

// Message is one received message in the protobuf wire format. The zero Message is empty.
//
// Message is a struct and not a pointer, so that receiving a message allocates nothing. Of all copies of a Message, exactly one
// must be released, once. A Message may be passed to another goroutine.
type Message struct {
	data   []byte
	buffer mem.Buffer // gRPC's buffer, for a message in one piece
	joined *[]byte    // a copy in a pooled buffer, for a message in several pieces
}

// Bytes returns the message. The caller must not change the bytes. They are valid until Release.
func (m *Message) Bytes() []byte { return m.data }

// Release gives the memory back, so that it is used for another message. Further calls do nothing. The garbage collector frees
// a message that is never released.
func (m *Message) Release() {
	if m.buffer != nil {
		m.buffer.Free()
	}
	if m.joined != nil {
		mem.DefaultBufferPool().Put(m.joined)
	}
	*m = Message{}
}

// receive keeps the pieces that gRPC read. gRPC frees its own references after that.
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

// outgoing is a request in the protobuf wire format.
type outgoing []byte

// passThrough is a codec that leaves messages as bytes. It is an option of each call and is not registered, so that it does not
// affect other users of gRPC in the process.
type passThrough struct{}

// Name makes the content type application/grpc+proto: the bytes are protobuf messages.
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
