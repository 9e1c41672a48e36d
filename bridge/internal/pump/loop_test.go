package pump

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/frame"
)

func TestAPieceThatIsCutAnywhereStaysWhole(t *testing.T) {
	s := &Settings{Comment: []byte(":\n"), Retry: 5 * time.Second, Form: frame.Form{Chunked: true}}
	const header = "HTTP/1.1 200 OK\r\n\r\n"
	whole := header + "c\r\nretry: 5000\n\r\n6\r\nabcdef\r\n3\r\nghi\r\n5\r\nbye\n\n\r\n0\r\n\r\n"
	for first := range len(whole) + 1 {
		events := new(tape)
		events.put("6\r\nabcdef\r\n", "3\r\nghi\r\n")
		events.finish(End{Ending: because("upstream"), Frame: []byte("bye\n\n")})
		r := newRig()
		g := r.joinBehind(header, events, s)
		g.room = first
		r.settle()
		assert.Equal(t, whole[:min(first, len(header))], g.text()[:min(first, len(header))])
		g.setRoom(-1)
		r.settle()
		assert.Regexp(t, `\AHTTP/1.1 200 OK\r\n\r\nc\r\nretry: \d+\n\r\n6\r\nabcdef\r\n3\r\nghi\r\n5\r\nbye\n\n\r\n0\r\n\r\n\z`,
			g.text(), "cut after %d bytes", first)
		require.Len(t, g.outcomes, 1)
		assert.Equal(t, ending.Reason("upstream"), g.outcomes[0].Reason)
		assert.Equal(t, 2, g.outcomes[0].Events)
		assert.Equal(t, int64(len(whole)-len(header)), g.outcomes[0].Bytes, "the header is no part of the body")
		assert.Equal(t, []closing{gracefully}, g.closed)
	}
}

// The header of a response costs no write of its own, and a client whose stream has no event gets it at once.
func TestTheHeaderGoesOutWithTheOpening(t *testing.T) {
	const header = "HTTP/1.1 200 OK\r\n\r\n"
	over := End{Ending: because("upstream"), Frame: []byte("bye\n\n")}
	for name, tt := range map[string]struct {
		settings Settings
		events   []string
		end      *End
		want     string
	}{
		"silence":             {Settings{Comment: []byte(":\n")}, nil, nil, header + ":\n"},
		"silence, mute":       {Settings{Mute: true}, nil, nil, header},
		"events":              {Settings{Comment: []byte(":\n")}, []string{"a\n\n", "b\n\n"}, nil, header + "a\n\nb\n\n"},
		"an end that is all":  {Settings{Comment: []byte(":\n")}, nil, &over, header + "bye\n\n"},
		"an event and an end": {Settings{Form: frame.Form{Chunked: true}}, []string{"1\r\na\r\n"}, &over, header + "1\r\na\r\n5\r\nbye\n\n\r\n0\r\n\r\n"},
	} {
		t.Run(name, func(t *testing.T) {
			events, r := new(tape), newRig()
			events.put(tt.events...)
			if tt.end != nil {
				events.finish(*tt.end)
			}
			meter := new(Meter)
			tt.settings.Meter = meter
			g := r.joinBehind(header, events, &tt.settings)
			r.settle()
			require.Len(t, g.seen(), 1)
			assert.Equal(t, tt.want, g.text())
			_, bytes := meter.Written()
			assert.Equal(t, int64(len(tt.want)-len(header)), bytes)
		})
	}
}

// A client that takes nothing is cut off although it has not got the header.
func TestAClientThatDoesNotTakeTheHeaderIsCutOff(t *testing.T) {
	r := newRig()
	g := r.joinBehind("HTTP/1.1 200 OK\r\n\r\n", new(tape), patience())
	g.room = 3
	r.pass(patience().WriteTimeout + 3*time.Second)
	assert.Equal(t, "HTT", g.text())
	require.Len(t, g.outcomes, 1)
	assert.Equal(t, Outcome{Reason: ending.BySlow, Err: errStalled}, g.outcomes[0])
	assert.Equal(t, []closing{atOnce}, g.closed)
}

// A client may take as few bytes at a time as it likes. It gets everything, once and in order, although its cursor overwrites
// the pieces that it has shown before.
func TestWhateverAClientTakesItGetsAll(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		events, r := new(tape), newRig()
		g := r.join(events, &Settings{Comment: []byte(":\n"), Form: frame.Form{Chunked: rapid.Bool().Draw(t, "chunked")}})
		g.room = rapid.IntRange(0, 10).Draw(t, "first")
		pieces, want := 0, ""
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			for range rapid.IntRange(0, 100).Draw(t, "pieces") {
				pieces++
				piece := fmt.Sprintf("<%d>", pieces)
				events.put(piece)
				want += piece
			}
			r.once()
			g.setRoom(rapid.IntRange(-1, 50).Draw(t, "room"))
		}
		events.finish(End{Ending: because("upstream"), Frame: []byte("end")})
		g.setRoom(-1)
		r.settle()
		got := strings.NewReplacer("2\r\n:\n\r\n", "", ":\n", "", "3\r\nend\r\n0\r\n\r\n", "end").Replace(g.text())
		if got != want+"end" {
			t.Fatalf("sent %q, got %q", want+"end", got)
		}
		if len(g.outcomes) != 1 || g.outcomes[0].Events != pieces || g.outcomes[0].Bytes != int64(len(g.text())) {
			t.Fatalf("%d pieces, %d bytes: %+v", pieces, len(g.text()), g.outcomes)
		}
	})
}

func TestAnEndThatDoesNotFitFollowsTheCutPieceAndNothingElse(t *testing.T) {
	events, r := new(tape), newRig()
	s := &Settings{MaxAge: time.Second, AgeEnd: End{Ending: because("max_age"), Frame: []byte("old")}, WriteTimeout: time.Minute}
	g := r.join(events, s)
	events.put("first")
	r.settle()
	g.setRoom(0)
	events.put("second") // the client does not take it
	r.settle()
	g.setRoom(3)
	r.pass(2 * time.Second)
	assert.Equal(t, "firstsec", g.text())
	events.put("third", "fourth")
	g.setRoom(3 + 2)
	r.settle()
	assert.Equal(t, "firstsecondth", g.text(), "what is ready is tried once")
	events.put("fifth")
	g.setRoom(-1)
	r.settle()
	assert.Equal(t, "firstsecondthirdold", g.text())
	require.Len(t, g.outcomes, 1)
	out := g.outcomes[0]
	require.NotNil(t, out.End)
	assert.Equal(t, "old", string(out.End.Frame), "what it was told")
	out.End = nil
	assert.Equal(t, Outcome{Reason: "max_age", Events: 3, Bytes: int64(len(g.text()))}, out)
}

func TestWhatTheLoopSaysIsNotMixedUp(t *testing.T) {
	r := newRig()
	first := r.join(new(tape), &Settings{Comment: []byte(": first\n")})
	first.room = 4
	r.settle()
	second := r.join(new(tape), &Settings{Comment: []byte(": next\n")})
	r.settle()
	first.setRoom(-1)
	r.settle()
	assert.Equal(t, ": first\n", first.text())
	assert.Equal(t, ": next\n", second.text())
}

func TestATimeFarAwayIsKept(t *testing.T) {
	r := newRig()
	g := r.join(new(tape), &Settings{MaxAge: 24 * time.Hour, AgeEnd: End{Ending: because("max_age"), Frame: []byte("old")}})
	r.pass(19 * time.Hour)
	assert.Empty(t, g.outcomes)
	r.pass(5*time.Hour + resolution)
	assert.Len(t, g.outcomes, 1)
}

func TestAGoodbyeWaitsNoLongerThanTheWriteTimeout(t *testing.T) {
	r := newRig()
	s := &Settings{MaxAge: time.Second, AgeEnd: End{Ending: because(""), Frame: []byte("old")}, WriteTimeout: 10 * time.Second}
	g := r.join(new(tape), s)
	g.room = 1
	r.pass(10 * time.Second)
	assert.Equal(t, "o", g.text())
	assert.Empty(t, g.outcomes)
	r.pass(2 * time.Second)
	require.Len(t, g.outcomes, 1)
	assert.Equal(t, ending.BySlow, g.outcomes[0].Reason)
	assert.Equal(t, []closing{atOnce}, g.closed)
}

func TestAClientThatTakesALittleInTimeStays(t *testing.T) {
	events, r := new(tape), newRig()
	g := r.join(events, &Settings{WriteTimeout: 10 * time.Second})
	g.room = 0
	events.put(strings.Repeat("x", 1000))
	for range 100 {
		r.pass(9 * time.Second)
		g.setRoom(1)
	}
	r.settle()
	assert.Len(t, g.text(), 100)
	assert.Empty(t, g.outcomes)
}

func TestNothingIsDueWhileAClientTakesNothing(t *testing.T) {
	events, r := new(tape), newRig()
	g := r.join(events, &Settings{Comment: []byte(":\n"), Heartbeat: time.Second}) // without a write timeout
	events.put("xxxx")
	g.room = 2
	r.settle()
	for range 3 {
		r.at += 10 * time.Second // heartbeats would have been due
		assert.Equal(t, never, r.settle(), "it is not looked at again and again")
	}
	g.setRoom(-1)
	r.settle()
	assert.Equal(t, "xxxx", g.text(), "nor does a heartbeat cut into its event")
	assert.Equal(t, r.at+time.Second, r.settle().Truncate(time.Second), "then heartbeats are due again")
}

func TestAnEventWithoutRoomGivesNoTime(t *testing.T) {
	r := newRig()
	g := r.join(new(tape), &Settings{Comment: []byte(":\n"), WriteTimeout: 10 * time.Second})
	g.room = 0
	for range 6 {
		r.pass(2 * time.Second)
		g.tell(event{key: g.key, writable: true})
	}
	require.Len(t, g.outcomes, 1)
	assert.Equal(t, ending.BySlow, g.outcomes[0].Reason)
}

// A socket may take nothing for a long time although the client takes bytes.
func TestAClientThatAcknowledgesALittleInTimeStays(t *testing.T) {
	events, r := new(tape), newRig()
	g := r.join(events, &Settings{WriteTimeout: 10 * time.Second})
	g.room, g.waiting = 0, 100
	events.put("x")
	for range 10 {
		r.pass(9 * time.Second)
		g.waiting--
	}
	assert.Empty(t, g.outcomes)
	r.pass(12 * time.Second)
	require.Len(t, g.outcomes, 1)
	assert.Equal(t, ending.BySlow, g.outcomes[0].Reason)
}

// A group whose topic changes while its client is blocked does not visit the client. The client's own event brings the visit.
func TestABlockedClientIsNotWrittenTo(t *testing.T) {
	events, r := new(tape), newRig()
	g := r.join(events, &Settings{Comment: []byte(":\n"), Heartbeat: time.Second})
	g.room = 1
	r.settle()
	tries := len(g.seen())
	g.mu.Lock()
	g.room = -1 // the loop is not told
	g.mu.Unlock()
	events.put("a")
	r.pass(10 * time.Second)
	assert.Len(t, g.seen(), tries, "no event, no heartbeat")
	g.setRoom(-1)
	r.settle()
	assert.Equal(t, ":\na", g.text())
}

func TestAnEventOfAnEarlierSocketMeansNothing(t *testing.T) {
	events, r := new(tape), newRig()
	first := r.join(events, new(Settings))
	r.settle()
	first.leave(nil)
	r.settle()
	second := r.join(events, new(Settings))
	r.settle()
	require.Equal(t, first.key.slot, second.key.slot, "the slot is used again")
	first.leave(nil) // the event of an earlier socket
	r.settle()
	assert.Empty(t, second.outcomes)
	assert.Len(t, first.outcomes, 1, "the outcome is told once")
}

func TestAClientThatLeavesIsNoticed(t *testing.T) {
	for name, tt := range map[string]struct {
		room   int
		fault  error
		reason ending.Reason
	}{
		"idle":               {room: -1, reason: ending.ByGone},
		"blocked":            {room: 1, reason: ending.ByGone},
		"by a reset":         {room: 1, fault: syscall.ECONNRESET, reason: ending.ByGone},
		"it answers no more": {room: -1, fault: syscall.ETIMEDOUT, reason: ending.BySlow},
	} {
		t.Run(name, func(t *testing.T) {
			events, r := new(tape), newRig()
			g := r.join(events, &Settings{Comment: []byte(":\n")})
			g.room = tt.room
			r.settle()
			g.leave(tt.fault)
			r.settle()
			require.Len(t, g.outcomes, 1)
			assert.Equal(t, tt.reason, g.outcomes[0].Reason)
			assert.ErrorIs(t, g.outcomes[0].Err, tt.fault)
			assert.Len(t, g.closed, 1)
			assert.Empty(t, events.watchers, "a topic without subscribers has no watchers")
			assert.Empty(t, r.groups)
		})
	}
}

func TestATopicIsWatchedOnce(t *testing.T) {
	events, r := new(tape), newRig()
	var guests []*guest
	for range 1000 {
		guests = append(guests, r.join(events, new(Settings)))
	}
	r.settle()
	assert.Equal(t, 1, events.watched)
	events.put("a")
	events.put("b")
	r.settle()
	for _, g := range guests {
		require.Equal(t, "ab", g.text())
		require.Len(t, g.seen(), 1, "one write")
	}
}

func TestCloseEndsAllThatIsParked(t *testing.T) {
	events, r := new(tape), newRig()
	here := r.join(events, new(Settings))
	r.settle()
	late := r.join(events, new(Settings))
	r.inbox.put(func(m *mail) { m.closing = true })
	r.settle()
	later := r.join(events, new(Settings))
	r.settle()
	for _, g := range []*guest{here, late, later} {
		require.Len(t, g.outcomes, 1)
		assert.Equal(t, ending.ByGone, g.outcomes[0].Reason)
		assert.Len(t, g.closed, 1)
	}
	assert.Equal(t, 3, r.ended)
	assert.Empty(t, events.watchers)
}
