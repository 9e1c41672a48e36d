package backstage

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/grpcsse/grpcsse/cmd/grpcsse/internal/crowd"
	crowdv1 "github.com/grpcsse/grpcsse/gen/demo/crowd/v1"
)

const (
	// pace is the time between two reports of the figures.
	pace = 500 * time.Millisecond
	// patience is how long a crowd stays without watchers, so that it does not outlive a page that was closed.
	patience = 10 * time.Second
	// stallTime is how long a stalled browser reads nothing.
	stallTime = 20 * time.Second
)

// These are the answers to a button that changes nothing.
var (
	errNobody = errors.New("there is no crowd, start it first")
	errFull   = fmt.Errorf("the crowd has %d browsers, and no room for more", crowd.Most)
)

// Show is a crowd in front of the bridge, and the gRPC server behind it. Its methods may be called concurrently.
type Show struct {
	crowdv1.UnimplementedCrowdServiceServer

	ctx      context.Context
	upstream *Upstream
	url      string
	board    *board
	patience time.Duration // how long a crowd stays without watchers

	button sync.Mutex // held while a button is pressed
	scene  *scene     // guarded by button; nil before the first crowd
}

// scene is one crowd, from its start to its end.
type scene struct {
	crowd  *crowd.Crowd
	ctx    context.Context // ends before the first browser goes home
	cancel context.CancelFunc
	over   chan struct{} // closed when the crowd has ended
}

// NewShow returns a show without a crowd. Its crowds connect to url, and end when ctx ends.
func NewShow(ctx context.Context, upstream *Upstream, url string) *Show {
	return &Show{ctx: ctx, upstream: upstream, url: url, board: newBoard(), patience: patience}
}

// Start starts a crowd of n browsers. It stops the present crowd first.
func (s *Show) Start(n int) error {
	s.button.Lock()
	defer s.button.Unlock()
	s.clear()
	if err := s.ctx.Err(); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(s.ctx)
	now := &scene{crowd: crowd.Start(ctx, s.url, n), ctx: ctx, cancel: cancel, over: make(chan struct{})}
	s.scene = now
	s.board.show(s.figures(now.crowd), true)
	go func() {
		defer close(now.over)
		s.observe(now)
	}()
	return nil
}

// Double doubles the number of browsers.
func (s *Show) Double() error {
	return s.with(func(c *crowd.Crowd) error {
		if c.Grow(c.Figures().Clients) == 0 {
			return errFull
		}
		return nil
	})
}

// Stall makes n browsers read nothing for some time.
func (s *Show) Stall(n int) error {
	return s.with(func(c *crowd.Crowd) error {
		if c.Stall(n, stallTime) == 0 {
			return errors.New("no browser of the crowd is reading anything")
		}
		return nil
	})
}

// Stop stops the crowd, and returns when it has ended. Without a crowd it does nothing.
func (s *Show) Stop() {
	s.button.Lock()
	defer s.button.Unlock()
	s.clear()
}

// clear ends the scene. The caller holds the lock of the buttons.
func (s *Show) clear() {
	if s.scene != nil {
		s.scene.cancel()
		<-s.scene.over
		s.scene = nil
	}
}

// with calls a function with the crowd, if there is one.
func (s *Show) with(do func(*crowd.Crowd) error) error {
	s.button.Lock()
	defer s.button.Unlock()
	if s.scene == nil || s.scene.ctx.Err() != nil { // the crowd may have ended by itself
		return errNobody
	}
	return do(s.scene.crowd)
}

// observe reports on a crowd until the scene is cancelled or the crowd has no watchers any more, and then stops the crowd.
func (s *Show) observe(now *scene) {
	ctx, c := now.ctx, now.crowd
	ticker := time.NewTicker(pace)
	defer ticker.Stop()
	var speed speedometer
	looked := time.Now() // when the crowd last had a watcher
	for time.Since(looked) < s.patience && ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case at := <-ticker.C:
			if s.board.watched() {
				looked = at
			}
			figures := s.figures(c)
			figures.DeliveriesPerSecond = speed.measure(at, figures.GetDeliveries())
			s.board.show(figures, true)
		}
	}
	now.cancel()
	c.Stop()
	last := s.figures(c)
	last.Browsers = 0
	s.board.show(last, false)
}
