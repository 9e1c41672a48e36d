package pump

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// world is a loop with clients. They come, take bytes, and leave, while topics grow and end and time passes.
type world struct {
	*rig
	settings *Settings
	tapes    []*tape
	bells    []*tape  // topics without pieces of their own
	guests   []*guest // all guests, including those that have left
	drained  bool
}

func newWorld(t *rapid.T) *world {
	w := &world{rig: newRig(), settings: &Settings{
		Comment: []byte(":\n"), Heartbeat: 15 * time.Second, WriteTimeout: 10 * time.Second,
		AgeEnd: End{Ending: because("max_age"), Frame: []byte("old\n")}, DrainEnd: End{Ending: because("drain"), Frame: []byte("drain\n")},
	}}
	if rapid.Bool().Draw(t, "ages") {
		w.settings.MaxAge = time.Minute
	}
	for range rapid.IntRange(1, 3).Draw(t, "topics") {
		w.tapes = append(w.tapes, new(tape))
	}
	for range rapid.IntRange(0, 3).Draw(t, "bells") {
		w.bells = append(w.bells, new(tape))
	}
	return w
}

// topics draws the topics to which a cursor on a tape changes.
func (w *world) topics(t *rapid.T, events *tape) []*tape {
	all := append([]*tape{nil, nil, events}, w.bells...)
	return rapid.SliceOfN(rapid.SampledFrom(all), 0, 30).Draw(t, "topics")
}

// tell has the cursors on a tape rung by their present topics.
func (w *world) tell(events *tape) {
	for _, g := range w.guests {
		if g.cur.tape == events {
			g.cur.ring()
		}
	}
}

func (w *world) actions() map[string]func(*rapid.T) {
	guest := func(t *rapid.T) *guest {
		if len(w.guests) == 0 {
			t.Skip("there is no client")
		}
		return rapid.SampledFrom(w.guests).Draw(t, "guest")
	}
	return map[string]func(*rapid.T){
		"come": func(t *rapid.T) {
			events := rapid.SampledFrom(w.tapes).Draw(t, "topic")
			g := w.joinBehind(rapid.SampledFrom([]string{"", "header\n"}).Draw(t, "header"), events, w.settings)
			g.cur.topics, g.cur.withholds = w.topics(t, events), rapid.Bool().Draw(t, "withholds")
			g.cur.slack = rapid.SampledFrom([]int{0, 50}).Draw(t, "slack")
			g.room = rapid.IntRange(-1, 20).Draw(t, "room")
			w.guests = append(w.guests, g)
		},
		"put": func(t *rapid.T) {
			events := rapid.SampledFrom(w.tapes).Draw(t, "topic")
			for range rapid.IntRange(1, 80).Draw(t, "pieces") {
				events.put(fmt.Sprintf("%d\n", len(events.pieces)))
			}
			w.tell(events)
		},
		"end": func(t *rapid.T) {
			i := rapid.IntRange(0, len(w.tapes)-1).Draw(t, "topic")
			w.tapes[i].finish(End{Ending: because("upstream"), Frame: []byte("end\n")})
			w.tell(w.tapes[i])
			w.tapes[i] = new(tape)
		},
		"late call": func(*rapid.T) {
			for _, topic := range w.all() {
				topic.ringLate()
			}
		},
		"take": func(t *rapid.T) {
			if g := guest(t); len(g.closed) == 0 {
				g.setRoom(rapid.IntRange(-1, 300).Draw(t, "room"))
			}
		},
		"leave": func(t *rapid.T) { guest(t).leave(nil) }, // also a guest that has left, whose slot may belong to another one
		"break": func(t *rapid.T) { guest(t).leave(syscall.ECONNRESET) },
		"wait": func(t *rapid.T) {
			w.pass(time.Duration(rapid.Int64Range(0, int64(20*time.Second)).Draw(t, "time")))
		},
		"say": func(t *rapid.T) { guest(t).control.Say([]byte("word\n")) },
		"order": func(t *rapid.T) {
			within := time.Duration(rapid.Int64Range(0, int64(time.Minute)).Draw(t, "within"))
			guest(t).control.EndAt(time.Now().Add(within), &End{Ending: because("revoked"), Frame: []byte("ordered\n")})
		},
		"step": func(*rapid.T) { w.once() },
		"drain": func(*rapid.T) {
			w.drained = true
			w.inbox.put(func(m *mail) { m.draining, m.drain = true, 5*time.Second })
		},
		"": w.check,
	}
}

// check compares the bytes of each client with its topic, and the state of the loop with the clients.
func (w *world) check(t *rapid.T) {
	ended := 0
	for i, g := range w.guests {
		body, _ := g.body()
		if err := orderly(body, len(g.cur.pieces)); err != nil {
			t.Fatalf("client %d: %v in %q", i, err, g.text())
		}
		if len(g.outcomes) != len(g.closed) || len(g.outcomes) > 1 {
			t.Fatalf("client %d was closed %d times, its outcome told %d times", i, len(g.closed), len(g.outcomes))
		}
		ended += len(g.outcomes)
		if len(g.outcomes) == 1 && g.outcomes[0].Bytes != int64(len(body)) {
			t.Fatalf("client %d: %+v for %d bytes", i, g.outcomes[0], len(g.text()))
		}
	}
	if err := w.grouped(); err != nil {
		t.Fatal(err)
	}
	if ended != w.ended || len(w.slots)-len(w.free) > len(w.guests)-ended {
		t.Fatalf("%d slots, %d of them free, for %d clients, %d of them gone", len(w.slots), len(w.free), len(w.guests), ended)
	}
}

// all returns all topics that cursors of the loop may have.
func (w *world) all() []*tape {
	all := slices.Concat(w.tapes, w.bells)
	for _, g := range w.guests {
		all = append(all, g.cur.tape)
	}
	return all
}

// grouped checks that each subscriber is in the group of its topic, and that the topics of the groups are watched, and no other
// ones.
func (w *world) grouped() error {
	members := 0
	for topic, g := range w.groups {
		members += len(g.members)
		for i, p := range g.members {
			if p.cur.Topic() != topic || p.group != g || int(p.place) != i || w.slots[p.key.slot] != p {
				return fmt.Errorf("member %d of %d is in a wrong place", i, len(g.members))
			}
		}
		if len(g.members) == 0 || g.left > len(g.members) {
			return fmt.Errorf("a group of %d has %d members to visit", len(g.members), g.left)
		}
	}
	if members != len(w.slots)-len(w.free) {
		return fmt.Errorf("the groups have %d members, but %d slots are in use", members, len(w.slots)-len(w.free))
	}
	for _, topic := range w.all() {
		want := 0
		if w.groups[topic] != nil {
			want = 1
		}
		if topic.watches() != want {
			return fmt.Errorf("a topic has %d watches and not %d", topic.watches(), want)
		}
	}
	return nil
}

// orderly checks what a client received of so many events: whole heartbeats, and the numbers from 0 on in order, and nothing behind
// an end. Only the last line may be cut, while the stream runs.
func orderly(text string, events int) error {
	lines := strings.SplitAfter(text, "\n")
	next, over := 0, ""
	for i, line := range lines {
		whole := strings.HasSuffix(line, "\n")
		switch {
		case line == "" || !whole && i == len(lines)-1:
			continue
		case over != "":
			return fmt.Errorf("%q after the end", line)
		case line == ":\n", line == "word\n":
		case line == "old\n", line == "drain\n", line == "end\n", line == "ordered\n":
			over = line
		case line == strconv.Itoa(next)+"\n":
			next++
		default:
			return fmt.Errorf("%q in place of %d", line, next)
		}
	}
	if over == "end\n" && next != events {
		return fmt.Errorf("the end after %d of %d events", next, events)
	}
	return nil
}

// At the end every client that takes bytes has everything, and every other client is cut off.
func (w *world) finish(t *rapid.T) {
	w.pass(time.Minute) // clients that take nothing are cut off
	for _, g := range w.guests {
		if len(g.closed) == 0 {
			g.setRoom(-1)
		}
	}
	w.pass(w.settings.Heartbeat + resolution)
	for i, g := range w.guests {
		if len(g.closed) > 0 {
			continue
		}
		if n := len(g.cur.pieces); n > 0 && !strings.Contains(g.text(), fmt.Sprintf("%d\n", n-1)) {
			t.Fatalf("client %d has not got all of %d: %q", i, n, g.text())
		}
		last := g.seen()[len(g.seen())-1]
		if silence := w.at - last.at; silence > w.settings.Heartbeat+resolution {
			t.Fatalf("client %d had a silence of %v", i, silence)
		}
	}
	if live := w.ended < len(w.guests); live && w.drained {
		t.Fatalf("%d of %d have survived a drain", len(w.guests)-w.ended, len(w.guests))
	}
	w.inbox.put(func(m *mail) { m.closing = true })
	w.settle()
	w.check(t)
	if w.ended != len(w.guests) || len(w.groups) > 0 || len(w.free) != len(w.slots) {
		t.Fatalf("%d of %d ended, %d groups, %d of %d slots free", w.ended, len(w.guests), len(w.groups), len(w.free), len(w.slots))
	}
}

func TestWhateverHappensStreamsStayInOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		t.Repeat(w.actions())
		w.finish(t)
	})
}
