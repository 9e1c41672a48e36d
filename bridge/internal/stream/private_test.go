package stream

import (
	"context"
	"net/http"
	"net/http/httptest"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/metadata"

	"github.com/grpcsse/grpcsse/bridge/internal/bind"
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
				sub, end := b.Attach(rt, request.New(r), frame.Form{}, bind.Input{})
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
				sub.Close()
				require.NoError(t, b.Close())
			})
		}
	}
}

// The bridge lives on, and its context must not hold what has ended.
func TestAPrivateStreamThatIsOverKeepsNothingOfItsRequest(t *testing.T) {
	type key struct{}
	type value struct{ _ [1 << 10]byte }
	b, rt := resumableRoute(t, &scripted{})
	held := new(value)
	kept := weak.Make(held)
	func() {
		r := httptest.NewRequest(http.MethodGet, "/watch", nil)
		sub, end := b.Attach(rt, request.New(r.WithContext(context.WithValue(t.Context(), key{}, held))), frame.Form{}, bind.Input{})
		require.Nil(t, end)
		sub.Close()
	}()
	held = nil
	require.Eventually(t, func() bool { runtime.GC(); return kept.Value() == nil }, 10*time.Second, time.Millisecond)
	require.NoError(t, b.Close())
}
