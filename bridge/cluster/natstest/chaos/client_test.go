package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/tmaxmax/go-sse"
)

// client goes from bridge to bridge with its last id, as an EventSource whose proxy sends it to any bridge. It keeps a ledger.
type client struct {
	number int
	run    *run
	http   *http.Client

	mu     sync.Mutex
	ledger ledger          // guarded by mu
	notes  [mostNotes]note // guarded by mu; a ring
	noted  int             // guarded by mu
	newest int64           // guarded by mu; of the present connection, 0 before its first event
	at     *bridge         // guarded by mu
}

// mostNotes is how much of what a client has met is kept.
const mostNotes = 24

// note is something that a client has met.
type note struct {
	at   time.Time
	text string
}

// roam visits bridges until the context ends.
func (c *client) roam(ctx context.Context) {
	for ctx.Err() == nil {
		if err := c.visit(ctx); err != nil && ctx.Err() == nil {
			c.write("%v", err)
			c.run.tally.add("refused", 1)
			wait(ctx, time.Duration(20+rand.IntN(200))*time.Millisecond)
		}
	}
}

// visit opens one connection, and leaves after some events or some silence. While the run settles, clients stay.
func (c *client) visit(ctx context.Context) error {
	ctx, leave := context.WithCancel(ctx)
	defer leave()
	at := c.run.bridges[rand.IntN(len(c.run.bridges))]
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, at.url()+"/"+c.ledger.topic.String(), http.NoBody)
	if err != nil {
		return err
	}
	request.Header.Set("Accept", "text/event-stream")
	c.depart(at, request)
	patience := time.Duration(2000+rand.IntN(10000)) * time.Millisecond
	silent := time.AfterFunc(patience, leave)
	defer silent.Stop()
	response, err := c.http.Do(request)
	if err != nil {
		return fmt.Errorf("%s: %w", at, err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered %s", at, response.Status)
	}
	heard, enough := time.Now(), c.stay()
	for e, err := range sse.Read(response.Body, nil) {
		if err != nil {
			c.write("cut off: %v", err)
			return nil
		}
		silent.Reset(patience)
		now := time.Now()
		if e.Type == "" && e.Data != "" {
			c.run.silence(at, heard, now)
			heard, enough = now, enough-1
		}
		c.take(received{e.LastEventID, e.Type, e.Data})
		if enough < 0 && !c.run.settling.Load() {
			c.write("leaves")
			return nil
		}
	}
	c.write("the stream is over")
	return nil
}

// stay returns after how many events a client leaves. Some stay long.
func (c *client) stay() int {
	if rand.IntN(8) == 0 {
		return 60 * rate
	}
	return 1 + rand.IntN(10*rate)
}

func (c *client) depart(at *bridge, request *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ledger.visit()
	c.at, c.newest = at, 0
	if c.ledger.id != "" {
		request.Header.Set("Last-Event-ID", c.ledger.id)
	}
	c.put("goes to %s with %q", at, c.ledger.id)
	c.run.tally.add("visits", 1)
}

// reasonIn finds the reason in what a bridge tells.
var reasonIn = regexp.MustCompile(`"reason":"([a-z_]+)"`)

func (c *client) take(e received) {
	if e.name == "" && e.data == "" {
		return // a block without data, which an EventSource does not pass on
	}
	c.mu.Lock()
	wrong := c.ledger.take(e)
	if e.name == "" {
		c.newest = c.ledger.last
		c.put("%s", e.id)
	} else {
		c.put("%s %s %s", e.name, e.data, e.id)
	}
	c.mu.Unlock()
	switch {
	case e.name == "":
		c.run.tally.add("events", 1)
	default:
		what := e.name
		if found := reasonIn.FindStringSubmatch(e.data); found != nil {
			what += " " + found[1]
		}
		c.run.tally.add(what+" ("+string(c.ledger.topic.kind)+")", 1)
	}
	if wrong != "" {
		c.run.violation(c, wrong+": "+strings.TrimSpace(e.name+" "+e.data+" "+e.id))
	}
}

func (c *client) write(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.put(format, args...)
}

// put adds a note. The lock is held.
func (c *client) put(format string, args ...any) {
	c.notes[c.noted%mostNotes] = note{time.Now(), fmt.Sprintf(format, args...)}
	c.noted++
}

// story returns what the client has met lately.
func (c *client) story() (lines []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := max(0, c.noted-mostNotes); i < c.noted; i++ {
		n := c.notes[i%mostNotes]
		lines = append(lines, clock(n.at)+" "+n.text)
	}
	return lines
}

// current reports whether the client has had an event on its present connection, and one that is not older than a number.
func (c *client) current(sequence int64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.newest >= sequence
}

// wait waits, or until the context ends.
func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
