package stream

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/pump"
)

// bell is a topic for one watcher at a time.
type bell struct {
	mu       sync.Mutex
	notify   func() // nil while the bell is not watched
	watched  int    // how many calls of Watch there were
	watching func() // called by Watch before it watches; may be nil
}

func (b *bell) Watch(notify func()) (stop func()) {
	if b.watching != nil {
		b.watching()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.notify = notify
	b.watched++
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.notify = nil
	}
}

func (b *bell) ring() {
	b.mu.Lock()
	notify := b.notify
	b.mu.Unlock()
	if notify != nil {
		notify()
	}
}

// moving is a subscription. Each call of FirstWord changes the topic of its cursor, while bells are left.
type moving struct {
	Subscription

	bells  []*bell
	at     int // the index of the topic
	spoken atomic.Bool
}

type movingCursor struct {
	pump.Cursor

	of *moving
}

func (c movingCursor) Topic() pump.Topic { return c.of.bells[c.of.at] }

func (m *moving) Cursor() pump.Cursor { return movingCursor{of: m} }

func (m *moving) FirstWord() (spoken bool, end *ending.Ending) {
	m.at = min(m.at+1, len(m.bells)-1)
	return m.spoken.Load(), nil
}

// speak has the upstream accept, and rings the topic with that index.
func (m *moving) speak(ring int) {
	m.spoken.Store(true)
	m.bells[ring].ring()
}

func TestTheFirstWordIsWaitedForAlthoughTheTopicChanges(t *testing.T) {
	for name, tt := range map[string]struct {
		bells int
		when  func(*moving)
		after time.Duration
	}{
		"the topic stays": {1, func(m *moving) { time.AfterFunc(time.Second, func() { m.speak(0) }) }, time.Second},
		"the word is told by the new topic": {2, func(m *moving) {
			time.AfterFunc(time.Second, func() { m.speak(1) })
		}, time.Second},
		"the word is told before the new topic is watched": {2, func(m *moving) {
			m.bells[1].watching = func() { m.speak(1) }
		}, 0},
		"the word is told by the last of many": {9, func(m *moving) {
			time.AfterFunc(time.Second, func() { m.speak(8) })
		}, time.Second},
		"the topic changes with the word": {2, func(m *moving) { m.spoken.Store(true) }, 0},
		"the word does not come":          {2, func(*moving) {}, time.Minute},
		"the word is told by an old topic": {2, func(m *moving) {
			time.AfterFunc(time.Second, func() { m.speak(0) })
		}, time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sub := new(moving)
				for range tt.bells {
					sub.bells = append(sub.bells, new(bell))
				}
				tt.when(sub)
				began := time.Now()
				opened, end := new(Streams).AwaitFirstWord(t.Context(), sub, time.Minute, nil)
				assert.True(t, opened)
				assert.Nil(t, end)
				assert.Equal(t, tt.after, time.Since(began))
				for i, b := range sub.bells {
					assert.Nil(t, b.notify, "topic %d is watched no more", i)
					assert.LessOrEqual(t, b.watched, 1, "topic %d", i)
				}
			})
		})
	}
}

// What a wait needs is used again by later waits, however it ended.
func TestTheFirstWordIsWaitedForAgainAndAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := new(Streams)
		for range 5 {
			for speaks, want := range map[time.Duration]time.Duration{0: 0, time.Second: time.Second, time.Minute: time.Second * 30} {
				sub := &moving{bells: []*bell{new(bell)}}
				late := time.AfterFunc(speaks, func() { sub.speak(0) })
				if speaks == 0 {
					synctest.Wait()
				}
				began := time.Now()
				opened, _ := all.AwaitFirstWord(t.Context(), sub, 30*time.Second, nil)
				assert.True(t, opened)
				assert.Equal(t, want, time.Since(began))
				late.Stop()
			}
			gone, leave := context.WithCancel(t.Context())
			leave()
			opened, _ := all.AwaitFirstWord(gone, &moving{bells: []*bell{new(bell)}}, time.Minute, nil)
			assert.False(t, opened)
		}
	})
}
