package fanout_test

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/grpcsse/grpcsse/bridge/internal/pump"
	"github.com/grpcsse/grpcsse/bridge/internal/replay"
)

// given is one piece that a client was given.
type given struct {
	name  string // the name of a notice; "" for an event
	text  string
	id    string
	index int // the index of an event in its epoch
	seq   int // the number of the message in an event
}

func parsePiece(block string) (g given) {
	for line := range strings.Lines(block) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch name {
		case "event":
			g.name = value
		case "data":
			g.text = dataInShort(strings.TrimPrefix(g.name, "grpc-")+": ", value)
		case "id":
			g.id = value
		}
	}
	g.seq, _ = strconv.Atoi(g.text)
	return g
}

// seqOf returns the number of the message in an event.
func seqOf(e *replay.Event) int { return parsePiece(string(e.Block())).seq }

// check compares what the client was given with what it should be given.
func (c *clientModel) check(pieces [][]byte, end *pump.End) error {
	c.given = nil
	for _, p := range pieces {
		c.given = append(c.given, parsePiece(string(p)))
	}
	rest := c.given
	told := c.told
	if told != 0 && told != c.stream.told() {
		if len(rest) == 0 || rest[0].name != "grpc-live" {
			return fmt.Errorf("expected to be told that events flow, found %v", rest)
		}
		rest, told = rest[1:], 0
	}
	if c.reset != "" {
		want := fmt.Sprintf("%s %q", c.reset, c.lastID)
		if len(rest) == 0 || rest[0].name != "grpc-reset" || rest[0].text != want {
			return fmt.Errorf("expected the reset %s, found %v", want, rest)
		}
		rest = rest[1:]
	}
	rest, err := c.checkCursor(rest)
	if err != nil {
		return err
	}
	rest, atEnd, err := c.checkEvents(rest)
	if err != nil {
		return err
	}
	over := c.stream.over != ""
	if atEnd && !over && told != c.stream.told() {
		if len(rest) == 0 || rest[0].name != "grpc-stale" {
			return fmt.Errorf("expected to be told that the upstream is gone, found %v", rest)
		}
		rest = rest[1:]
	}
	if len(rest) > 0 {
		return fmt.Errorf("found %v, which is too much", rest)
	}
	return c.checkEnd(atEnd && over && len(c.stream.log.taken) == 0, end)
}

// checkCursor removes the cursor from what the client was given. There must be a cursor exactly where there is no event.
func (c *clientModel) checkCursor(rest []given) ([]given, error) {
	id := ""
	if e, number := c.stream.log.newest(); c.epoch >= 0 && c.epoch == number && len(c.expected(e.events)) == 0 {
		id, _ = c.anchor()
	}
	if id == "" {
		return rest, nil
	}
	if len(rest) == 0 || rest[0].name != "grpc-cursor" || rest[0].id != id {
		return nil, fmt.Errorf("expected the cursor %s, found %v", id, rest)
	}
	return rest[1:], nil
}

func (c *clientModel) checkEnd(expected bool, end *pump.End) error {
	switch {
	case !expected && end != nil:
		return fmt.Errorf("found the end %q too early", end.Ending.Reason)
	case expected && (end == nil || string(end.Ending.Reason) != c.stream.over):
		return fmt.Errorf("expected the end %q, found %v", c.stream.over, end)
	}
	return nil
}

// checkEvents removes the events from what the client was given. It reports whether they are all that the log shows.
func (c *clientModel) checkEvents(rest []given) (after []given, atEnd bool, err error) {
	if c.epoch < 0 {
		return rest, true, nil
	}
	e, _ := c.stream.log.newest()
	expected := c.expected(e.events)
	n := 0
	for ; n < len(rest) && rest[n].name == ""; n++ {
		if n == len(expected) || seqOf(e.events[expected[n]]) != rest[n].seq {
			return nil, false, fmt.Errorf("expected the events %v of %d, found %v", expected, len(e.events), rest)
		}
		rest[n].index = expected[n]
	}
	if n == 0 && len(expected) > 0 {
		return nil, false, fmt.Errorf("expected the events %v, found none", expected)
	}
	if c.walks && (len(expected) == 0 || expected[0] >= c.index) {
		c.walks = false
		c.approach()
	}
	return rest[n:], n == len(expected), nil
}

// expected returns the indexes of the events that follow the client's place.
func (c *clientModel) expected(events []*replay.Event) (all []int) {
	if c.walks {
		for i := c.walk; i < c.index; i++ {
			if !superseded(events, i) {
				all = append(all, i)
			}
		}
	}
	for i := c.index; i < len(events); i++ {
		all = append(all, i)
	}
	return all
}

// superseded reports whether an event is not one of the last values.
func superseded(events []*replay.Event, index int) bool {
	if events[index].Key == "" {
		return true
	}
	for _, e := range events[index+1:] {
		if e.Key == events[index].Key {
			return true
		}
	}
	return false
}

// advance passes the first n pieces that the client was given.
func (c *clientModel) advance(n int) error {
	events, log := 0, false
	epoch, _ := c.stream.log.newest()
	for _, g := range c.given[:n] {
		switch g.name {
		case "grpc-live":
			c.told = 0
		case "grpc-stale":
			c.told = c.stream.told()
		case "grpc-reset":
			c.reset, c.follows = "", false
		case "grpc-cursor":
			_, at := c.anchor()
			c.anchored, c.lastID, c.idAt = true, g.id, at
			c.last, c.follows, c.values = had{epoch: epoch.name, index: c.index - 1}, true, false
		default:
			events++
			c.anchored = true
			before := 0
			if g.index > 0 {
				before = seqOf(epoch.events[g.index-1])
			}
			if err := c.note(g, epoch.name, before, g.index < c.index); err != nil {
				return err
			}
			if g.index < c.index {
				c.walk = g.index + 1
				continue
			}
			c.index, c.walks = g.index+1, false
			log = true
		}
	}
	if log {
		c.approach()
	}
	if got := c.Advance(n); got != events {
		return fmt.Errorf("expected to pass %d events, found %d", events, got)
	}
	c.given = nil
	return nil
}

// note adds an event to what the page knows. before is the message in front of the event in the log. Unless the page was told,
// no message may be missing, come again or come too early, except where the upstream sent its messages like that. A last value
// may follow any older one. So may the first event behind the last values.
//
// The page may have had its newest message at another place than in front of this event. An upstream that ignores the cursor
// sends messages again. Once the log has evicted the first of two equal messages, the page goes on behind the second. A page
// that came with the id of a message that was still to come goes on behind that message, too.
func (l *ledger) note(g given, epoch string, before int, lastValue bool) error {
	now := had{g.seq, epoch, g.index}
	here := l.last.epoch == epoch
	leaps := l.values || lastValue
	switch {
	case !l.follows, here && now.index == l.last.index+1, here && leaps && now.index > l.last.index:
	case before == l.last.seq && before > 0:
	case g.seq <= l.last.seq:
		return fmt.Errorf("message %d comes after %d", g.seq, l.last.seq)
	case g.seq != l.last.seq+1 && !leaps:
		return fmt.Errorf("message %d follows on %d, and the page was not told", g.seq, l.last.seq)
	}
	l.last, l.follows, l.values = now, true, lastValue
	if g.id != "" {
		l.lastID, l.idAt = g.id, now
	}
	return nil
}
