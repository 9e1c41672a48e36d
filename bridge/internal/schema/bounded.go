package schema

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// limits bound what a server may answer in one reading.
type limits struct {
	files, bytes int
	elements     int // of all files
	depth        int // of messages in messages
}

// defaultLimits are far above what people write, and far below what would hurt.
func defaultLimits() limits {
	return limits{files: 10_000, bytes: 64 << 20, elements: 1_000_000, depth: 64}
}

// limitError says which limit was passed.
type limitError struct{ what string }

func (e *limitError) Error() string {
	return fmt.Sprintf("expected a schema of at most %s, found more", e.what)
}

// boundedConn counts what comes in over all streams of a connection, and refuses to go on past its limits. It remembers
// whether the last stream failed, which the answers do not show: a server may answer UNAVAILABLE for one of its services.
type boundedConn struct {
	grpc.ClientConnInterface
	limits limits

	mu       sync.Mutex
	seen     limits // how much of each there was
	failed   bool
	importer *importer
	dotted   map[string]bool // services that the server calls by a name with a dot before it
}

// NewStream is part of grpc.ClientConnInterface.
func (c *boundedConn) NewStream(ctx context.Context, desc *grpc.StreamDesc, method string, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	opts = append(opts, grpc.MaxCallRecvMsgSize(c.limits.bytes))
	stream, err := c.ClientConnInterface.NewStream(ctx, desc, method, opts...)
	c.note(err)
	if err != nil {
		return nil, err
	}
	return &boundedStream{ClientStream: stream, conn: c}, nil
}

func (c *boundedConn) check() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.seen.bytes > c.limits.bytes:
		return &limitError{what: fmt.Sprintf("%d bytes", c.limits.bytes)}
	case c.seen.files > c.limits.files:
		return &limitError{what: fmt.Sprintf("%d files", c.limits.files)}
	case c.seen.elements > c.limits.elements:
		return &limitError{what: fmt.Sprintf("%d elements", c.limits.elements)}
	case c.seen.depth > c.limits.depth:
		return &limitError{what: fmt.Sprintf("%d messages inside each other", c.limits.depth)}
	}
	return nil
}

// count adds an answer. One without files counts as one, since it takes a question.
func (c *boundedConn) count(answer proto.Message) {
	var s structure
	files := 0
	if list := listIn(answer, "file_descriptor_response", "file_descriptor_proto"); list != nil {
		files = list.Len()
		for i := range files {
			s.measure(list.Get(i).Bytes(), fileParts(), 0)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen.files += max(1, files)
	c.seen.bytes += proto.Size(answer)
	c.seen.elements += s.elements
	c.seen.depth = max(c.seen.depth, s.depth)
}

func (c *boundedConn) note(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failed = err != nil
}

// endedBy says whether err, the outcome of the last question, bars all further ones too: a limit, or a stream that
// ended for a reason that has nothing to do with the question.
func (c *boundedConn) endedBy(err error) bool {
	var limit *limitError
	if errors.As(err, &limit) {
		return true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.failed {
		return false
	}
	switch status.Code(err) {
	case codes.Unavailable, codes.DeadlineExceeded, codes.Canceled,
		codes.Unimplemented, codes.Unauthenticated, codes.PermissionDenied:
		return true
	}
	return false
}

type boundedStream struct {
	grpc.ClientStream
	conn *boundedConn
}

// SendMsg is part of grpc.ClientStream.
func (s *boundedStream) SendMsg(m any) error {
	if question, ok := m.(proto.Message); ok {
		s.conn.mendQuestion(question)
	}
	return s.ClientStream.SendMsg(m)
}

// RecvMsg is part of grpc.ClientStream.
func (s *boundedStream) RecvMsg(m any) error {
	err := s.ClientStream.RecvMsg(m)
	s.conn.note(err)
	if err != nil {
		return err
	}
	answer, ok := m.(proto.Message)
	if !ok {
		return nil
	}
	s.conn.count(answer)
	if err := s.conn.check(); err != nil {
		return err
	}
	s.conn.mend(answer)
	return s.conn.check()
}
