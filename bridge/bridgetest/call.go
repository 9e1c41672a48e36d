package bridgetest

import (
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
)

// Call is a stream that was opened at an [Upstream]. The methods that send and end are for methods of [Scripted] services: the
// other methods are served by their own code. Use a Call on the test's own goroutine.
type Call struct {
	// Method is the name that `rpc` has in a route, such as "demo.market.v1.MarketService/WatchQuotes".
	Method string
	// Metadata is what was sent with the call. Its keys are in lower case.
	Metadata metadata.MD
	// Request is the request: of its generated type if this program has that type, and else a dynamic message.
	Request proto.Message

	upstream *Upstream
	taken    bool
	output   protoreflect.MessageDescriptor // nil where the method is served by code
	steps    chan step
	ended    chan struct{} // closed when the method has returned
	left     bool          // the context of the stream had ended when the method returned
}

// step is something that the goroutine of a scripted method does for the test.
type step struct {
	do   func(grpc.ServerStream) error
	last bool // the error of do is the end of the stream
	done chan error
}

// play does the steps of the test until the stream ends.
func (c *Call) play(stream grpc.ServerStream) error {
	for {
		select {
		case s := <-c.steps:
			err := s.do(stream)
			if s.last {
				s.done <- nil
				return err
			}
			s.done <- err
		case <-stream.Context().Done():
			return stream.Context().Err()
		}
	}
}

// ExpectRequest fails the test unless the request is exactly the message that want describes in ProtoJSON. Fields may have their
// JSON names or their names in the .proto file.
func (c *Call) ExpectRequest(want string) {
	c.upstream.tb.Helper()
	expected := c.Request.ProtoReflect().New().Interface()
	if err := protojson.Unmarshal([]byte(want), expected); err != nil {
		c.upstream.tb.Fatalf("bridgetest: %s is no %s: %v", want, c.Request.ProtoReflect().Descriptor().FullName(), err)
	}
	if !proto.Equal(expected, c.Request) {
		c.upstream.tb.Fatalf("bridgetest: expected the request %s\nfound %s", compact(expected), compact(c.Request))
	}
}

// SendHeader sends response metadata, given as names and values in turn. It must come before the first message.
func (c *Call) SendHeader(pairs ...string) {
	c.upstream.tb.Helper()
	if len(pairs)%2 != 0 {
		c.upstream.tb.Fatalf("bridgetest: SendHeader: expected names and values in turn, found %q", pairs)
	}
	md := metadata.Pairs(pairs...)
	c.run("send a header", false, func(stream grpc.ServerStream) error { return stream.SendHeader(md) })
}

// Send sends messages. It returns when gRPC has taken them, which is before the bridge has read them. The test fails if the stream
// is over, or if the bridge does not read for a long time.
func (c *Call) Send(messages ...proto.Message) {
	c.upstream.tb.Helper()
	for _, m := range messages {
		if name := m.ProtoReflect().Descriptor().FullName(); c.output != nil && name != c.output.FullName() {
			c.upstream.tb.Fatalf("bridgetest: %s sends messages of type %s, found %s", c.Method, c.output.FullName(), name)
		}
		c.run("send "+compact(m), false, func(stream grpc.ServerStream) error { return stream.SendMsg(m) })
	}
}

// SendJSON does the same as Send with messages in ProtoJSON, for example {"symbol": "AAPL", "price": 189.5}.
func (c *Call) SendJSON(messages ...string) {
	c.upstream.tb.Helper()
	c.scripted()
	for _, text := range messages {
		m := newMessage(c.output)
		if err := protojson.Unmarshal([]byte(text), m); err != nil {
			c.upstream.tb.Fatalf("bridgetest: %s is no %s: %v", text, c.output.FullName(), err)
		}
		c.Send(m)
	}
}

// End ends the stream: with OK where err is nil, and else with the gRPC status of err, which may have details:
//
//	st, _ := status.New(codes.NotFound, "no such symbol").WithDetails(&errdetails.ErrorInfo{Reason: "DELISTED"})
//	call.End(st.Err())
func (c *Call) End(err error) {
	c.upstream.tb.Helper()
	c.run("end the stream", true, func(grpc.ServerStream) error { return err })
	c.wait("the stream to be over")
}

// ExpectCancel waits until the method has returned because the bridge has left the stream, or because of [Upstream.Kill].
func (c *Call) ExpectCancel() {
	c.upstream.tb.Helper()
	c.wait("the bridge to leave the stream")
	if !c.left {
		c.upstream.tb.Fatalf("bridgetest: expected the bridge to leave the stream, but the method had ended it: %s", c)
	}
}

// wait waits until the method has returned.
func (c *Call) wait(what string) {
	c.upstream.tb.Helper()
	select {
	case <-c.ended:
	case <-time.After(c.upstream.Timeout):
		c.upstream.tb.Fatalf("bridgetest: expected %s within %s, but it is open: %s", what, c.upstream.Timeout, c)
	}
}

// run makes the goroutine of the method do something, and waits until that is done.
func (c *Call) run(what string, last bool, do func(grpc.ServerStream) error) {
	c.upstream.tb.Helper()
	c.scripted()
	s := step{do: do, last: last, done: make(chan error, 1)}
	timer := time.NewTimer(c.upstream.Timeout)
	defer timer.Stop()
	err := errors.New("the stream is over")
	select {
	case c.steps <- s:
		select {
		case err = <-s.done:
		case <-timer.C:
			err = fmt.Errorf("the bridge has read too little for %s", c.upstream.Timeout)
		}
	case <-c.ended:
	case <-timer.C:
		err = fmt.Errorf("the method does nothing for %s", c.upstream.Timeout)
	}
	if err != nil {
		c.upstream.tb.Fatalf("bridgetest: cannot %s: %v: %s", what, err, c)
	}
}

// scripted fails the test where the method is served by code.
func (c *Call) scripted() {
	c.upstream.tb.Helper()
	if c.output == nil {
		c.upstream.tb.Fatalf("bridgetest: %s is served by its own code: only the methods of Scripted services are told what to send", c.Method)
	}
}

// String describes the call for the text of a failure.
func (c *Call) String() string {
	c.upstream.record.mu.Lock()
	defer c.upstream.record.mu.Unlock()
	return c.describe()
}

func (c *Call) describe() string {
	state := "open"
	if c.over() {
		state = "over"
	}
	return fmt.Sprintf("%s %s (%s)", c.Method, compact(c.Request), state)
}

// over reports whether the method has returned.
func (c *Call) over() bool {
	select {
	case <-c.ended:
		return true
	default:
		return false
	}
}

// compact writes a message as short ProtoJSON.
func compact(m proto.Message) string {
	text, err := protojson.Marshal(m)
	if err != nil {
		return fmt.Sprintf("(%s that is no JSON: %v)", m.ProtoReflect().Descriptor().FullName(), err)
	}
	return cut(string(text))
}

// newMessage returns a message of a generated type if this program has that type, and else a dynamic message.
func newMessage(of protoreflect.MessageDescriptor) proto.Message {
	if known := generated(of); known != nil {
		return known.New().Interface()
	}
	return dynamicpb.NewMessage(of)
}
