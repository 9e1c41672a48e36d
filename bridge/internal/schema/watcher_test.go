package schema

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/connectivity"
)

// script is a connection and a server whose every state a test sets. It counts what the watcher does.
type script struct {
	mu       sync.Mutex
	state    connectivity.State
	changed  chan struct{}
	connects int

	snapshot *Snapshot
	err      error
	loads    []time.Time
	told     []string
}

func newScript() *script {
	return &script{state: connectivity.Ready, changed: make(chan struct{})}
}

func (s *script) set(states ...connectivity.State) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, s.state = range states {
		close(s.changed)
		s.changed = make(chan struct{})
	}
}

func (s *script) serve(hash string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.snapshot, s.err = &Snapshot{hash: hash}, err
}

func (s *script) GetState() connectivity.State {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state
}

func (s *script) WaitForStateChange(ctx context.Context, from connectivity.State) bool {
	s.mu.Lock()
	state, changed := s.state, s.changed
	s.mu.Unlock()
	if state != from {
		return true
	}
	select {
	case <-changed:
		return true
	case <-ctx.Done():
		return false
	}
}

func (s *script) Connect() {
	s.mu.Lock()
	s.connects++
	s.mu.Unlock()
	s.set(connectivity.Connecting)
}

func (s *script) load(context.Context) (*Snapshot, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.loads = append(s.loads, time.Now())
	if s.err != nil {
		return nil, s.err
	}
	return s.snapshot, nil
}

func (s *script) tell(snapshot *Snapshot, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.told = append(s.told, "error: "+err.Error())
		return
	}
	s.told = append(s.told, snapshot.Hash())
}

// seen is what was told so far, and how often the schema was read.
func (s *script) seen() ([]string, int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.told...), len(s.loads)
}

// run starts a watcher, and stops it when the test ends: a goroutine that stays would fail the bubble.
func (s *script) run(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		newWatcher(s, s.load, s.tell).Run(ctx)
	}()
	t.Cleanup(func() { cancel(); <-done })
}

func TestWatcherReadsAgainAfterALoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript()
		s.serve("a", nil)
		s.run(t)
		time.Sleep(time.Second)
		told, loads := s.seen()
		require.Equal(t, []string{"a"}, told)
		require.Equal(t, 1, loads)

		s.serve("b", nil)
		s.set(connectivity.Idle) // as pick_first does
		synctest.Wait()
		require.Equal(t, 1, s.connects, "an idle connection is made to connect")
		time.Sleep(10 * time.Second)
		_, loads = s.seen()
		require.Equal(t, 1, loads, "nothing to read while it is away")
		s.set(connectivity.TransientFailure, connectivity.Connecting, connectivity.Ready)
		time.Sleep(time.Second)
		told, loads = s.seen()
		require.Equal(t, []string{"a", "b"}, told)
		require.Equal(t, 2, loads)

		s.set(connectivity.Connecting, connectivity.Ready) // faster than anybody can look
		time.Sleep(time.Second)
		told, loads = s.seen()
		require.Equal(t, []string{"a", "b"}, told, "the same schema is not told twice")
		require.Equal(t, 3, loads)
	})
}

// A server is replaced while its schema is being read, or while the snapshot is being told.
func TestWatcherMissesNoServerThatIsReplacedMeanwhile(t *testing.T) {
	for name, states := range map[string][]connectivity.State{
		"back already": {connectivity.Idle, connectivity.Connecting, connectivity.Ready},
		"away":         {connectivity.TransientFailure},
	} {
		for _, when := range []string{"reading", "telling"} {
			t.Run(name+", "+when, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := newScript()
					s.serve("a", nil)
					replaced := false
					replace := func(at string) {
						if at == when && !replaced {
							replaced = true
							s.serve("b", nil)
							s.set(states...)
							synctest.Wait()
						}
					}
					ctx, cancel := context.WithCancel(t.Context())
					done := make(chan struct{})
					go func() {
						defer close(done)
						load := func(ctx context.Context) (*Snapshot, error) {
							synctest.Wait() // the connection is being observed
							defer replace("reading")
							return s.load(ctx)
						}
						tell := func(snapshot *Snapshot, err error) {
							s.tell(snapshot, err)
							replace("telling")
						}
						newWatcher(s, load, tell).Run(ctx)
					}()
					time.Sleep(10 * time.Second)
					if name == "away" {
						s.set(connectivity.Ready)
						time.Sleep(time.Second)
					}
					told, _ := s.seen()
					assert.Equal(t, []string{"a", "b"}, told)
					cancel()
					<-done
				})
			})
		}
	}
}

// The connection becomes ready by the first reading: that is no reason to read again.
func TestWatcherReadsOnceAtTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript()
		s.serve("a", nil)
		s.set(connectivity.Connecting)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			newWatcher(s, func(ctx context.Context) (*Snapshot, error) {
				s.set(connectivity.Ready)
				synctest.Wait()
				return s.load(ctx)
			}, s.tell).Run(ctx)
		}()
		time.Sleep(time.Minute)
		_, loads := s.seen()
		assert.Equal(t, 1, loads)
		cancel()
		<-done
	})
}

func TestWatcherReadsNowAndThenWithoutASign(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript()
		s.serve("a", nil)
		s.run(t)
		time.Sleep(time.Hour)
		_, loads := s.seen()
		require.InDelta(t, 12, loads, 5)
		s.serve("b", nil)
		time.Sleep(10 * time.Minute)
		told, _ := s.seen()
		require.Equal(t, []string{"a", "b"}, told)
	})
}

func TestWatcherBacksOffAndKeepsTrying(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript()
		s.serve("", errors.New("read tcp 127.0.0.1:40001->127.0.0.1:50051: reset"))
		s.set(connectivity.TransientFailure)
		s.run(t)
		time.Sleep(time.Second)
		s.serve("", errors.New("read tcp 127.0.0.1:40002->127.0.0.1:50051: reset"))
		time.Sleep(2 * time.Minute)
		s.serve("", errors.New("no reflection"))
		time.Sleep(2 * time.Minute)
		told, loads := s.seen()
		require.Equal(t, []string{"error: read tcp 127.0.0.1:40001->127.0.0.1:50051: reset", "error: no reflection"}, told)
		assert.Greater(t, loads, 15)
		assert.Less(t, loads, 60)
		for i := 1; i < len(s.loads); i++ {
			pause := s.loads[i].Sub(s.loads[i-1])
			assert.GreaterOrEqual(t, pause, 200*time.Millisecond)
			assert.LessOrEqual(t, pause, 16*time.Second)
		}

		s.serve("a", nil)
		s.set(connectivity.Connecting, connectivity.Ready)
		time.Sleep(300 * time.Millisecond) // it does not wait for the end of its pause
		told, _ = s.seen()
		require.Equal(t, "a", told[len(told)-1])
	})
}

func TestWatcherTellsAnErrorAgainAfterASuccess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript()
		s.serve("", errors.New("down"))
		s.run(t)
		time.Sleep(time.Minute)
		s.serve("a", nil)
		time.Sleep(time.Minute)
		s.serve("", errors.New("down"))
		s.set(connectivity.Connecting, connectivity.Ready)
		time.Sleep(time.Minute)
		told, _ := s.seen()
		require.Equal(t, []string{"error: down", "a", "error: down"}, told)
	})
}

func TestWatcherIsNotFloodedByErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript()
		w := newWatcher(s, s.load, s.tell)
		for i := range 1000 {
			w.reportError(fmt.Errorf("error %d", i))
		}
		told, _ := s.seen()
		require.Len(t, told, maxReported)
	})
}

func TestWatcherIsCalmWithAServerThatComesAndGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript()
		s.serve("a", nil)
		s.run(t)
		for range 10_000 { // ten seconds
			s.set(connectivity.Connecting, connectivity.Ready)
			time.Sleep(time.Millisecond)
		}
		_, loads := s.seen()
		require.Less(t, loads, 110)
	})
}

func TestWatcherTellsNothingWhenItIsStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript()
		ctx, cancel := context.WithCancel(t.Context())
		loading := make(chan struct{})
		load := func(ctx context.Context) (*Snapshot, error) {
			close(loading)
			<-ctx.Done()
			return nil, ctx.Err()
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			newWatcher(s, load, s.tell).Run(ctx)
		}()
		<-loading
		cancel()
		<-done
		told, _ := s.seen()
		require.Empty(t, told)
	})
}
