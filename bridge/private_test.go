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
	"google.golang.org/grpc/metadata"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/internal/frame"
	"github.com/grpcsse/grpcsse/bridge/internal/request"
	"github.com/grpcsse/grpcsse/bridge/internal/source"
)

// witness is a source that keeps the context of its newest stream, and sends nothing.
type witness struct {
	usesValues bool
	ctx        atomic.Pointer[context.Context]
}

func (w *witness) UsesContextValues() bool { return w.usesValues }

func (w *witness) Open(ctx context.Context, _ string, _ []byte, _ metadata.MD) (source.Stream, error) {
	w.ctx.Store(&ctx)
	<-ctx.Done()
	return nil, ctx.Err()
}

// The context of a private stream keeps the values of the request, and what they hold, only where the source can read them.
// It ends with the request and with the bridge.
func TestOnlyCodeOfThisProcessIsGivenTheValuesOfARequest(t *testing.T) {
	type key struct{}
	for _, usesValues := range []bool{true, false} {
		for _, byBridge := range []bool{true, false} {
			synctest.Test(t, func(t *testing.T) {
				src := &witness{usesValues: usesValues}
				b, rt := resumableRoute(t, src)
				ctx, leave := context.WithCancel(context.WithValue(t.Context(), key{}, "value"))
				defer leave()
				r := httptest.NewRequest(http.MethodGet, "/watch", nil).WithContext(ctx)
				sub, end := b.attach(nil, rt, request.New(r), frame.Form{}, nil)
				require.Nil(t, end)
				synctest.Wait()
				given := *src.ctx.Load()
				assert.Equal(t, usesValues, given.Value(key{}) != nil)
				require.NoError(t, given.Err())
				if byBridge {
					b.cancel()
				} else {
					leave()
				}
				synctest.Wait()
				require.Error(t, given.Err())
				sub.close()
				require.NoError(t, b.Close())
			})
		}
	}
}

func TestCloseWaitsForIterators(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var cleaned atomic.Bool
		slow := func(ctx context.Context, _ struct{}) iter.Seq2[string, error] {
			return func(yield func(string, error) bool) {
				yield("begun", nil)
				<-ctx.Done()
				time.Sleep(time.Minute) // the clean-up takes its time
				cleaned.Store(true)
			}
		}
		b, err := New(t.Context(), nil, WithRoute(config.NewRoute("/slow"), Func(slow)))
		require.NoError(t, err)
		_, end := b.attach(nil, b.catalog.Routes()[0], request.New(httptest.NewRequest(http.MethodGet, "/slow", nil)), frame.Form{}, nil)
		require.Nil(t, end)
		synctest.Wait()
		require.NoError(t, b.Close())
		assert.True(t, cleaned.Load())
	})
}
