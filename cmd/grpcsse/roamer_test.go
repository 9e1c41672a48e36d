package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"

	"github.com/tmaxmax/go-sse"
)

// station is a bridge that roamers may choose. The process changes where the bridge is started again.
type station struct{ url, process string }

// stations are the bridges that roamers choose from. A test takes a bridge out while the bridge starts again, so that a client
// of the test's choice is the first one there.
type stations struct {
	mu  sync.RWMutex // held for reading from the choice of a bridge until its answer
	all []station    // guarded by mu
}

// set makes a bridge one of the stations, in the place of an earlier process of the bridge.
func (s *stations) set(added station) {
	s.remove(added.url)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, added)
}

// remove returns when no request to the bridge is without an answer.
func (s *stations) remove(url string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var kept []station
	for _, one := range s.all {
		if one.url != url {
			kept = append(kept, one)
		}
	}
	s.all = kept
}

// roamer is a client that behaves as an EventSource, except that it comes back at once, and to a bridge of its choice.
// It checks what it is given.
type roamer struct {
	path     string
	resumes  bool        // the ids are the upstream's, and lead to the same place everywhere; others belong to one process
	stays    func() bool // the roamer does not leave by itself
	stations *stations
	client   *http.Client

	mu     sync.Mutex
	place            // guarded by mu
	at     station   // guarded by mu; where the roamer is now
	owed   bool      // guarded by mu; the next event must be a reset
	ledger travelLog // guarded by mu
}

// place is how far a roamer has come.
type place struct {
	id     string // of the last event
	giver  string // the process that gave the id
	newest quote  // the zero quote before the first one, and after a reset
}

// travelLog is what a roamer has met.
type travelLog struct {
	visits, cuts, refusals, quotes, resets int
	faults                                 []string
}

// quote is the data of an event.
type quote struct {
	Sequence int64  `json:"sequence,string"`
	Symbol   string `json:"symbol"`
}

// roam visits the first bridge, if there is one, and then bridges of its choice, until ctx ends.
func (r *roamer) roam(ctx context.Context, first *station) {
	for ctx.Err() == nil {
		r.visit(ctx, first)
		first = nil
	}
}

// visit opens one connection. The roamer leaves after some events, unless it stays.
func (r *roamer) visit(ctx context.Context, chosen *station) {
	ctx, leave := context.WithCancel(ctx)
	defer leave()
	body, err := r.connect(ctx, chosen)
	if err != nil {
		r.note(func(l *travelLog) { l.refusals++ })
		return
	}
	defer func() { _ = body.Close() }()
	r.note(func(l *travelLog) { l.visits++ })
	events, enough := 0, 1+rand.IntN(mostEvents)
	for event, err := range sse.Read(body, nil) {
		if err != nil {
			break
		}
		r.take(event)
		if events++; events >= enough && !r.stays() {
			return
		}
	}
	r.note(func(l *travelLog) { l.cuts++ })
}

// mostEvents is how many events a roamer may take before it goes to another bridge.
const mostEvents = 12

// connect returns the body of a bridge's answer.
func (r *roamer) connect(ctx context.Context, chosen *station) (io.ReadCloser, error) {
	if chosen == nil {
		r.stations.mu.RLock()
		defer r.stations.mu.RUnlock()
		if len(r.stations.all) == 0 {
			return nil, errors.New("there is no bridge")
		}
		chosen = &r.stations.all[rand.IntN(len(r.stations.all))]
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, chosen.url+r.path, http.NoBody)
	if err != nil {
		return nil, err
	}
	r.depart(*chosen, request)
	request.Header.Set("Accept", "text/event-stream")
	response, err := r.client.Do(request)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		_ = response.Body.Close()
		return nil, fmt.Errorf("the answer was %s", response.Status)
	}
	return response.Body, nil
}

// depart notes where the roamer goes, and puts its last id into the request.
func (r *roamer) depart(to station, request *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.at = to
	if r.id == "" {
		r.newest, r.owed = quote{}, false // without an id it is a newcomer
		return
	}
	request.Header.Set("Last-Event-ID", r.id)
	r.owed = !r.resumes && r.giver != to.process
}

// take checks an event. The bridge's own events begin with "grpc-".
func (r *roamer) take(event sse.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	before := r.id
	if event.LastEventID != "" {
		r.id, r.giver = event.LastEventID, r.at.process
	}
	switch {
	case event.Data == "":
		// This is a block without data. The library passes it on, an EventSource does not.
	case event.Type == "grpc-reset":
		if !r.owed || !strings.Contains(event.Data, `"reason":"epoch"`) {
			r.fault("a reset: %s", event.Data)
		}
		r.owed, r.newest = false, quote{}
		r.ledger.resets++
	case r.owed && event.Type != "grpc-status": // a bridge that shuts down has only its end to say
		r.fault("the id %s of another process led to %s %s", before, event.Type, event.Data)
	case event.Type == "grpc-cursor":
		if before != "" && before != event.LastEventID && r.resumes {
			r.fault("a cursor at %s behind %s", event.LastEventID, before)
		}
	case event.Type == "":
		r.follow(event)
	case !strings.HasPrefix(event.Type, "grpc-"):
		r.fault("an event %s", event.Type)
	}
}

// follow checks that a quote is the next one of the same stream. The roamer's lock is held.
func (r *roamer) follow(event sse.Event) {
	var q quote
	if err := json.Unmarshal([]byte(event.Data), &q); err != nil {
		r.fault("%v in %s", err, event.Data)
	}
	if r.newest != (quote{}) && q != (quote{r.newest.Sequence + 1, r.newest.Symbol}) {
		r.fault("%+v behind %+v", q, r.newest)
	}
	if r.resumes && (q.Symbol != tape || fmt.Sprint(q.Sequence) != event.LastEventID) {
		r.fault("%+v with the id %s", q, event.LastEventID)
	}
	r.newest = q
	r.ledger.quotes++
}

// fault notes an event that is wrong. The roamer's lock is held.
func (r *roamer) fault(format string, args ...any) {
	if len(r.ledger.faults) < 3 {
		r.ledger.faults = append(r.ledger.faults, r.path+" at "+r.at.process+": "+fmt.Sprintf(format, args...))
	}
}

func (r *roamer) note(change func(*travelLog)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(&r.ledger)
}

// where returns how far the roamer has come.
func (r *roamer) where() place {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.place
}

// seen returns the newest quote and the ledger.
func (r *roamer) seen() (quote, travelLog) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.newest, r.ledger
}
