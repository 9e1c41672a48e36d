package route

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/grpcsse/grpcsse/bridge/config"
)

func TestTheRetryDelayGrowsUpToItsLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := &Route{Config: config.NewRoute("/x"), Health: &Health{}}
		rt.Config.Event.Retry = 2 * time.Second
		assert.Equal(t, 2*time.Second, rt.RetryDelay())
		rt.Health.Failed()
		time.Sleep(10 * time.Second)
		assert.Equal(t, 10*time.Second, rt.RetryDelay(), "the delay is as long as the time in which openings have failed")
		time.Sleep(time.Hour)
		assert.Equal(t, 30*time.Second, rt.RetryDelay())
		rt.Config.Event.Retry = time.Minute
		assert.Equal(t, time.Minute, rt.RetryDelay(), "the delay is at least that of the route")
		rt.Health.Opened()
		rt.Config.Event.Retry = 2 * time.Second
		assert.Equal(t, 2*time.Second, rt.RetryDelay())
	})
}
