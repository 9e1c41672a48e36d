package bridge

import (
	"context"
	"errors"
	"fmt"

	"github.com/grpcsse/grpcsse/bridge/internal/request"
	"github.com/grpcsse/grpcsse/bridge/sse"
	"github.com/grpcsse/grpcsse/bridge/transcode"
)

// renderer renders the messages of one stream. One goroutine uses it.
type renderer struct {
	rt     *route
	format request.Format

	block block
	text  []byte // scratch of names
}

// block is one message as the beginning of a block: what closes it is up to who sends it. Its parts are valid until the next
// message.
type block struct {
	bytes []byte // head and data: "event: quote\ndata: {…}", or the data alone
	data  int    // where the line of the data begins
	id    []byte // value of the id field; empty where there is none
	key   []byte // value of the field that the newest event is kept for, on a shared stream
	mark  bool   // whether late joiners of a shared stream may begin here
}

// render renders one message as r.block, unless ctx ends before: then the error matches that of ctx.
func (r *renderer) render(ctx context.Context, message []byte) error {
	b := &r.block
	b.bytes = b.bytes[:0]
	if r.format == request.EventStream {
		name, err := r.nameOf(message)
		if err != nil {
			return err
		}
		b.bytes = sse.AppendHead(b.bytes, name)
	}
	head := len(b.bytes)
	limit := int(r.rt.cfg.MaxEventBytes)
	switch err := r.appendData(ctx, message); {
	case errors.Is(err, transcode.ErrTooLarge), err == nil && len(b.bytes)-head > limit:
		return &eventTooLargeError{limit}
	case err != nil:
		return err
	}
	b.data = max(0, head-len("data: "))
	return r.read(message)
}

// nameOf returns the name of a message's event.
func (r *renderer) nameOf(message []byte) (sse.Name, error) {
	p := r.rt.plan
	if p.name == nil {
		return p.constName, nil
	}
	text, ok, err := p.name.AppendText(r.text[:0], message)
	if err != nil || !ok {
		return sse.Name{}, err
	}
	r.text = text
	name, _ := sse.SafeName(string(text))
	return name, nil
}

func (r *renderer) appendData(ctx context.Context, message []byte) (err error) {
	p := r.rt.plan
	if p.data != nil {
		if message, err = p.data.Message(message); err != nil {
			return err
		}
	}
	r.block.bytes, err = p.json.AppendJSONContext(ctx, r.block.bytes, message)
	return err
}

// read reads what stands beside the data.
func (r *renderer) read(message []byte) (err error) {
	p, b := r.rt.plan, &r.block
	if b.id = b.id[:0]; p.id != nil {
		if b.id, _, err = p.id.AppendText(b.id, message); err != nil {
			return err
		}
	}
	if b.key = b.key[:0]; p.key != nil {
		if b.key, _, err = p.key.AppendText(b.key, message); err != nil {
			return err
		}
	}
	if b.mark = false; p.mark != nil {
		if b.mark, err = p.mark.Has(message); err != nil {
			return err
		}
	}
	return nil
}

// rest forgets what one large message needed: it must not keep that memory for the life of the stream.
func (r *renderer) rest() {
	if cap(r.block.bytes)+cap(r.block.id)+cap(r.block.key)+cap(r.text) > queueBytes {
		r.block, r.text = block{}, nil
	}
}

// eventTooLargeError is an event over the route's max_event_bytes.
type eventTooLargeError struct{ limit int }

func (e *eventTooLargeError) Error() string {
	return fmt.Sprintf("an event is larger than max_event_bytes, which is %d", e.limit)
}
