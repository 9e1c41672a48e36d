package stream

import (
	"context"
	"io"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	"github.com/grpcsse/grpcsse/bridge/internal/source"
	streamv1 "github.com/grpcsse/grpcsse/gen/test/stream/v1"
)

// scripted is a source whose streams are played one after the other. When all were, a stream begins and says nothing.
type scripted struct {
	plays []play

	mu      sync.Mutex
	opened  int
	cursors []int64
	topics  []string
}

// play is one stream of a scripted source.
type play struct {
	silent bool          // it has no header
	header metadata.MD   // where it has one
	events int           // it brings, with the ids 1, 2, 3
	text   string        // of each event
	stands time.Duration // before it ends
	end    error         // what it ends with; nil is an end in good order
}

// presented are the cursors that the streams were opened with, 0 for none.
func (s *scripted) presented() []int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.cursors)
}

// asked are the topics that the streams were opened for.
func (s *scripted) asked() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.topics)
}

func (s *scripted) UsesContextValues() bool { return true }

func (s *scripted) Open(ctx context.Context, _ string, request []byte, _ metadata.MD) (source.Stream, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var sent streamv1.WatchRequest
	if err := proto.Unmarshal(request, &sent); err != nil {
		return nil, err
	}
	s.cursors = append(s.cursors, sent.GetAfterSequence())
	s.topics = append(s.topics, sent.GetTopic())
	p := play{stands: 1000 * time.Hour}
	if s.opened < len(s.plays) {
		p = s.plays[s.opened]
	}
	s.opened++
	return &scriptedStream{ctx: ctx, play: p}, nil
}

type scriptedStream struct {
	ctx  context.Context
	play play
	sent int
}

func (s *scriptedStream) Header() (metadata.MD, bool) { return s.play.header, !s.play.silent }
func (s *scriptedStream) Close()                      {}

func (s *scriptedStream) Recv() ([]byte, error) {
	if s.sent < s.play.events {
		s.sent++
		return proto.Marshal(&streamv1.Event{Sequence: int64(s.sent), Text: s.play.text})
	}
	select {
	case <-time.After(s.play.stands):
	case <-s.ctx.Done():
		return nil, s.ctx.Err()
	}
	if s.play.end != nil {
		return nil, s.play.end
	}
	return nil, io.EOF
}
