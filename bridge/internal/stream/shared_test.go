package stream

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/internal/bind"
	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/frame"
	"github.com/grpcsse/grpcsse/bridge/internal/request"
)

// Without catch-ups, a caller's cursor only says where the caller goes on in a shared stream. The upstream never sees it.
func TestCallersWithAndWithoutACursorShareOneStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &scripted{plays: []play{{events: 3, stands: time.Hour}}}
		b, rt := resumableRoute(t, src)
		rt.Config.Share = config.NewShare(config.LateJoin{Mode: config.LateJoinAll})
		rt.Config.Share.CatchUp = 0
		first, end := resumeThrough(b, rt, "7")
		require.Nil(t, end)
		synctest.Wait()
		second, end := watchThrough(b, rt)
		require.Nil(t, end)
		third, end := resumeThrough(b, rt, "2")
		require.Nil(t, end)
		synctest.Wait()
		assert.Equal(t, []int64{0}, src.presented())
		text, _ := taken(first)
		assert.Contains(t, text, "grpc-reset")
		text, _ = taken(second)
		assert.Contains(t, text, `"sequence":"1"`)
		text, _ = taken(third)
		assert.NotContains(t, text, `"sequence":"2"`)
		assert.Contains(t, text, `"sequence":"3"`)
		for _, sub := range []Subscription{first, second, third} {
			sub.Close()
		}
		require.NoError(t, b.Close())
	})
}

// A stream may be open for days. It keeps what its route exposes, and nothing else of what an upstream sends at the begin.
func TestAStreamKeepsTheExposedMetadataOnly(t *testing.T) {
	header := metadata.MD{"x-cursor": {"7"}, "x-secret": {"s"}}
	for name, tt := range map[string]struct {
		expose []string
		want   metadata.MD
	}{"nothing": {nil, nil}, "one": {[]string{"X-Cursor", "x-missing"}, metadata.MD{"x-cursor": {"7"}}}} {
		for _, shares := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, shared %t", name, shares), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					b, rt := resumableRoute(t, &scripted{plays: []play{{stands: time.Hour, header: header}}})
					rt.Config.Metadata.Expose = tt.expose
					if shares {
						rt.Config.Share = config.NewShare(config.LateJoin{Mode: config.LateJoinAll})
					}
					sub, end := watchThrough(b, rt)
					require.Nil(t, end)
					synctest.Wait()
					spoken, end := sub.FirstWord()
					assert.True(t, spoken)
					assert.Nil(t, end)
					assert.Equal(t, tt.want, sub.Header())
					sub.Close()
					require.NoError(t, b.Close())
				})
			})
		}
	}
}

func TestWhatASharedStreamKnowsOfAnID(t *testing.T) {
	b, rt := resumableRoute(t, &scripted{})
	for id, want := range map[string]bool{"": false, "7": false, "no-number": true, "~": true} {
		r := httptest.NewRequest(http.MethodGet, "/watch", nil)
		r.Header.Set("Last-Event-ID", id)
		req := request.New(r)
		in := bind.Input{LastEventID: req.Cursor.Value, HasLastEventID: req.Cursor.Valid}
		n := newcomer(req, frame.Form{}, cursorFits(rt, req.Head, in))
		assert.Equal(t, id, n.LastEventID)
		assert.Equal(t, want, n.Malformed, "%q", id)
	}
	require.NoError(t, b.Close())
}

// fixed is a subscription whose first word is known.
type fixed struct {
	Subscription

	spoken bool
	end    *ending.Ending
}

func (f fixed) FirstWord() (spoken bool, end *ending.Ending) { return f.spoken, f.end }

func TestTheFirstWordIsWaitedForWhileThereIsTime(t *testing.T) {
	refused := ending.Refuse(ending.NotFound, ending.ByUpstream, "")
	for name, tt := range map[string]struct {
		word          fixed
		drains, leave bool // after a second

		opened bool
		end    *ending.Ending
		after  time.Duration
	}{
		"it is there":       {word: fixed{spoken: true}, opened: true},
		"it is an end":      {word: fixed{spoken: true, end: refused}, opened: true, end: refused},
		"it does not come":  {opened: true, after: time.Minute},
		"a drain":           {drains: true, opened: true, after: time.Second},
		"the client leaves": {leave: true, after: time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, rt := resumableRoute(t, &scripted{plays: []play{{silent: true, stands: time.Hour}}})
				sub, end := watchThrough(b, rt)
				require.Nil(t, end)
				tt.word.Subscription = sub
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				drain := make(chan struct{})
				if tt.leave {
					time.AfterFunc(time.Second, cancel)
				}
				if tt.drains {
					time.AfterFunc(time.Second, func() { close(drain) })
				}
				began := time.Now()
				opened, end := b.AwaitFirstWord(ctx, tt.word, time.Minute, drain)
				assert.Equal(t, tt.opened, opened)
				assert.Equal(t, tt.end, end)
				assert.Equal(t, tt.after, time.Since(began))
				sub.Close()
				require.NoError(t, b.Close())
			})
		})
	}
}

// What a server says of itself is not for browsers, nor is the page of a proxy in front of it.
func TestWhatAPageIsToldOfAnUpstreamsStatus(t *testing.T) {
	const page = "unexpected HTTP status code received from server: 404 (Not Found); <h1>nginx 1.2</h1>"
	for name, tt := range map[string]struct {
		code    codes.Code
		message string
		change  func(*config.Route)
		want    string
		retry   bool
	}{
		"of the request":             {codes.NotFound, "no such topic", nil, "no such topic", false},
		"of the server":              {codes.Internal, "at 10.1.2.3", nil, ending.Internal.NeutralMessage(), ending.Internal.Retry()},
		"of the server, exposed":     {codes.Internal, "at 10.1.2.3", func(c *config.Route) { c.ExposeErrors = true }, "at 10.1.2.3", ending.Internal.Retry()},
		"of a proxy":                 {codes.Unimplemented, page, nil, ending.Unimplemented.NeutralMessage(), ending.Unimplemented.Retry()},
		"of a proxy, with a code":    {codes.NotFound, page, nil, ending.NotFound.NeutralMessage(), false},
		"of what the route decides":  {codes.NotFound, "", func(c *config.Route) { c.Status = map[config.StatusCode]config.Verdict{"NOT_FOUND": config.Reconnect} }, "", true},
		"of what the route stops at": {codes.Unavailable, "x", func(c *config.Route) { c.Status = map[config.StatusCode]config.Verdict{"UNAVAILABLE": config.Stop} }, ending.Unavailable.NeutralMessage(), false},
		"of an end":                  {codes.OK, "", nil, "", false},
		"of an end, to come back":    {codes.OK, "", func(c *config.Route) { c.OnEnd = config.OnEndReconnect }, "", true},
	} {
		b, rt := resumableRoute(t, &scripted{})
		if tt.change != nil {
			tt.change(rt.Config)
		}
		end := upstreamEnded(rt, status.New(tt.code, tt.message))
		assert.Equal(t, tt.want, end.Message, name)
		assert.Equal(t, tt.retry, end.Retry, name)
		assert.Equal(t, ending.ByUpstream, end.Reason, name)
		require.NoError(t, b.Close())
	}
}

func TestWhichIDsAPrivateStreamHasLost(t *testing.T) {
	for name, tt := range map[string]struct {
		id           string
		gives, takes bool // ids
		want         ending.Reset
	}{
		"none":                             {"", true, true, ending.NoReset},
		"one to go on after":               {"7", true, true, ending.NoReset},
		"one that is none":                 {"~", true, true, ending.ResetInvalid},
		"one, and it gives some":           {"7", true, false, ending.ResetEpoch},
		"one, and it only takes some":      {"7", false, true, ending.NoReset},
		"one, and it has nothing to do so": {"7", false, false, ending.NoReset},
		"none, and it has nothing to do":   {"~", false, false, ending.NoReset},
	} {
		cfg := config.NewRoute("/watch")
		if tt.gives {
			cfg.Event.ID = "sequence"
		}
		if tt.takes {
			cfg.Request.Set = []config.Setting{{Field: "after_sequence", Value: config.Template{{Ref: "last_event_id"}}}}
		}
		r := httptest.NewRequest(http.MethodGet, "/watch", nil)
		r.Header.Set("Last-Event-ID", tt.id)
		lost := lostOn(routeOf(t, cfg), request.New(r).Cursor)
		assert.Equal(t, tt.want, lost.reason, name)
		assert.Equal(t, tt.want != ending.NoReset, lost.id != "", name)
	}
}
