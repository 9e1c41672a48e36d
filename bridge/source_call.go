package bridge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
)

// keptBytes is the largest buffer that a quiet call keeps for its next message.
const keptBytes = 64 << 10

// encoder appends the wire form of a message to dst.
type encoder func(dst []byte, message any) ([]byte, error)

// callSource opens streams of code in this process: each call runs serve on a goroutine of its own, which sends messages
// until it returns.
type callSource struct {
	program *program
	encode  encoder
	serve   func(*call) error
}

func (s *callSource) Open(ctx context.Context, method string, request []byte, md metadata.MD) (messageStream, error) {
	c := newCall(ctx, method, request, md, s.encode)
	if !s.program.start(func() { c.run(s.program, s.serve) }) {
		c.cancel()
		return nil, status.Error(codes.Unavailable, "the bridge is closed")
	}
	return c, nil
}

// call is one stream between the code that sends and the reader of it. The code uses ctx, request, send and the methods for
// metadata; the reader those of [messageStream]. At most one message is on its way between the two: send waits for the
// reader, which is the back-pressure.
type call struct {
	method  string
	request []byte
	encode  encoder
	caller  context.Context // the reader's
	ctx     context.Context // the code's: ends with the reader's, when the stream is closed, and when the code has returned
	cancel  context.CancelFunc

	messages chan []byte
	begun    chan struct{} // closed when the header is final
	done     chan struct{} // closed when the code has returned
	end      error         // what Recv returns then

	buffers [2][]byte // take turns: the reader has the one while the code fills the other
	turn    int

	mu     sync.Mutex
	header metadata.MD
	sent   bool // the header
}

func newCall(caller context.Context, method string, request []byte, md metadata.MD, encode encoder) *call {
	c := &call{
		method: method, request: request, encode: encode, caller: caller,
		messages: make(chan []byte), begun: make(chan struct{}), done: make(chan struct{}),
	}
	ctx := metadata.NewIncomingContext(caller, md)
	ctx = peer.NewContext(ctx, &peer.Peer{Addr: inProcessAddr{}})
	ctx = grpc.NewContextWithServerTransportStream(ctx, callTransport{c})
	c.ctx, c.cancel = context.WithCancel(ctx)
	return c
}

// run calls the code, and makes the end of the stream of how it returns. A panic ends this stream and no other.
func (c *call) run(p *program, serve func(*call) error) {
	defer c.cancel()
	err := status.Error(codes.Internal, "internal error") // unless it returns
	defer func() {
		if r := recover(); r != nil {
			p.log.Error("panic in the source of a stream", "source", c.method, "panic", fmt.Sprint(r), "stack", string(debug.Stack()))
		}
		c.finish(err)
	}()
	err = serve(c)
	if err == nil && c.ctx.Err() != nil {
		err = c.ctx.Err() // it has nothing more since nobody waits for it any longer
	}
}

func (c *call) finish(err error) {
	c.end = endOf(err)
	c.mu.Lock()
	if !c.sent && len(c.header) > 0 {
		c.begin()
	}
	c.mu.Unlock()
	close(c.done)
}

// endOf returns what an error of the program's code means as the end of a stream.
func endOf(err error) error {
	if st := statusOf(err); st.Code() != codes.OK {
		return st.Err()
	}
	return io.EOF
}

// send hands one message to the reader, and waits until that takes it. The error carries a gRPC status.
func (c *call) send(message any) error {
	buffer := &c.buffers[c.turn]
	wire, err := c.encode((*buffer)[:0], message)
	if err != nil {
		return status.Error(codes.Internal, "a message cannot be encoded: "+err.Error())
	}
	if *buffer = wire; cap(wire) > keptBytes {
		*buffer = nil
	}
	if err := c.sendHeader(nil); err != nil && !errors.Is(err, errHeaderSent) {
		return err
	}
	if err := c.ctx.Err(); err != nil {
		return status.FromContextError(err).Err()
	}
	select {
	case c.messages <- wire:
		c.turn = 1 - c.turn
		return nil
	case <-c.ctx.Done():
		return status.FromContextError(c.ctx.Err()).Err()
	}
}

// errHeaderSent is what a header gets that comes too late.
var errHeaderSent = status.Error(codes.Internal, "the header was sent already")

func (c *call) setHeader(md metadata.MD) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sent {
		return errHeaderSent
	}
	c.header = metadata.Join(c.header, md)
	return nil
}

func (c *call) sendHeader(md metadata.MD) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sent {
		return errHeaderSent
	}
	c.header = metadata.Join(c.header, md)
	c.begin()
	return nil
}

// begin is called with the lock held, once.
func (c *call) begin() {
	c.sent = true
	close(c.begun)
}

// Header is part of messageStream.
func (c *call) Header() (metadata.MD, bool) {
	select {
	case <-c.begun:
	case <-c.done:
	case <-c.caller.Done():
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.header, c.sent
}

// Recv is part of messageStream.
func (c *call) Recv() ([]byte, error) {
	select {
	case message := <-c.messages:
		return message, nil
	case <-c.done:
		return nil, c.end
	case <-c.caller.Done():
		return nil, status.FromContextError(c.caller.Err()).Err()
	}
}

// Close is part of messageStream. It does not wait for the code, which may take its time to notice: [Bridge.Close] does.
func (c *call) Close() { c.cancel() }

// callTransport lets code that only has the context set metadata, with grpc.SetHeader and the like.
type callTransport struct{ call *call }

func (t callTransport) Method() string                  { return t.call.method }
func (t callTransport) SetHeader(md metadata.MD) error  { return t.call.setHeader(md) }
func (t callTransport) SendHeader(md metadata.MD) error { return t.call.sendHeader(md) }
func (t callTransport) SetTrailer(metadata.MD) error    { return nil } // an event stream has no place for one

// inProcessAddr is the address of a caller in the same process.
type inProcessAddr struct{}

func (inProcessAddr) Network() string { return inProcess }
func (inProcessAddr) String() string  { return inProcess }

// inProcess names what is no connection.
const inProcess = "in-process"
