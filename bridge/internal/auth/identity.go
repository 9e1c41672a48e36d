package auth

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/request"
)

// Identity is what is known of a caller that was let in. It does not change.
type Identity struct {
	// Subject identifies the caller, with the name of what has authenticated the caller before it. It is "" where the caller has
	// no name.
	Subject string
	// Claims are what `require` and references to claims read.
	Claims request.Claims
	// Expires is when the credentials of the caller expire; the zero time: never.
	Expires time.Time
	// Leeway is how long after Expires the credentials are still accepted.
	Leeway time.Duration
	// From is where the token stood, "" for a caller without a token.
	From config.TokenPlace
	// Again is how often Recheck should be called while the stream of the caller is live, 0 for never.
	Again time.Duration
	// Recheck asks again whether the caller may read the stream. It returns nil where that is so, or cannot be found out now. It
	// is nil where Again is 0.
	Recheck func(ctx context.Context) *ending.Ending
}

const (
	// maxSpread bounds how long before the expiry of its credentials a stream ends.
	maxSpread = 30 * time.Second
	// minSpread is the shortest time over which ends are spread.
	minSpread = time.Second
)

// EndAt returns a random moment for the end of a stream that begins at now: shortly before the credentials of its caller
// expire, so that callers whose credentials expire together do not come back together. It is within the last fifth of the time
// that is left, and within the last 30 s. Credentials that have expired are accepted until their leeway is over, and the stream
// ends then. ok is false where the credentials do not expire.
func (id *Identity) EndAt(now time.Time) (at time.Time, ok bool) {
	if id.Expires.IsZero() {
		return time.Time{}, false
	}
	last := id.Expires
	if !last.After(now) {
		last = last.Add(id.Leeway)
	}
	spread := min(last.Sub(now)/5, maxSpread)
	if spread < minSpread {
		return last, true
	}
	// At least a tenth of the spread is left for the last events on their way.
	return last.Add(-spread/10 - rand.N(spread-spread/10)), true
}

// Expired returns the ending of a stream whose caller's credentials expire. A caller with a token in a header or a cookie comes
// back with a fresh one. The URL of a caller with a token in the query stays the same.
func (id *Identity) Expired() *ending.Ending {
	end := ending.Refuse(ending.Unauthenticated, ending.ByTokenExpired, "the credentials of the caller expire")
	end.Retry = id.From != config.InQuery
	return end
}
