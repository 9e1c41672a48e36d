package bridge_test

import (
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	streamv1 "github.com/grpcsse/grpcsse/gen/test/stream/v1"
	"github.com/grpcsse/grpcsse/internal/loopback"
)

// resumable is a route that can resume.
func resumable(extra ...string) string {
	return routeFile(append(extra, `event: {id: sequence}`, `request: {set: {after_sequence: "${last_event_id}"}}`)...)
}

// breaking sends the events after the request's cursor, up to the number limit. Each stream sends a few events, and ends with
// err.
func breaking(limit, few int64, err error) (watch, *atomic.Int64) {
	var streams atomic.Int64
	return func(r *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
		streams.Add(1)
		for n := r.GetAfterSequence() + 1; n <= r.GetAfterSequence()+few; n++ {
			if n > limit {
				return status.Error(codes.NotFound, "that was all")
			}
			if err := stream.Send(&streamv1.Event{Sequence: n}); err != nil {
				return err
			}
		}
		return err
	}, &streams
}

func TestABrokenUpstreamIsReopenedBehindTheBrowser(t *testing.T) {
	for name, tt := range map[string]struct {
		err   error
		extra []string
	}{
		"a stream that broke":            {status.Error(codes.Unavailable, "restarting"), nil},
		"an OK end, with on_end: reopen": {nil, []string{"on_end: reopen"}},
		"a code to be retried":           {status.Error(codes.FailedPrecondition, ""), []string{"status: {FAILED_PRECONDITION: reconnect}"}},
	} {
		t.Run(name, func(t *testing.T) {
			w, streams := breaking(10, 3, tt.err)
			s := startServer(t, "127.0.0.1:0", w)
			f := startFront(t, s, resumable(tt.extra...))
			got := newReader(do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, f.url+"/watch/x", "Last-Event-ID", "2"))).all(t)
			require.Len(t, got, 9)
			for i, e := range got[:8] {
				assert.Equal(t, int64(i+3), parseInt(t, e.id), "no event is lost or repeated")
			}
			assert.Contains(t, got[8].data, `"status":"NOT_FOUND"`)
			assert.EqualValues(t, 3, streams.Load(), "from 2, from 5, from 8")
		})
	}
}

// The upstream has no events at first, and ends its streams with OK.
func TestAnOKEndBeforeTheFirstEventIsHidden(t *testing.T) {
	for name, extra := range map[string][]string{
		"private":               {`event: {id: sequence}`, `request: {set: {after_sequence: "${last_event_id}"}}`},
		"shared":                {`event: {id: sequence}`, `request: {set: {after_sequence: "${last_event_id}"}}`, `share: {late_join: all}`},
		"shared, ids of no use": {`share: {late_join: all}`},
	} {
		t.Run(name, func(t *testing.T) {
			var streams atomic.Int64
			s := startServer(t, "127.0.0.1:0", func(_ *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
				switch streams.Add(1) {
				case 1, 2, 3:
					return nil
				case 4:
					return stream.Send(&streamv1.Event{Sequence: 1})
				}
				return status.Error(codes.NotFound, "that was all")
			})
			f := startFront(t, s, routeFile(append(extra, "on_end: reopen", "reopen: {backoff: {base: 10ms, max: 20ms}}")...))
			got := newReader(do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, f.url+"/watch/x"))).all(t)
			var data []string
			for _, e := range got {
				if e.name == "" {
					data = append(data, e.data)
				}
			}
			require.Len(t, data, 1, "%v", got)
			assert.Contains(t, data[0], `"sequence":"1"`)
			last := got[len(got)-1]
			for _, e := range got {
				if e.name == "grpc-status" {
					last = e
				}
			}
			assert.Contains(t, last.data, `"status":"NOT_FOUND"`)
			assert.EqualValues(t, 5, streams.Load())
		})
	}
}

func TestAStreamThatCannotResumeIsNotReopened(t *testing.T) {
	for name, file := range map[string]string{
		"no cursor bound": routeFile("event: {id: sequence}"),
		"no ids":          routeFile(`request: {set: {after_sequence: "${last_event_id}"}}`),
		"an event had no id": routeFile(`request: {set: {after_sequence: "${last_event_id}"}}`,
			"event: {id: kind}"),
	} {
		t.Run(name, func(t *testing.T) {
			w, streams := breaking(10, 3, status.Error(codes.Unavailable, ""))
			f := startFront(t, startServer(t, "127.0.0.1:0", w), file)
			got := newReader(do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, f.url+"/watch/x"))).all(t)
			require.Len(t, got, 4)
			assert.Contains(t, got[3].data, `"status":"UNAVAILABLE"`)
			assert.Contains(t, got[3].data, `"retry":true`)
			assert.EqualValues(t, 1, streams.Load())
		})
	}
}

func TestACursorInMetadataFollowsTheEvents(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", func(_ *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
		after := int64(0)
		if cursor := incoming(stream.Context()).Get("x-cursor"); len(cursor) == 1 {
			after = parseInt(t, cursor[0])
		}
		if after == 4 {
			return status.Error(codes.NotFound, "that was all")
		}
		for n := after + 1; n <= after+2; n++ {
			if err := stream.Send(&streamv1.Event{Sequence: n}); err != nil {
				return err
			}
		}
		return status.Error(codes.Unavailable, "")
	})
	f := startFront(t, s, routeFile("event: {id: sequence}", `metadata: {set: {x-cursor: "${last_event_id}"}}`))
	got := newReader(do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, f.url+"/watch/x"))).all(t)
	require.Len(t, got, 5)
	for i, e := range got[:4] {
		assert.Equal(t, int64(i+1), parseInt(t, e.id))
	}
}

func TestReopeningGivesUpAfterItsAttempts(t *testing.T) {
	var streams atomic.Int64
	s := startServer(t, "127.0.0.1:0", func(_ *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
		if streams.Add(1) == 1 {
			if err := stream.Send(&streamv1.Event{Sequence: 1}); err != nil {
				return err
			}
		}
		return status.Error(codes.Unavailable, "")
	})
	f := startFront(t, s, resumable("reopen: {max_attempts: 2, backoff: {base: 1ms, max: 2ms}}"))
	got := newReader(do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, f.url+"/watch/x"))).all(t)
	require.Len(t, got, 2)
	assert.Contains(t, got[1].data, `"retry":true`, "the browser comes back by itself, with its cursor")
	assert.EqualValues(t, 3, streams.Load())
}

func TestAnEndThatMustBeToldIsNotReopened(t *testing.T) {
	w, streams := breaking(10, 3, status.Error(codes.PermissionDenied, "no longer"))
	f := startFront(t, startServer(t, "127.0.0.1:0", w), resumable())
	got := newReader(do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, f.url+"/watch/x"))).all(t)
	require.Len(t, got, 4)
	assert.Contains(t, got[3].data, `"status":"PERMISSION_DENIED"`)
	assert.EqualValues(t, 1, streams.Load())
}

func TestACursorRefusedOnReopeningIsAReset(t *testing.T) {
	var streams atomic.Int64
	s := startServer(t, "127.0.0.1:0", func(r *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
		switch streams.Add(1) {
		case 1:
			if err := stream.Send(&streamv1.Event{Sequence: 7}); err != nil {
				return err
			}
			return status.Error(codes.Unavailable, "restarting, and forgetting")
		case 2:
			return status.Errorf(codes.OutOfRange, "who is %d?", r.GetAfterSequence())
		}
		if err := stream.Send(&streamv1.Event{Sequence: 1}); err != nil {
			return err
		}
		return status.Error(codes.NotFound, "the end")
	})
	f := startFront(t, s, resumable())
	got := newReader(do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, f.url+"/watch/x"))).all(t)
	require.Len(t, got, 4)
	assert.Equal(t, "7", got[0].id)
	assert.Equal(t, event{"grpc-reset", `{"reason":"invalid","last_event_id":"7"}`, ""}, got[1])
	assert.Equal(t, "1", got[2].id)
}

// A cursor that does not fit or that the upstream refuses never ends a stream: not at the beginning, and not when the stream is
// reopened.
func TestACursorNeverEndsAStream(t *testing.T) {
	const invalid = `{"reason":"invalid","last_event_id":"`
	bound := func(what string) []string { return []string{"event: {id: text}", what, "open_wait: 10s"} }
	inField, inMetadata := bound(`request: {set: {after_sequence: "${last_event_id}"}}`), bound(`metadata: {set: {x-cursor: "${last_event_id}"}}`)
	for name, tt := range map[string]struct {
		header string
		id     string // the id of the first stream's only event, after which the stream breaks
		file   []string
		want   []string // names and data of the blocks that are not events of the upstream
	}{
		"a cursor that does not fit a field":               {"abc", "1", inField, []string{invalid + `abc"}`}},
		"a cursor that does not fit metadata":              {"~Cg", "1", inMetadata, []string{invalid + `~Cg"}`}},
		"a text that cannot be a cursor":                   {"~?", "1", inField, []string{invalid + `~?"}`}},
		"a cursor that is too long":                        {strings.Repeat("1", 300), "1", inField, []string{invalid + strings.Repeat("1", 128) + `"}`}},
		"an id of the upstream that does not fit a field":  {"", "abc", inField, []string{invalid + `abc"}`}},
		"an id of the upstream that does not fit metadata": {"", "\n", inMetadata, []string{invalid + `~Cg"}`}},
	} {
		for kind, share := range map[string][]string{"private": nil, "shared": {"share: {late_join: all}"}} {
			t.Run(name+"/"+kind, func(t *testing.T) {
				var streams atomic.Int64
				s := startServer(t, "127.0.0.1:0", func(_ *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
					n := streams.Add(1)
					if err := stream.Send(&streamv1.Event{Text: tt.id, Sequence: n}); err != nil {
						return err
					}
					if tt.header == "" && n == 1 {
						return status.Error(codes.Unavailable, "")
					}
					return status.Error(codes.NotFound, "the end")
				})
				var header []string
				if tt.header != "" {
					header = []string{"Last-Event-ID", tt.header}
				}
				f := startFront(t, s, routeFile(append(share, tt.file...)...))
				var told []string
				got := newReader(do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, f.url+"/watch/x", header...))).all(t)
				for _, e := range got[:len(got)-1] {
					if e.name == "grpc-reset" {
						told = append(told, e.data)
					}
				}
				assert.Contains(t, got[len(got)-1].data, "the end")
				if share == nil || tt.header != "" { // a shared stream that cannot resume begins a new epoch
					assert.Equal(t, tt.want, told)
				} else {
					assert.Len(t, told, 1)
				}
			})
		}
	}
}

func TestARefusedCursorIsToldOnce(t *testing.T) {
	var streams atomic.Int64
	s := startServer(t, "127.0.0.1:0", func(r *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
		switch n := streams.Add(1); {
		case n == 1:
			if err := stream.Send(&streamv1.Event{Sequence: 7}); err != nil {
				return err
			}
		case r.GetAfterSequence() > 0:
			return status.Error(codes.OutOfRange, "it is gone")
		case n == 6:
			return status.Error(codes.NotFound, "the end")
		}
		return status.Error(codes.Unavailable, "restarting")
	})
	f := startFront(t, s, resumable("reopen: {backoff: {base: 1ms, max: 2ms}}"))
	got := newReader(do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, f.url+"/watch/x"))).all(t)
	require.Len(t, got, 3, "%v", got)
	assert.Equal(t, "7", got[0].id)
	assert.Equal(t, "grpc-reset", got[1].name)
	assert.Contains(t, got[2].data, "the end")
}

func TestAnUpstreamThatRestartsIsReopened(t *testing.T) {
	const total = 500
	numbered := func(r *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
		for n := r.GetAfterSequence() + 1; n <= total; n++ {
			if err := stream.Send(&streamv1.Event{Sequence: n}); err != nil {
				return err
			}
			if n == total/2 {
				<-stream.Context().Done() // the test kills the server
				return stream.Context().Err()
			}
		}
		return status.Error(codes.NotFound, "the end")
	}
	first := startServer(t, loopback.Own(), numbered)
	f := startFront(t, first, resumable())
	r := newReader(do(t, clients(t)["h2c"], eventSource(t.Context(), t, f.url+"/watch/x")))
	for n := range int64(total / 2) {
		e, err := r.next()
		require.NoError(t, err)
		require.Equal(t, n+1, parseInt(t, e.id))
	}
	first.grpc.Stop()
	startServer(t, first.addr, numbered)
	got := r.all(t)
	require.Len(t, got, total/2+1)
	for i, e := range got[:total/2] {
		require.Equal(t, int64(total/2+i+1), parseInt(t, e.id))
	}
}

func TestAClientThatLeavesWhileTheUpstreamIsGone(t *testing.T) {
	w, _ := breaking(10, 1, status.Error(codes.Unavailable, ""))
	s := startServer(t, "127.0.0.1:0", w)
	f := startFront(t, s, resumable())
	resp := do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, f.url+"/watch/x"))
	_, err := newReader(resp).next()
	require.NoError(t, err)
	s.grpc.Stop()
	require.NoError(t, resp.Body.Close()) // goroutines are counted when the tests end
}
