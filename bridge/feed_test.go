package bridge

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"

	"github.com/grpcsse/grpcsse/bridge/config"
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
				rt.cfg.Share = share
				sub, end := b.attach(nil, rt, newCaller(httptest.NewRequest(http.MethodGet, "/watch", nil)), nil)
				require.Nil(t, end)
				for range 60 {
					time.Sleep(time.Second)
					sub.cursor().Advance(len(first(sub.cursor().Peek(nil, 1<<20))))
				}
				synctest.Wait()
				assert.Greater(t, src.opens(), 3, "it was opened again")
				assert.GreaterOrEqual(t, src.closed.Load(), int64(src.opens()-1), "all but the newest are closed")
				sub.close()
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
	f.judge(refuse(codes.NotFound, ReasonUpstream, ""))
	assert.Nil(t, rt.health.since.Load(), "what the request is the reason for says nothing")
	f.judge(refuse(codes.Unavailable, ReasonUpstream, ""))
	failing := rt.health.since.Load()
	assert.NotNil(t, failing)
	f.judge(refuse(codes.NotFound, ReasonUpstream, ""))
	assert.Equal(t, failing, rt.health.since.Load())
	f.judge(refuse(codes.OK, ReasonUpstream, ""))
	assert.Nil(t, rt.health.since.Load())
}

// The bridge's own word that a request is wrong is no answer to the cursor.
func TestOnlyTheUpstreamRefusesACursor(t *testing.T) {
	for _, code := range []codes.Code{codes.InvalidArgument, codes.FailedPrecondition, codes.OutOfRange} {
		assert.True(t, refusesCursor(refuse(code, ReasonUpstream, "")), code)
		for _, by := range []Reason{ReasonRequest, ReasonMessage, ReasonLimit, ReasonDrain} {
			assert.False(t, refusesCursor(refuse(code, by, "")), "%v %v", code, by)
		}
	}
	for _, code := range []codes.Code{codes.OK, codes.NotFound, codes.Unavailable, codes.Unauthenticated} {
		assert.False(t, refusesCursor(refuse(code, ReasonUpstream, "")), code)
	}
}
