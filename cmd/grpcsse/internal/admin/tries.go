package admin

import (
	"log/slog"
	"net/netip"
	"sync"
	"time"
)

const (
	// mostTries is how many wrong tokens in a row a client may present. One more is granted each tryEvery.
	mostTries = 10
	tryEvery  = 10 * time.Second
	// mostClients bounds how many clients with wrong tokens are remembered. All further ones count as one.
	mostClients = 1024
	// sayEvery is the least time between two lines of the log about wrong tokens.
	sayEvery = time.Minute
)

// tries counts wrong tokens by client. It may be used concurrently.
type tries struct {
	log *slog.Logger
	now func() time.Time

	mu      sync.Mutex
	clients map[netip.Prefix]time.Time // when all tries of a client are back; guarded by mu, as all below
	said    time.Time
	unsaid  int // wrong tokens since the last line
}

func newTries(log *slog.Logger, now func() time.Time) *tries {
	return &tries{log: log, now: now, clients: map[netip.Prefix]time.Time{}}
}

// left reports whether a client may present another token.
func (t *tries) left(client netip.Prefix) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.clients[t.known(client)].Sub(t.now()) <= (mostTries-1)*tryEvery
}

// failed counts a wrong token, and logs a line now and then.
func (t *tries) failed(client netip.Prefix) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	if len(t.clients) >= mostClients {
		for known, back := range t.clients {
			if !back.After(now) {
				delete(t.clients, known)
			}
		}
	}
	of := t.known(client)
	back := t.clients[of]
	if back.Before(now) {
		back = now
	}
	t.clients[of] = back.Add(tryEvery)
	t.unsaid++
	if now.Sub(t.said) >= sayEvery {
		t.log.Warn("requests to the admin listener had a wrong token", "requests", t.unsaid, "newest_client", client.String())
		t.said, t.unsaid = now, 0
	}
}

// known returns the client, or the one that stands for all clients for which there is no room.
func (t *tries) known(client netip.Prefix) netip.Prefix {
	if _, known := t.clients[client]; known || len(t.clients) < mostClients {
		return client
	}
	return netip.Prefix{}
}
