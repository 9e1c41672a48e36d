package bridge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/grpcsse/grpcsse/bridge/internal/pump"
	"github.com/grpcsse/grpcsse/bridge/sse"
)

// feed turns upstream streams, one after the other, into finished frames. One goroutine uses it.
type feed struct {
	rt     *route
	format format
	queue  *pump.Queue
	notice *notice

	observer Observer
	// metadata is what every stream sends along; header is what the first one that began was answered with.
	metadata metadata.MD
	header   *atomic.Pointer[metadata.MD]

	final    bool       // the request may have had an effect: nothing is opened twice
	lost     lostCursor // what the page has yet to be told
	accepted bool       // whether any stream has begun
	events   int        // how many the newest stream has brought
	pushed   bool       // whether any stream has brought one
	cursor   []byte     // id of the last event that had one
	idless   bool       // whether the last event had none: nobody could say where it was

	frame []byte
	text  []byte // scratch of names
}

// stream opens a stream for request, and pushes its events until it is over. The ending is what the browser is told.
func (f *feed) stream(ctx context.Context, src source, request []byte) *ending {
	f.events = 0
	stream, err := src.Open(ctx, f.rt.plan.method, request, f.metadata)
	if err != nil {
		return f.rt.notOpened(err)
	}
	defer stream.Close()
	if header, ok := stream.Header(); ok {
		f.accepted = true
		f.header.CompareAndSwap(nil, &header)
		f.rt.health.opened()
		f.notice.flowing()
		f.queue.Open()
	}
	for {
		message, err := stream.Recv()
		switch {
		case errors.Is(err, io.EOF):
			return f.rt.upstreamEnded(status.New(codes.OK, ""))
		case errors.Is(err, errMessageTooLarge):
			return unfit(err)
		case err != nil:
			return f.rt.upstreamEnded(statusOf(err))
		}
		if err := f.encode(message); err != nil {
			return unfit(err)
		}
		if err := f.queue.Push(ctx, f.frame); err != nil {
			return f.rt.upstreamEnded(statusOf(err))
		}
		f.events++
		f.pushed = true
		if cap(f.frame) > queueBytes { // one large event must not keep its memory for the life of the stream
			f.frame, f.text = nil, nil
		}
	}
}

// encode renders one message as f.frame.
func (f *feed) encode(message []byte) error {
	f.frame = f.frame[:0]
	if f.format == eventStream {
		name, err := f.nameOf(message)
		if err != nil {
			return err
		}
		f.frame = sse.AppendHead(f.frame, name)
	}
	head := len(f.frame)
	if err := f.appendData(message); err != nil {
		return err
	}
	if size, limit := len(f.frame)-head, int(f.rt.cfg.MaxEventBytes); size > limit {
		return &eventTooLargeError{size: size, limit: limit}
	}
	if f.format == lines {
		f.frame = append(f.frame, '\n')
	}
	return f.appendID(message)
}

// nameOf returns the name of a message's event.
func (f *feed) nameOf(message []byte) (sse.Name, error) {
	p := f.rt.plan
	if p.name == nil {
		return p.constName, nil
	}
	text, ok, err := p.name.AppendText(f.text[:0], message)
	if err != nil || !ok {
		return sse.Name{}, err
	}
	f.text = text
	name, _ := sse.SafeName(string(text))
	return name, nil
}

// appendID closes a block with the id of its message, where it has one that can travel, and remembers it.
func (f *feed) appendID(message []byte) (err error) {
	if f.text = f.text[:0]; f.rt.plan.id != nil {
		if f.text, _, err = f.rt.plan.id.AppendText(f.text, message); err != nil {
			return err
		}
	}
	sent := len(f.text) > 0
	if f.format == eventStream {
		f.frame, sent = sse.AppendTailValue(f.frame, f.text)
	}
	if f.idless = !sent; sent {
		f.cursor = append(f.cursor[:0], f.text...)
	} else if len(f.text) > 0 {
		f.observer.IDLeftOut(f.rt.cfg.Name)
	}
	return nil
}

func (f *feed) appendData(message []byte) (err error) {
	p := f.rt.plan
	if p.data != nil {
		if message, err = p.data.Message(message); err != nil {
			return err
		}
	}
	f.frame, err = p.json.AppendJSON(f.frame, message)
	return err
}

// eventTooLargeError is an event over the route's max_event_bytes.
type eventTooLargeError struct{ size, limit int }

func (e *eventTooLargeError) Error() string {
	return fmt.Sprintf("an event of %d bytes is larger than max_event_bytes, %d", e.size, e.limit)
}
