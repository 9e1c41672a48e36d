package bridgetest

import (
	"context"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
)

// record is what an upstream has received.
type record struct {
	mu    sync.Mutex
	calls []*Call
	news  chan struct{} // closed, and made anew, when something has changed
}

// intercept records a stream. Reflection is not recorded: the bridge asks the server for its schema.
func (r *record) intercept(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	method := strings.TrimPrefix(info.FullMethod, "/")
	if strings.HasPrefix(method, "grpc.reflection.") {
		return handler(srv, stream)
	}
	md, _ := metadata.FromIncomingContext(stream.Context())
	call := &Call{Method: method, Metadata: md, steps: make(chan step), ended: make(chan struct{})}
	defer r.change(func() {
		call.left = stream.Context().Err() != nil
		close(call.ended)
	})
	return handler(srv, &recorded{
		ServerStream: stream, ctx: context.WithValue(stream.Context(), callKey{}, call), call: call, record: r,
	})
}

// callKey is the key of a stream's [Call] in its context.
type callKey struct{}

// recorded is a stream that notes its request.
type recorded struct {
	grpc.ServerStream
	ctx    context.Context
	call   *Call
	record *record
	once   sync.Once
}

// Context implements [grpc.ServerStream].
func (s *recorded) Context() context.Context { return s.ctx }

// RecvMsg implements [grpc.ServerStream].
func (s *recorded) RecvMsg(m any) error {
	err := s.ServerStream.RecvMsg(m)
	if request, ok := m.(proto.Message); ok && err == nil {
		s.once.Do(func() {
			s.record.change(func() {
				s.call.Request = proto.Clone(request)
				s.record.calls = append(s.record.calls, s.call)
			})
		})
	}
	return err
}

// change changes the record, and wakes who waits for a change.
func (r *record) change(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f()
	close(r.news)
	r.news = make(chan struct{})
}

// await waits until is returns true, and reports whether it did within the time. is runs with the record locked.
func (r *record) await(within time.Duration, is func() bool) bool {
	timer := time.NewTimer(within)
	defer timer.Stop()
	for {
		r.mu.Lock()
		done, news := is(), r.news
		r.mu.Unlock()
		if done {
			return true
		}
		select {
		case <-news:
		case <-timer.C:
			return false
		}
	}
}

// take returns the first call of a method that was not returned yet, or nil. The record is locked.
func (r *record) take(method string) *Call {
	for _, call := range r.calls {
		if !call.taken && (method == "" || call.Method == method || strings.HasSuffix(call.Method, "/"+method)) {
			call.taken = true
			return call
		}
	}
	return nil
}

// open counts the open streams. The record is locked.
func (r *record) open() (n int) {
	for _, call := range r.calls {
		if !call.over() {
			n++
		}
	}
	return n
}

// openCalls describes the open streams.
func (r *record) openCalls() string { return r.describe(func(c *Call) bool { return !c.over() }) }

// all describes all streams.
func (r *record) all() string { return r.describe(func(*Call) bool { return true }) }

func (r *record) describe(which func(*Call) bool) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var texts []string
	for _, call := range r.calls {
		if which(call) {
			texts = append(texts, call.describe())
		}
	}
	return list(texts)
}

// list writes texts one a line, the newest ones only where there are many.
func list(texts []string) string {
	const most = 10
	if len(texts) == 0 {
		return "none"
	}
	var b strings.Builder
	if n := len(texts) - most; n > 0 {
		texts = append([]string{"…"}, texts[n:]...)
	}
	for _, text := range texts {
		b.WriteString("\n  ")
		b.WriteString(text)
	}
	return b.String()
}
