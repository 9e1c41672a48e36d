package stream

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/internal/bind"
	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/frame"
	"github.com/grpcsse/grpcsse/bridge/internal/request"
	"github.com/grpcsse/grpcsse/bridge/internal/route"
)

// resumeThrough attaches a GET that presents a cursor to a stream of the route.
func resumeThrough(b running, rt *route.Route, cursor string) (Subscription, *ending.Ending) {
	r := httptest.NewRequest(http.MethodGet, "/watch", nil)
	r.Header.Set("Last-Event-ID", cursor)
	return b.Attach(rt, request.New(r), frame.Form{}, bind.Input{LastEventID: cursor, HasLastEventID: true})
}

// taken is what a client has of a stream now, and the end where there is one.
func taken(sub Subscription) (text string, end *ending.Ending) {
	pieces, last := sub.Cursor().Peek(nil, 1<<20)
	sub.Cursor().Advance(len(pieces))
	if last != nil {
		end = last.Ending
	}
	return string(bytes.Join(pieces, nil)), end
}

// panicking is an observer that panics when a stream is opened again.
type panicking struct{ deaf }

func (panicking) Reopened(string, bool, ending.Code) { panic("an observer") }

func TestAnObserverThatPanicsEndsItsStreamAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &logged{}
		b, rt := loggedRoute(t, &scripted{plays: []play{{events: 1, end: status.Error(codes.Unavailable, "")}}}, l.logger())
		b.observer = panicking{}
		sub, end := watchThrough(b, rt)
		require.Nil(t, end)
		time.Sleep(time.Minute)
		text, end := taken(sub)
		assert.Contains(t, text, `"sequence":"1"`)
		require.NotNil(t, end)
		assert.Equal(t, ending.DataLoss, end.Code)
		assert.Len(t, l.lines("panic while reading a stream"), 1)
		sub.Close()
		require.NoError(t, b.Close())
	})
}

// An upstream that does not take a cursor may take the same request without it: the route does not fail.
func TestARefusedCursorSaysNothingOfTheHealthOfARoute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &scripted{plays: []play{{silent: true, end: status.Error(codes.InvalidArgument, "")}, {silent: true, stands: time.Hour}}}
		b, rt := resumableRoute(t, src)
		rt.Config.Status = map[config.StatusCode]config.Verdict{"INVALID_ARGUMENT": config.Reconnect}
		sub, end := resumeThrough(b, rt, "7")
		require.Nil(t, end)
		time.Sleep(time.Minute)
		assert.Equal(t, []int64{7, 0}, src.presented())
		assert.Zero(t, rt.Health.FailingFor())
		text, end := taken(sub)
		assert.Nil(t, end)
		assert.Equal(t, 1, strings.Count(text, "event: grpc-reset\n"))
		sub.Close()
		require.NoError(t, b.Close())
	})
}

// TestWhatThePageOfAPrivateStreamIsTold plays the upstream streams that one caller's stream is made of.
func TestWhatThePageOfAPrivateStreamIsTold(t *testing.T) {
	down, stale := status.Error(codes.Unavailable, ""), status.Error(codes.OutOfRange, "")
	const long = 10 * time.Second
	for name, tt := range map[string]struct {
		plays  []play
		cursor string // that the caller presents
		change func(*config.Route)
		accept string
		method string

		presented []int64  // cursors
		told      []string // names of notices, in their order
		code      ending.Code
		gone      bool // whether the stream is over before the caller leaves
	}{
		"nothing of a short gap": {
			plays: []play{{events: 3, end: down}}, presented: []int64{0, 3},
		},
		"a long gap": {
			plays:     []play{{events: 3, end: down}, {silent: true, stands: long, end: down}},
			presented: []int64{0, 3, 3}, told: []string{"grpc-stale", "grpc-live"},
		},
		"a cursor that is refused, and what follows": {
			plays:     []play{{end: stale}, {events: 3, end: down}, {events: 1, end: down}},
			cursor:    "7",
			presented: []int64{7, 0, 3, 1}, told: []string{"grpc-reset"},
		},
		"a cursor that is refused later": {
			plays:     []play{{events: 3, end: down}, {silent: true, end: stale}, {end: down}},
			presented: []int64{0, 3, 0, 0}, told: []string{"grpc-reset"},
		},
		"lines have no place for notices": {
			plays:     []play{{events: 3, end: down}, {silent: true, end: stale}, {silent: true, stands: long, end: down}},
			accept:    "application/x-ndjson",
			presented: []int64{0, 3, 0, 0},
		},
		"a route that takes no cursor": {
			plays: []play{{events: 3, end: down}}, change: func(c *config.Route) { c.Request.Set = nil },
			presented: []int64{0}, code: ending.Unavailable, gone: true,
		},
		"a route whose events have no id": {
			plays: []play{{events: 3, end: down}}, change: func(c *config.Route) { c.Event.ID = "" },
			presented: []int64{0}, code: ending.Unavailable, gone: true,
		},
		"a route whose events have no id, before the first one": {
			plays: []play{{end: down}}, change: func(c *config.Route) { c.Event.ID = "" },
			presented: []int64{0}, code: ending.Unavailable, gone: true,
		},
		"an event without an id": {
			plays: []play{{events: 1, text: strings.Repeat("x", 1000), end: down}}, change: func(c *config.Route) { c.Event.ID = "text" },
			presented: []int64{0}, code: ending.Unavailable, gone: true,
		},
		"a request that may have had an effect": {
			plays: []play{{events: 3, end: down}}, method: http.MethodPost,
			presented: []int64{0}, code: ending.Unavailable, gone: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg := config.NewRoute("/watch")
				cfg.Methods = []string{http.MethodGet, http.MethodPost}
				cfg.Event.ID = "sequence"
				cfg.Request.Set = []config.Setting{{Field: "after_sequence", Value: config.Template{{Ref: "last_event_id"}}}}
				cfg.Reopen = config.Reopen{Base: time.Second, Max: time.Second}
				if tt.change != nil {
					tt.change(cfg)
				}
				rt, src, b := routeOf(t, cfg), &scripted{plays: tt.plays}, newRunning(t, slog.New(slog.DiscardHandler))
				rt.Plan.Source = src
				r := httptest.NewRequest(cmp.Or(tt.method, http.MethodGet), "/watch", nil)
				r.Header.Set("Accept", cmp.Or(tt.accept, "text/event-stream"))
				sub, end := b.Attach(rt, request.New(r), frame.Form{}, bind.Input{LastEventID: tt.cursor, HasLastEventID: tt.cursor != ""})
				require.Nil(t, end)
				time.Sleep(time.Minute)
				text, end := taken(sub)
				assert.Equal(t, tt.presented, src.presented())
				var told []string
				for line := range strings.Lines(text) {
					if name, ok := strings.CutPrefix(line, "event: grpc-"); ok {
						told = append(told, "grpc-"+strings.TrimSpace(name))
					}
				}
				assert.Equal(t, tt.told, told)
				if tt.accept != "" {
					assert.NotContains(t, text, "grpc-")
				}
				require.Equal(t, tt.gone, end != nil)
				if tt.gone {
					assert.Equal(t, tt.code, end.Code)
					assert.Equal(t, tt.method != http.MethodPost, end.Retry)
					spoken, first := sub.FirstWord()
					assert.True(t, spoken)
					assert.Equal(t, tt.plays[0].events == 0, first != nil, "the end is the first word where there was no event")
				}
				sub.Close()
				require.NoError(t, b.Close())
			})
		})
	}
}

func TestAPrivateStreamEndsWithItsCallerOrTheBridge(t *testing.T) {
	for name, tt := range map[string]struct {
		plays  []play
		bridge bool // whether the bridge closes, or the caller leaves
		reason ending.Reason
		code   ending.Code
	}{
		"the caller leaves":          {nil, false, ending.ByGone, ending.Canceled},
		"the caller leaves in a gap": {[]play{{end: status.Error(codes.Unavailable, "")}}, false, ending.ByGone, ending.Canceled},
		"the bridge closes":          {nil, true, ending.ByDrain, ending.Unavailable},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, rt := resumableRoute(t, &scripted{plays: tt.plays})
				rt.Config.Reopen = config.Reopen{Base: time.Hour, Max: time.Hour}
				ctx, leave := context.WithCancel(t.Context())
				defer leave()
				sub, end := b.Attach(rt, request.New(httptest.NewRequest(http.MethodGet, "/watch", nil).WithContext(ctx)), frame.Form{}, bind.Input{})
				require.Nil(t, end)
				synctest.Wait()
				if tt.bridge {
					b.cancel()
				} else {
					leave()
				}
				synctest.Wait()
				spoken, end := sub.FirstWord()
				require.True(t, spoken)
				require.NotNil(t, end)
				assert.Equal(t, tt.reason, end.Reason)
				assert.Equal(t, tt.code, end.Code)
				sub.Close()
				require.NoError(t, b.Close())
			})
		})
	}
}

// A caller whose connection is parked is not held by the context of its request, which ends with the handler.
func TestADetachedStreamOutlivesItsRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, rt := resumableRoute(t, &scripted{})
		ctx, leave := context.WithCancel(t.Context())
		sub, end := b.Attach(rt, request.New(httptest.NewRequest(http.MethodGet, "/watch", nil).WithContext(ctx)), frame.Form{}, bind.Input{})
		require.Nil(t, end)
		sub.Detach()
		leave()
		time.Sleep(time.Hour)
		_, end = taken(sub)
		assert.Nil(t, end)
		sub.Close()
		require.NoError(t, b.Close())
	})
}

// remote is a source that reads no values of contexts, as a gRPC server is.
type remote struct{ *scripted }

func (remote) UsesContextValues() bool { return false }

// A caller whose connection is parked may be there for days. Its stream must not keep the context of the request, with which it would
// keep the connection of net/http.
func TestADetachedStreamKeepsNothingOfItsRequest(t *testing.T) {
	b, rt := resumableRoute(t, &scripted{})
	rt.Plan.Source = remote{&scripted{}}
	type key struct{}
	open := func() (Subscription, weak.Pointer[[1 << 10]byte]) {
		value := new([1 << 10]byte)
		ctx, leave := context.WithCancel(context.WithValue(t.Context(), key{}, value))
		defer leave()
		r := httptest.NewRequest(http.MethodGet, "/watch", nil).WithContext(ctx)
		sub, end := b.Attach(rt, request.New(r), frame.Form{}, bind.Input{})
		require.Nil(t, end)
		sub.Detach()
		return sub, weak.Make(value)
	}
	sub, kept := open()
	assert.Eventually(t, func() bool {
		runtime.GC()
		return kept.Value() == nil
	}, time.Minute, 10*time.Millisecond)
	sub.Close()
	require.NoError(t, b.Close())
}

// A stream that is opened again reads what it keeps, and nothing of the request, which net/http may use for another one.
func TestAStreamThatIsOpenedAgainReadsWhatItKept(t *testing.T) {
	for kind, share := range map[string]*config.Share{
		"private": nil, "shared": config.NewShare(config.LateJoin{Mode: config.LateJoinLatest}),
	} {
		t.Run(kind, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg := config.NewRoute("/watch")
				cfg.Event.ID = "sequence"
				cfg.Request.Set = []config.Setting{
					{Field: "after_sequence", Value: config.Template{{Ref: "last_event_id"}}},
					{Field: "topic", Value: config.Template{{Ref: "header.x-topic"}}},
				}
				src := &scripted{plays: []play{{events: 1, end: status.Error(codes.Unavailable, "")}}}
				rt, b := routeOf(t, cfg), newRunning(t, slog.New(slog.DiscardHandler))
				rt.Plan.Source, rt.Config.Share = src, share
				r := httptest.NewRequest(http.MethodGet, "/watch", nil)
				r.Header.Set("X-Topic", "own")
				req := request.New(r)
				sub, end := b.Attach(rt, req, frame.Form{}, bind.Input{Reference: req.Head.Reference})
				require.Nil(t, end)
				synctest.Wait()
				r.Header["X-Topic"] = []string{"another"}
				time.Sleep(time.Minute)
				assert.Equal(t, []string{"own", "own"}, src.asked())
				sub.Close()
				require.NoError(t, b.Close())
			})
		})
	}
}

// A stream that waits to be opened again when the bridge closes ends as all others: its clients come back. The end that the bridge
// has hidden could stop them.
func TestAStreamThatWaitsToBeReopenedEndsWithTheBridge(t *testing.T) {
	for name, end := range map[string]error{"in good order": nil, "unavailable": status.Error(codes.Unavailable, "")} {
		for _, shared := range []bool{false, true} {
			t.Run(fmt.Sprint(name, ", shared ", shared), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					b, rt := resumableRoute(t, &scripted{plays: []play{{events: 1, end: end}}})
					rt.Config.OnEnd = config.OnEndReopen
					if shared {
						rt.Config.Share = config.NewShare(config.LateJoin{Mode: config.LateJoinAll})
					}
					sub, refused := watchThrough(b, rt)
					require.Nil(t, refused)
					synctest.Wait()
					require.NoError(t, b.Close())
					_, last := taken(sub)
					require.NotNil(t, last)
					assert.Equal(t, ending.ByDrain, last.Reason)
					assert.True(t, last.Retry)
					sub.Close()
				})
			})
		}
	}
}
