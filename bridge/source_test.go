package bridge_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/grpcsse/grpcsse/bridge/config"
	streamv1 "github.com/grpcsse/grpcsse/gen/test/stream/v1"
)

func cursored(r *config.Route) {
	r.Event.ID = "sequence"
	r.Request.Set = []config.Setting{{Field: "after_sequence", Value: config.Reference("last_event_id")}}
	r.Reopen.Base = time.Millisecond
}

func TestEverySourceGivesTheFramesOfAnUpstream(t *testing.T) {
	w := func(r *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
		for n := range int64(3) {
			e := &streamv1.Event{Sequence: n + 1, Kind: "tick", Text: r.GetTopic() + fmt.Sprint(r.GetTags()), Filter: &streamv1.Filter{Open: true}}
			if err := stream.Send(e); err != nil {
				return err
			}
		}
		st, err := status.New(codes.NotFound, "that was all").WithDetails(&errdetails.ErrorInfo{Reason: "END"})
		if err != nil {
			return err
		}
		return st.Err()
	}
	change := func(r *config.Route) {
		r.Event.ID, r.Event.Name = "sequence", "kind"
		r.JSON.EmitDefaults = false
	}
	upstream := startFront(t, startServer(t, "127.0.0.1:0", w), routeFile("event: {id: sequence, name: kind}", "json: {emit_defaults: false}"))
	const path = "/watch/a%2Fb?tags=x&tags=y"
	want := newReader(do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, upstream.url+path))).all(t)
	require.Len(t, want, 4)
	require.Contains(t, want[3].data, `"reason":"END"`)
	everySource(t, w, change, func(t *testing.T, s *server, f *front) {
		for name, client := range clients(t) {
			t.Run(name, func(t *testing.T) {
				assert.Equal(t, want, newReader(do(t, client, eventSource(t.Context(), t, f.url+path))).all(t))
			})
		}
		s.requireStreams(t, 0)
	})
}

func TestEveryMessageOfASourceArrivesWholeAndInOrder(t *testing.T) {
	w := func(_ *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
		var e streamv1.Event // sent many times: after Send, the program may change the message
		for n := range int64(5000) {
			e.Sequence, e.Text = n+1, strings.Repeat(string(rune('a'+n%26)), int(n%300))
			if n%1000 == 0 {
				e.Text = strings.Repeat("x", 100<<10) // larger than the buffers that the bridge keeps
			}
			if err := stream.Send(&e); err != nil {
				return err
			}
		}
		return nil
	}
	everySource(t, w, func(r *config.Route) { r.JSON.EmitDefaults = false }, func(t *testing.T, _ *server, f *front) {
		got := newReader(do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, f.url+"/watch/x"))).all(t)
		require.Len(t, got, 5001)
		for n, e := range got[:5000] {
			var data struct{ Sequence, Text string }
			require.NoError(t, json.Unmarshal([]byte(e.data), &data))
			require.EqualValues(t, n+1, parseInt(t, data.Sequence))
			if n%1000 != 0 {
				require.Equal(t, strings.Repeat(string(rune('a'+n%26)), n%300), data.Text)
			}
		}
	})
}

func TestEverySourceEndsWithItsStatus(t *testing.T) {
	for name, tt := range map[string]struct {
		err  error
		want string
	}{
		"well":             {nil, `"status":"OK"`},
		"with a status":    {status.Error(codes.ResourceExhausted, "too many"), `"status":"RESOURCE_EXHAUSTED","message":"too many"`},
		"with a plain":     {errors.New("secret"), `"status":"UNKNOWN","message":"the upstream failed with an unknown error"`},
		"with a context":   {fmt.Errorf("db: %w", context.DeadlineExceeded), `"status":"DEADLINE_EXCEEDED"`},
		"with end of file": {fmt.Errorf("file: %w", errors.New("EOF")), `"status":"UNKNOWN"`},
	} {
		t.Run(name, func(t *testing.T) {
			everySource(t, count(2, tt.err), nil, func(t *testing.T, _ *server, f *front) {
				got := newReader(do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, f.url+"/watch/x"))).all(t)
				require.Len(t, got, 3)
				assert.Contains(t, got[2].data, tt.want)
			})
		})
	}
}

func TestEverySourceThatFailsBeforeItsFirstEventGetsAnHTTPStatus(t *testing.T) {
	everySource(t, count(0, status.Error(codes.PermissionDenied, "not yours")), nil, func(t *testing.T, _ *server, f *front) {
		assert.Equal(t, http.StatusForbidden, do(t, clients(t)["HTTP1"], plain(t, f.url+"/watch/x")).StatusCode)
	})
}

func TestEverySourceResumes(t *testing.T) {
	for name, tt := range map[string]struct {
		err    error
		change func(*config.Route)
	}{
		"behind the browser's back": {status.Error(codes.Unavailable, "restarting"), nil},
		"after an OK end":           {nil, func(r *config.Route) { r.OnEnd = config.OnEndReopen }},
	} {
		t.Run(name, func(t *testing.T) {
			change := func(r *config.Route) {
				cursored(r)
				if tt.change != nil {
					tt.change(r)
				}
			}
			w, _ := breaking(10, 3, tt.err)
			everySource(t, w, change, func(t *testing.T, s *server, f *front) {
				got := newReader(do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, f.url+"/watch/x", "Last-Event-ID", "2"))).all(t)
				require.Len(t, got, 9)
				for i, e := range got[:8] {
					assert.Equal(t, int64(i+3), parseInt(t, e.id), "no event is lost or repeated")
				}
				assert.EqualValues(t, 3, s.opened.Load(), "from 2, from 5, from 8")
			})
		})
	}
}

func TestACursorThatDoesNotFitASourceIsAReset(t *testing.T) {
	everySource(t, count(1, nil), cursored, func(t *testing.T, _ *server, f *front) {
		got := newReader(do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, f.url+"/watch/x", "Last-Event-ID", "no number"))).all(t)
		require.Len(t, got, 3)
		assert.Equal(t, "grpc-reset", got[0].name)
	})
}

func TestEverySourceEndsWhenTheBrowserLeaves(t *testing.T) {
	for name, w := range map[string]watch{
		"while the source waits": untilCancelled,
		"while the source sends": count(1<<40, nil),
	} {
		t.Run(name, func(t *testing.T) {
			everySource(t, w, func(r *config.Route) { r.OpenWait = time.Millisecond }, func(t *testing.T, s *server, f *front) {
				for _, client := range clients(t) {
					ctx, leave := context.WithCancel(t.Context())
					do(t, client, eventSource(ctx, t, f.url+"/watch/x"))
					s.requireStreams(t, 1)
					leave()
					s.requireStreams(t, 0)
				}
			})
		})
	}
}

func TestEverySourceWaitsForASlowBrowser(t *testing.T) {
	var sent sendCounter
	everySource(t, sent.count(1<<40), nil, func(t *testing.T, s *server, f *front) {
		sent.n.Store(0)
		ctx, leave := context.WithCancel(t.Context())
		do(t, clients(t)["h2c"], eventSource(ctx, t, f.url+"/watch/x"))
		sent.settle(t)
		assert.Less(t, sent.n.Load(), int64(20_000), "2 kB each: the number of waiting events is bounded")
		leave()
		s.requireStreams(t, 0)
	})
}

func TestEverySourceReceivesAndReturnsMetadata(t *testing.T) {
	w := func(_ *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
		md, _ := metadata.FromIncomingContext(stream.Context())
		if err := stream.SetHeader(metadata.Pairs("x-cursor", "7")); err != nil {
			return err
		}
		if err := stream.SendHeader(metadata.Pairs("x-raw-bin", "\x00\xff")); err != nil {
			return err
		}
		if stream.SendHeader(nil) == nil {
			return errors.New("a second header was taken")
		}
		return stream.Send(&streamv1.Event{Text: strings.Join(append(md.Get("x-user"), md.Get("cookie")...), " ")})
	}
	change := func(r *config.Route) {
		r.Metadata.Forward = []string{"x-user"}
		r.Metadata.Expose = []string{"x-cursor", "x-raw-bin"}
	}
	everySource(t, w, change, func(t *testing.T, _ *server, f *front) {
		r := eventSource(t.Context(), t, f.url+"/watch/x", "X-User", "ann", "Cookie", "secret=1")
		resp := do(t, clients(t)["HTTP1"], r)
		assert.Equal(t, "7", resp.Header.Get("X-Cursor"))
		assert.Equal(t, "AP8=", resp.Header.Get("X-Raw-Bin"))
		got := newReader(resp).all(t)
		require.Len(t, got, 2)
		assert.Contains(t, got[0].data, `"text":"ann"`, "a header that is not forwarded does not arrive")
	})
}

func TestAHeaderWithoutMessagesIsAnswered(t *testing.T) {
	w := func(_ *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
		return stream.SetHeader(metadata.Pairs("x-cursor", "7"))
	}
	everySource(t, w, func(r *config.Route) { r.Metadata.Expose = []string{"x-cursor"} }, func(t *testing.T, _ *server, f *front) {
		resp := do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, f.url+"/watch/x"))
		assert.Equal(t, "7", resp.Header.Get("X-Cursor"))
		assert.Len(t, newReader(resp).all(t), 1)
	})
}

func TestTheHeaderOfASourceOpensTheStream(t *testing.T) {
	w := func(r *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
		if err := stream.SendHeader(nil); err != nil {
			return err
		}
		return untilCancelled(r, stream)
	}
	everySource(t, w, func(r *config.Route) { r.OpenWait = time.Hour }, func(t *testing.T, s *server, f *front) {
		ctx, leave := context.WithCancel(t.Context())
		assert.Equal(t, http.StatusOK, do(t, clients(t)["HTTP1"], eventSource(ctx, t, f.url+"/watch/x")).StatusCode)
		leave()
		s.requireStreams(t, 0)
	})
}

func TestTheDeadlineOfARouteReachesEverySource(t *testing.T) {
	change := func(r *config.Route) { r.Request.Timeout = 50 * time.Millisecond }
	everySource(t, untilCancelled, change, func(t *testing.T, s *server, f *front) {
		got := newReader(do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, f.url+"/watch/x"))).all(t)
		require.Len(t, got, 1)
		assert.Contains(t, got[0].data, `"status":"DEADLINE_EXCEEDED"`)
		s.requireStreams(t, 0)
	})
}

func TestAPageOfAnotherOriginReachesNoSource(t *testing.T) {
	everySource(t, count(1, nil), nil, func(t *testing.T, s *server, f *front) {
		resp := do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, f.url+"/watch/x", "Origin", "https://evil.example"))
		assert.Equal(t, http.StatusForbidden, resp.StatusCode)
		assert.Zero(t, s.opened.Load())
	})
}

func TestAShutdownEndsEverySourceInGoodOrder(t *testing.T) {
	everySource(t, untilCancelled, func(r *config.Route) { r.OpenWait = time.Millisecond }, func(t *testing.T, s *server, f *front) {
		r := newReader(do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, f.url+"/watch/x")))
		s.requireStreams(t, 1)
		f.drain(t, time.Second)
		got := r.all(t)
		require.Len(t, got, 1)
		assert.Contains(t, got[0].data, `"reason":"drain"`)
		s.requireStreams(t, 0)
	})
}

func TestAThousandAbortsLeaveNothingOfASource(t *testing.T) {
	w := func(r *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
		if err := stream.Send(&streamv1.Event{Sequence: 1}); err != nil {
			return err
		}
		return untilCancelled(r, stream)
	}
	everySource(t, w, nil, func(t *testing.T, s *server, f *front) {
		client := clients(t)["HTTP1"]
		var aborts sync.WaitGroup
		var failed atomic.Int64
		for range 20 {
			aborts.Go(func() {
				for range 50 {
					ctx, leave := context.WithCancel(t.Context())
					resp, err := client.Do(eventSource(ctx, t, f.url+"/watch/x"))
					if err != nil {
						failed.Add(1)
					} else {
						_, _ = newReader(resp).next()
						leave()
						_ = resp.Body.Close()
					}
					leave()
				}
			})
		}
		aborts.Wait()
		assert.Zero(t, failed.Load())
		assert.EqualValues(t, 1000, s.opened.Load())
		s.requireStreams(t, 0) // goroutines are counted when the tests end
	})
}
