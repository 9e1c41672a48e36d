package source

import (
	"context"
	"errors"
	"io"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
)

// callSource opens streams of code in this process. Each call runs serve on a goroutine of its own. serve sends messages until
// it returns.
type callSource struct {
	runner *Runner
	encode encoder
	serve  func(*call) error
}

func (s *callSource) Open(ctx context.Context, method string, request []byte, md metadata.MD) (Stream, error) {
	c := newCall(ctx, method, request, md, s.encode)
	if !s.runner.start(func() { c.run(s.runner, s.serve) }) {
		c.cancel()
		return nil, status.Error(codes.Unavailable, "the bridge is closed")
	}
	return c, nil
}

// UsesContextValues implements [Source].
func (*callSource) UsesContextValues() bool { return true }

// call is one stream between code that sends messages and the reader that receives them. The code uses ctx, request, send,
// setHeader and sendHeader. The reader uses the methods of [Stream].
//
// The two exchange one message at a time: send waits until the reader takes the message.
type call struct {
	method  string
	request []byte
	encode  encoder
	caller  context.Context // of the reader
	// ctx is the context of the code. It ends with caller, when the reader closes the stream, and when the code returns.
	ctx    context.Context
	cancel context.CancelFunc

	messages chan []byte
	begun    chan struct{} // closed when the header is final
	done     chan struct{} // closed when the code has returned
	end      error         // what Recv returns after done is closed

	// buffers take turns: the code fills one while the reader has the other.
	buffers [2][]byte
	turn    int

	mu     sync.Mutex
	header metadata.MD
	sent   bool // reports whether the header was sent
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

// run calls the code. What the code returns becomes the end of the stream; a panic becomes INTERNAL, and other streams go on.
func (c *call) run(r *Runner, serve func(*call) error) {
	defer c.cancel()
	err := status.Error(codes.Internal, "internal error") // stays where serve panics
	defer func() {
		if value := recover(); value != nil {
			r.panicked(c.method, value)
		}
		c.finish(err)
	}()
	err = serve(c)
	if err == nil && c.ctx.Err() != nil {
		err = c.ctx.Err() // the code returned because its context ended, which is not an OK end
	}
}

// finish ends the stream. A header that was set and not sent is sent now.
func (c *call) finish(err error) {
	c.end = endOf(err)
	c.mu.Lock()
	if !c.sent && len(c.header) > 0 {
		c.begin()
	}
	c.mu.Unlock()
	close(c.done)
}

// endOf returns the error that Recv reports for the error that the program's code returned.
func endOf(err error) error {
	if st := StatusOf(err); st.Code() != codes.OK {
		return st.Err()
	}
	return io.EOF
}

// send encodes a message, and waits until the reader takes it. The error carries a gRPC status.
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

// errHeaderSent is the error for a header that comes after the header was sent.
var errHeaderSent = status.Error(codes.Internal, "the header was sent already")

// setHeader adds metadata to the header.
func (c *call) setHeader(md metadata.MD) error { return c.addHeader(md, false) }

// sendHeader adds metadata to the header and sends the header. The stream has begun then.
func (c *call) sendHeader(md metadata.MD) error { return c.addHeader(md, true) }

// addHeader adds metadata to the header. With send, it also sends the header.
func (c *call) addHeader(md metadata.MD, send bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sent {
		return errHeaderSent
	}
	c.header = metadata.Join(c.header, md)
	if send {
		c.begin()
	}
	return nil
}

// begin marks the header as sent. It is called once, with mu held.
func (c *call) begin() {
	c.sent = true
	close(c.begun)
}

// Header implements [Stream].
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

// Recv implements [Stream].
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

// Close implements [Stream].
func (c *call) Close() { c.cancel() }

// callTransport makes grpc.SetHeader and the like work for code that has only the context.
type callTransport struct{ call *call }

func (t callTransport) Method() string                  { return t.call.method }
func (t callTransport) SetHeader(md metadata.MD) error  { return t.call.setHeader(md) }
func (t callTransport) SendHeader(md metadata.MD) error { return t.call.sendHeader(md) }

// SetTrailer drops the trailer: an event stream has no place for one.
func (t callTransport) SetTrailer(metadata.MD) error { return nil }

// InProcess is the name of this process where a server would have an address.
const InProcess = "in-process"

// inProcessAddr is the peer address that code of this process sees.
type inProcessAddr struct{}

func (inProcessAddr) Network() string { return InProcess }
func (inProcessAddr) String() string  { return InProcess }
