package stream

import (
	"context"
	"errors"
	"fmt"

	"github.com/grpcsse/grpcsse/bridge/internal/reading"
	"github.com/grpcsse/grpcsse/bridge/internal/request"
	"github.com/grpcsse/grpcsse/bridge/internal/route"
	"github.com/grpcsse/grpcsse/bridge/sse"
	"github.com/grpcsse/grpcsse/bridge/transcode"
)

// renderer renders the messages of one stream as events. One goroutine uses it.
type renderer struct {
	rt     *route.Route
	format request.Format

	event reading.Event // the event of the newest message
	text  []byte        // a buffer for names
}

// render renders a message into r.event. If ctx ends before that, the error wraps the error of ctx.
func (r *renderer) render(ctx context.Context, message []byte) error {
	b := &r.event
	b.Block = b.Block[:0]
	if r.format == request.EventStream {
		name, err := r.nameOf(message)
		if err != nil {
			return err
		}
		b.Block = sse.AppendHead(b.Block, name)
	}
	head := len(b.Block)
	limit := int(r.rt.Config.MaxEventBytes)
	switch err := r.appendData(ctx, message); {
	case errors.Is(err, transcode.ErrTooLarge), err == nil && len(b.Block)-head > limit:
		return &eventTooLargeError{limit}
	case err != nil:
		return err
	}
	b.Data = max(0, head-len("data: "))
	return r.readFields(message)
}

// nameOf returns the name of the event of a message.
func (r *renderer) nameOf(message []byte) (sse.Name, error) {
	p := r.rt.Plan
	if p.Name == nil {
		return p.ConstName, nil
	}
	text, ok, err := p.Name.AppendText(r.text[:0], message)
	if err != nil || !ok {
		return sse.Name{}, err
	}
	r.text = text
	name, _ := sse.SafeName(string(text))
	return name, nil
}

func (r *renderer) appendData(ctx context.Context, message []byte) (err error) {
	p := r.rt.Plan
	if p.Data != nil {
		if message, err = p.Data.Message(message); err != nil {
			return err
		}
	}
	r.event.Block, err = p.JSON.AppendJSONContext(ctx, r.event.Block, message)
	return err
}

// readFields reads the id, the key, the subject and the mark of an event from its message.
func (r *renderer) readFields(message []byte) (err error) {
	p, b := r.rt.Plan, &r.event
	if b.ID = b.ID[:0]; p.ID != nil {
		if b.ID, _, err = p.ID.AppendText(b.ID, message); err != nil {
			return err
		}
	}
	if b.Key = b.Key[:0]; p.Key != nil {
		if b.Key, _, err = p.Key.AppendText(b.Key, message); err != nil {
			return err
		}
	}
	if b.Subject = b.Subject[:0]; p.Subject != nil {
		if b.Subject, _, err = p.Subject.AppendText(b.Subject, message); err != nil {
			return err
		}
	}
	if b.Mark = false; p.Mark != nil {
		if b.Mark, err = p.Mark.Has(message); err != nil {
			return err
		}
	}
	return nil
}

// shrink drops buffers that a large message has grown, so that the stream does not keep their memory until its end.
func (r *renderer) shrink() {
	if cap(r.event.Block)+cap(r.event.ID)+cap(r.event.Key)+cap(r.event.Subject)+cap(r.text) > queueBytes {
		r.event, r.text = reading.Event{}, nil
	}
}

// eventTooLargeError is the error for an event that is larger than the route's max_event_bytes.
type eventTooLargeError struct{ limit int }

func (e *eventTooLargeError) Error() string {
	return fmt.Sprintf("an event is larger than max_event_bytes, which is %d", e.limit)
}
