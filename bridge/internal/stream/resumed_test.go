package stream

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/frame"
	"github.com/grpcsse/grpcsse/bridge/internal/request"
)

func TestHowAPrivateStreamResumed(t *testing.T) {
	refused := play{silent: true, end: status.Error(codes.OutOfRange, "")}
	broken := play{events: 2, end: status.Error(codes.Unavailable, "")}
	forgets := func(r *config.Route) { r.Request.Set = nil }
	hasNoIDs := func(r *config.Route) { r.Request.Set, r.Event.ID = nil, "" }
	byUpstream, invalid := ending.Resumed{From: ending.ResumedFromUpstream}, ending.ByReset(ending.ResetInvalid)
	for name, tt := range map[string]struct {
		id     string
		change func(*config.Route)
		plays  []play
		want   ending.Resumed
	}{
		"without an id":             {"", nil, nil, ending.Resumed{}},
		"with an id":                {"4", nil, nil, byUpstream},
		"an id of another type":     {"x", nil, nil, invalid},
		"a malformed id":            {"a b", nil, nil, invalid},
		"a route that cannot":       {"4", forgets, nil, ending.ByReset(ending.ResetEpoch)},
		"a route without ids":       {"4", hasNoIDs, nil, ending.Resumed{}},
		"an id that is refused":     {"4", nil, []play{refused}, invalid},
		"the next id is refused":    {"4", nil, []play{broken, refused}, byUpstream},
		"no id, the next is not to": {"", nil, []play{broken, refused}, ending.Resumed{}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				src := &scripted{plays: tt.plays}
				b, rt := resumableRoute(t, src)
				if tt.change != nil {
					cfg := *rt.Config
					tt.change(&cfg)
					rt = routeOf(t, &cfg)
					rt.Plan.Source = src
				}
				r := httptest.NewRequest(http.MethodGet, "/watch", nil)
				r.Header.Set("Last-Event-ID", tt.id)
				req := request.New(r)
				in, end := req.Input(httptest.NewRecorder(), nil, request.BodyLimits{})
				require.Nil(t, end)
				sub, end := b.Attach(rt, req, frame.Form{}, in)
				require.Nil(t, end)
				for range len(tt.plays) + 1 {
					time.Sleep(time.Minute)
					pieces, _ := sub.Cursor().Peek(nil, 1<<20)
					sub.Cursor().Advance(len(pieces))
				}
				require.Len(t, src.presented(), len(tt.plays)+1)
				sub.Close()
				assert.Equal(t, tt.want, sub.Resumed())
				require.NoError(t, b.Close())
			})
		})
	}
}
