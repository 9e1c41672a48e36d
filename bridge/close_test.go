package bridge

import (
	"context"
	"iter"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/internal/bind"
	"github.com/grpcsse/grpcsse/bridge/internal/frame"
	"github.com/grpcsse/grpcsse/bridge/internal/request"
)

func TestCloseWaitsForIterators(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var cleaned atomic.Bool
		slow := func(ctx context.Context, _ struct{}) iter.Seq2[string, error] {
			return func(yield func(string, error) bool) {
				yield("begun", nil)
				<-ctx.Done()
				time.Sleep(time.Minute) // a slow clean-up
				cleaned.Store(true)
			}
		}
		b, err := New(t.Context(), nil, WithRoute(config.NewRoute("/slow"), Func(slow)))
		require.NoError(t, err)
		_, end := b.streams.Attach(b.catalog.Routes()[0], request.New(httptest.NewRequest(http.MethodGet, "/slow", nil)), frame.Form{}, bind.Input{})
		require.Nil(t, end)
		synctest.Wait()
		require.NoError(t, b.Close())
		assert.True(t, cleaned.Load())
	})
}
