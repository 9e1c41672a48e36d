package backoff

import (
	"math/rand/v2"
	"time"
)

// Jitter returns d plus or minus up to 20 % at random, so that clients that were cut off together do not come back together.
func Jitter(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (0.8 + 0.4*rand.Float64()))
}

// Early returns d minus up to 20 % at random, so that streams that began together do not end together.
func Early(d time.Duration) time.Duration {
	return d - time.Duration(rand.Float64()*0.2*float64(d))
}
