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
	"github.com/grpcsse/grpcsse/bridge/internal/pump"
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

// The context of a private stream keeps the values of the request, and what they hold, only where the source can read them. It
// ends with the request, with the bridge, with the subscription, and at the deadline of the route.
func TestTheContextOfAPrivateStream(t *testing.T) {
	type key struct{}
	for _, usesValues := range []bool{true, false} {
		for _, timeout := range []time.Duration{0, time.Hour} {
			for _, by := range []string{"the request", "the bridge", "the subscription", "the deadline"} {
				if by == "the deadline" && timeout == 0 {
					continue
				}
				synctest.Test(t, func(t *testing.T) {
					src := &witness{usesValues: usesValues}
					b, rt := resumableRoute(t, src)
					rt.Config.Request.Timeout = timeout
					ctx, leave := context.WithCancel(context.WithValue(t.Context(), key{}, "value"))
					defer leave()
					r := httptest.NewRequest(http.MethodGet, "/watch", nil).WithContext(ctx)
					sub, end := b.Attach(rt, request.New(r), frame.Form{}, bind.Input{})
					require.Nil(t, end)
					synctest.Wait()
					given := *src.ctx.Load()
					assert.Equal(t, usesValues, given.Value(key{}) != nil)
					require.NoError(t, given.Err())
					want := context.Canceled
					switch by {
					case "the request":
						leave()
					case "the bridge":
						b.cancel()
					case "the subscription":
						sub.Close()
					case "the deadline":
						want = context.DeadlineExceeded
						time.Sleep(timeout)
					}
					synctest.Wait()
					require.ErrorIs(t, given.Err(), want, "%s, values %t, timeout %v", by, usesValues, timeout)
					if by != "the subscription" {
						sub.Close()
					}
					require.NoError(t, b.Close())
				})
			}
		}
	}
}

// blocked is a source whose stream ends only when it is let go.
type blocked struct {
	witness

	letGo chan struct{}
}

func (b *blocked) Open(ctx context.Context, _ string, _ []byte, _ metadata.MD) (source.Stream, error) {
	<-b.letGo
	return nil, ctx.Err()
}

// Leave cancels the stream and does not wait. It has its function called once the reader has returned, also where that was before.
func TestLeavingAPrivateStream(t *testing.T) {
	for name, early := range map[string]bool{"the reader runs": false, "the reader has returned": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				src := &blocked{letGo: make(chan struct{})}
				b, rt := resumableRoute(t, src)
				r := httptest.NewRequest(http.MethodGet, "/watch", nil).WithContext(t.Context())
				sub, end := b.Attach(rt, request.New(r), frame.Form{}, bind.Input{})
				require.Nil(t, end)
				if early {
					close(src.letGo)
				}
				synctest.Wait()
				calls := atomic.Int32{}
				sub.Leave(func() { calls.Add(1) })
				synctest.Wait()
				if !early {
					require.Zero(t, calls.Load(), "the reader has not returned")
					close(src.letGo)
					synctest.Wait()
				}
				require.EqualValues(t, 1, calls.Load())
				require.NoError(t, b.Close())
			})
		})
	}
}

// A queue whose client has left ends its stream at once.
func TestAnAbandonedPrivateStreamIsCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := new(witness)
		b, rt := resumableRoute(t, src)
		r := httptest.NewRequest(http.MethodGet, "/watch", nil).WithContext(t.Context())
		sub, end := b.Attach(rt, request.New(r), frame.Form{}, bind.Input{})
		require.Nil(t, end)
		synctest.Wait()
		sub.Detach()
		given := *src.ctx.Load()
		require.NoError(t, given.Err())
		sub.Cursor().(pump.Abandoned).Abandon()
		require.ErrorIs(t, given.Err(), context.Canceled)
		sub.Cursor().(pump.Abandoned).Abandon()
		sub.Close()
		require.NoError(t, b.Close())
	})
}

// The context of the bridge must not hold streams that have ended.
func TestAPrivateStreamThatIsOverKeepsNothingOfItsRequest(t *testing.T) {
	type key struct{}
	type value struct{ _ [1 << 10]byte }
	b, rt := resumableRoute(t, &scripted{})
	rt.Config.Request.Timeout = time.Hour
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
