package stream

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/internal/bind"
	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/frame"
	"github.com/grpcsse/grpcsse/bridge/internal/request"
	"github.com/grpcsse/grpcsse/bridge/internal/route"
)

// A stream that is not closed keeps its place on a connection to the upstream for ever.
func TestEveryUpstreamStreamIsClosed(t *testing.T) {
	for name, share := range map[string]*config.Share{
		"private": nil, "shared": config.NewShare(config.LateJoin{Mode: config.LateJoinLatest}),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				src := &feeble{stood: time.Second}
				b, rt := resumableRoute(t, src)
				rt.Config.Share = share
				sub, end := watchThrough(b, rt)
				require.Nil(t, end)
				for range 60 {
					time.Sleep(time.Second)
					sub.Cursor().Advance(len(first(sub.Cursor().Peek(nil, 1<<20))))
				}
				synctest.Wait()
				assert.Greater(t, src.opens(), 3, "it was opened again")
				assert.GreaterOrEqual(t, src.closed.Load(), int64(src.opens()-1), "all but the newest are closed")
				sub.Close()
				require.NoError(t, b.Close())
				assert.EqualValues(t, src.opens(), src.closed.Load())
			})
		})
	}
}

func TestTheHealthOfARouteIsThatOfFirstOpenings(t *testing.T) {
	b, rt := resumableRoute(t, &feeble{})
	defer func() { require.NoError(t, b.Close()) }()
	f := feed{renderer: renderer{rt: rt}}
	f.updateHealth(ending.Refuse(ending.NotFound, ending.ByUpstream, ""))
	assert.Zero(t, rt.Health.FailingFor(), "what the request is the reason for says nothing")
	f.updateHealth(ending.Refuse(ending.Unavailable, ending.ByUpstream, ""))
	assert.Positive(t, rt.Health.FailingFor())
	f.updateHealth(ending.Refuse(ending.NotFound, ending.ByUpstream, ""))
	assert.Positive(t, rt.Health.FailingFor())
	f.updateHealth(ending.Refuse(ending.OK, ending.ByUpstream, ""))
	assert.Zero(t, rt.Health.FailingFor())
}

// The bridge's own word that a request is wrong is no answer to the cursor.
func TestOnlyTheUpstreamRefusesACursor(t *testing.T) {
	for _, code := range []ending.Code{ending.InvalidArgument, ending.FailedPrecondition, ending.OutOfRange} {
		assert.True(t, refusesCursor(ending.Refuse(code, ending.ByUpstream, "")), code)
		for _, by := range []ending.Reason{ending.ByRequest, ending.ByMessage, ending.ByLimit, ending.ByDrain} {
			assert.False(t, refusesCursor(ending.Refuse(code, by, "")), "%v %v", code, by)
		}
	}
	for _, code := range []ending.Code{ending.OK, ending.NotFound, ending.Unavailable, ending.Unauthenticated} {
		assert.False(t, refusesCursor(ending.Refuse(code, ending.ByUpstream, "")), code)
	}
}

// watchThrough attaches a GET to a stream of the route.
func watchThrough(b running, rt *route.Route) (Subscription, *ending.Ending) {
	return b.Attach(rt, request.New(httptest.NewRequest(http.MethodGet, "/watch", nil)), frame.Form{}, bind.Input{})
}
