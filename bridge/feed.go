package bridge

import (
	"context"
	"errors"
	"fmt"
	"io"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/grpcsse/grpcsse/bridge/internal/pump"
	"github.com/grpcsse/grpcsse/bridge/sse"
)

// feed turns one upstream stream into finished frames. One goroutine uses it.
type feed struct {
	rt     *route
	queue  *pump.Queue
	frame  []byte
	text   []byte // scratch of ids and names
	pushed bool   // whether any event went out
}

// run opens a stream for request, and pushes its events until it is over. The ending is what the browser is told.
func (f *feed) run(ctx context.Context, src source, request []byte) *ending {
	stream, err := src.Open(ctx, f.rt.plan.method, request)
	if err != nil {
		return f.rt.upstreamEnded(statusOf(err))
	}
	defer stream.Close()
	if stream.Accepted() {
		f.rt.health.opened()
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
		f.pushed = true
	}
}

// encode renders one message as f.frame.
func (f *feed) encode(message []byte) error {
	p := f.rt.plan
	name := p.constName
	if p.name != nil {
		text, ok, err := p.name.AppendText(f.text[:0], message)
		if err != nil {
			return err
		}
		if f.text = text; ok {
			name, _ = sse.SafeName(string(text))
		}
	}
	f.frame = sse.AppendHead(f.frame[:0], name)
	head := len(f.frame)
	if err := f.appendData(message); err != nil {
		return err
	}
	if size, limit := len(f.frame)-head, int(f.rt.cfg.MaxEventBytes); size > limit {
		return &eventTooLargeError{size: size, limit: limit}
	}
	if p.id == nil {
		f.frame = sse.AppendTail(f.frame, sse.ID{})
		return nil
	}
	text, _, err := p.id.AppendText(f.text[:0], message)
	if err != nil {
		return err
	}
	f.text = text
	f.frame, _ = sse.AppendTailValue(f.frame, text)
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
