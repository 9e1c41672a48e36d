package auth

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/request"
)

const (
	// askTimeout bounds the time for the answer of an endpoint, with the wait for a turn.
	askTimeout = 5 * time.Second
	// askTurns is how many questions may be on their way to an endpoint because of new callers, and as many because of live
	// streams.
	askTurns = 64
	// askWaiting is how many different questions of new callers may be open at once, the waiting ones included.
	askWaiting = 4096
	// tellEvery is how often the log says at most that an endpoint gives no answer.
	tellEvery = 10 * time.Second
	// maxAnswer is how much of the body of an answer is read, in bytes, and drainTime for how long, so that the connection can be
	// used again. The head of the answer has decided before that.
	maxAnswer = 64 << 10
	drainTime = 100 * time.Millisecond
)

// endpoint asks the endpoint of one entry of `auth.ask`. Its methods may be called concurrently.
type endpoint struct {
	ctx    context.Context // ends the questions that are on their way
	cfg    *config.Ask
	log    *slog.Logger
	client *http.Client
	turns  chan struct{} // for new callers
	again  chan struct{} // for live streams

	waiting int // see askWaiting

	running *sync.WaitGroup // the questions that are on their way

	mu      sync.Mutex
	flights map[[sha256.Size]byte]*flight
	down    bool      // the log says that there is no answer
	told    time.Time // when the log last said so
	closed  bool      // nothing is asked any more
}

// flight is a question that is on its way. Callers that send the very same share its answer.
type flight struct {
	done   chan struct{} // closed once answer and err are set
	answer *answer
	err    error
}

// answer is what an endpoint has said.
type answer struct {
	status int
	claims request.ClaimTexts
}

func newEndpoint(ctx context.Context, running *sync.WaitGroup, cfg *config.Ask, log *slog.Logger) *endpoint {
	return &endpoint{
		ctx: ctx, running: running, cfg: cfg, log: log,
		client: &http.Client{
			Transport:     newTransport(askTurns),
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		turns: make(chan struct{}, askTurns), again: make(chan struct{}, askTurns),
		waiting: askWaiting, flights: map[[sha256.Size]byte]*flight{},
	}
}

// close lets nothing be asked any more. It does not wait for the questions that are on their way.
func (e *endpoint) close() {
	e.mu.Lock()
	e.closed = true
	e.mu.Unlock()
	e.client.CloseIdleConnections()
}

// identify returns who a caller is, as the endpoint says.
func (e *endpoint) identify(ctx context.Context, req *request.Request) (*Identity, *ending.Ending) {
	question := forwarded(req.Head.Header, e.cfg.Forward)
	maps.Copy(question, aboutRequest(req))
	said, err := e.askOnce(ctx, question)
	if err != nil {
		return nil, ending.Refuse(ending.Unavailable, ending.ByAuth, "whether the caller may read the stream cannot be found out now")
	}
	if end := refusalOf(said.status, ending.ByAuth); end != nil {
		return nil, end
	}
	id := &Identity{Claims: said.claims}
	if len(e.cfg.Claims) > 0 && said.claims[e.cfg.Claims[0]] != "" {
		id.Subject = "ask." + e.cfg.Name + ":" + said.claims[e.cfg.Claims[0]]
	}
	if e.cfg.Again > 0 {
		id.Again = e.cfg.Again
		id.Recheck = func(ctx context.Context) *ending.Ending { return e.recheck(ctx, question, said.claims) }
	}
	return id, nil
}

// refusalOf returns the ending for a status that refuses a caller, nil for any other status.
func refusalOf(status int, by ending.Reason) *ending.Ending {
	switch status {
	case http.StatusUnauthorized:
		return ending.Refuse(ending.Unauthenticated, by, "the caller is not signed in, or not any more")
	case http.StatusForbidden:
		return ending.Refuse(ending.PermissionDenied, by, "the caller may not read the stream")
	}
	return nil
}

// recheck asks again about a live stream. The caller is told to come back, since its browser may have other credentials than
// those that it came with: a refusal then is final.
func (e *endpoint) recheck(ctx context.Context, question http.Header, before request.ClaimTexts) *ending.Ending {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	said, err := e.ask(ctx, question, e.again)
	if err != nil {
		return nil // a live stream stays while the endpoint is down
	}
	if end := refusalOf(said.status, ending.ByRevoked); end != nil {
		return end.ComeBack()
	}
	if !maps.Equal(said.claims, before) {
		return ending.Refuse(ending.Unauthenticated, ending.ByRevoked,
			"the caller is not who it was when the stream began").ComeBack()
	}
	return nil
}

// askOnce asks about a new caller, or waits for the answer to the same question.
func (e *endpoint) askOnce(ctx context.Context, question http.Header) (*answer, error) {
	key := digestOf(question)
	e.mu.Lock()
	f := e.flights[key]
	if f == nil {
		if e.closed || len(e.flights) >= e.waiting {
			e.mu.Unlock()
			return nil, errors.New("too many questions are open")
		}
		f = &flight{done: make(chan struct{})}
		e.flights[key] = f
		// The question outlives this caller, since others may wait for the answer.
		e.running.Go(func() { e.fly(key, f, question) })
	}
	e.mu.Unlock()
	select {
	case <-f.done:
		return f.answer, f.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

func (e *endpoint) fly(key [sha256.Size]byte, f *flight, question http.Header) {
	ctx, cancel := context.WithTimeout(e.ctx, askTimeout)
	defer cancel()
	f.answer, f.err = e.ask(ctx, question, e.turns)
	e.mu.Lock()
	delete(e.flights, key)
	e.mu.Unlock()
	close(f.done)
}

// ask asks the endpoint once a turn is free. The error says that there is no answer that decides.
func (e *endpoint) ask(ctx context.Context, question http.Header, turns chan struct{}) (*answer, error) {
	select {
	case turns <- struct{}{}:
		defer func() { <-turns }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	if ctx.Err() != nil { // both were true at once
		return nil, context.Cause(ctx)
	}
	said, err := e.get(ctx, question)
	e.tell(err)
	return said, err
}

// get sends the question.
func (e *endpoint) get(ctx context.Context, question http.Header) (*answer, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, e.cfg.URL, nil)
	if err != nil {
		return nil, fmt.Errorf("GET %s: %w", shownHost(e.cfg.URL), withoutData(err))
	}
	r.Header = question.Clone()
	got, err := e.client.Do(r)
	if err != nil {
		return nil, fmt.Errorf("GET %s: %w", shownHost(e.cfg.URL), withoutData(err))
	}
	defer time.AfterFunc(drainTime, cancel).Stop()
	defer func() { _ = got.Body.Close() }()
	_, _ = io.CopyN(io.Discard, got.Body, maxAnswer)
	switch {
	case got.StatusCode >= 200 && got.StatusCode <= 299:
		return &answer{got.StatusCode, e.claimsOf(got.Header)}, nil
	case refusalOf(got.StatusCode, ending.ByAuth) != nil:
		return &answer{status: got.StatusCode}, nil
	}
	return nil, fmt.Errorf("expected a status of 200 to 299, 401 or 403, found %d", got.StatusCode)
}

// claimsOf returns the headers of an answer that become claims. A header that is there twice becomes none.
func (e *endpoint) claimsOf(h http.Header) request.ClaimTexts {
	texts := request.ClaimTexts{}
	for _, name := range e.cfg.Claims {
		if values := h.Values(name); len(values) == 1 {
			texts[name] = values[0]
		}
	}
	return texts
}

// tell logs that the endpoint does not answer, and that it answers again: each at most once in tellEvery.
func (e *endpoint) tell(err error) {
	e.mu.Lock()
	down := err != nil && !e.down && time.Since(e.told) >= tellEvery
	up := err == nil && e.down
	if down {
		e.told = time.Now()
	}
	e.down = down || e.down && !up
	e.mu.Unlock()
	switch {
	case down:
		e.log.Warn("the endpoint that decides about callers gives no answer", "auth", "ask."+e.cfg.Name, "error", err)
	case up:
		e.log.Info("the endpoint that decides about callers answers again", "auth", "ask."+e.cfg.Name)
	}
}

// digestOf identifies a question. Each text has its length before it, so that different questions have different digests.
func digestOf(question http.Header) [sha256.Size]byte {
	var text []byte
	add := func(s string) { text = append(binary.AppendUvarint(text, uint64(len(s))), s...) }
	for _, name := range slices.Sorted(maps.Keys(question)) {
		add(strings.ToLower(name))
		text = binary.AppendUvarint(text, uint64(len(question[name])))
		for _, value := range question[name] {
			add(value)
		}
	}
	return sha256.Sum256(text)
}
