package stream

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

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
type panicking struct{ nobody }

func (panicking) Reopened(string) { panic("an observer") }

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
