package pump_test

import (
	"errors"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/internal/pump"
)

// slowResponse takes bytes at a steady rate. It fails after the write deadline.
type slowResponse struct {
	http.ResponseWriter
	perSecond int
	deadline  time.Time
	got       int
	flushed   int
}

func (s *slowResponse) Write(p []byte) (int, error) {
	time.Sleep(time.Duration(len(p)) * time.Second / time.Duration(s.perSecond))
	if !s.deadline.IsZero() && time.Now().After(s.deadline) {
		return 0, errors.New("deadline exceeded")
	}
	s.got += len(p)
	return len(p), nil
}

func (s *slowResponse) SetWriteDeadline(t time.Time) error { s.deadline = t; return nil }
func (s *slowResponse) FlushError() error                  { s.flushed++; return nil }

func TestALargeEventDoesNotCutOffASteadyReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slowResponse{perSecond: 10 << 10} // 64 KiB take 6.4 s
		const size = 4 << 20
		require.NoError(t, pump.NewHTTPConn(s, 10*time.Second).Write(make([]byte, size)))
		assert.Equal(t, size, s.got)
		assert.Equal(t, 1, s.flushed)
		assert.True(t, s.deadline.IsZero(), "no deadline is left behind")
	})
}

func TestAStalledReaderIsCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slowResponse{perSecond: 1 << 10}
		assert.Error(t, pump.NewHTTPConn(s, 10*time.Second).Write(make([]byte, 4<<20)))
	})
}

func TestAnAbortedConnectionTakesNothingMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn := pump.NewHTTPConn(&slowResponse{perSecond: 1 << 20}, 10*time.Second)
		require.NoError(t, conn.Write([]byte("a"), []byte("b")))
		conn.Abort()
		assert.Error(t, conn.Write([]byte("c")))
	})
}

// touchyResponse panics where a deadline is set while it is written to.
type touchyResponse struct {
	slowResponse

	busy atomic.Bool
}

func (r *touchyResponse) Write(p []byte) (int, error) {
	r.busy.Store(true)
	defer r.busy.Store(false)
	return r.slowResponse.Write(p)
}

func (r *touchyResponse) SetWriteDeadline(t time.Time) error {
	if r.busy.Load() {
		panic("deadline")
	}
	return r.slowResponse.SetWriteDeadline(t)
}

// The goroutine that aborts may belong to another stream, and to net/http's handler, which must not return before the write.
func TestAPanicOfMiddlewareDoesNotReachTheOneWhoAborts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn := pump.NewHTTPConn(&touchyResponse{slowResponse: slowResponse{perSecond: 1}}, 10*time.Second)
		written := make(chan error)
		go func() { written <- conn.Write([]byte("abc")) }()
		time.Sleep(time.Second)
		assert.NotPanics(t, conn.Abort)
		assert.NoError(t, <-written, "the write ends by itself")
		assert.ErrorIs(t, conn.Write([]byte("d")), pump.ErrAborted)
	})
}
