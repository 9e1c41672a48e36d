package reading_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/internal/backoff"
	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/pump"
	"github.com/grpcsse/grpcsse/bridge/internal/reading"
)

// script is an upstream that plays its streams one after the other. After the last one it waits until the context ends.
type script []play

// play is one upstream stream.
type play struct {
	silent bool          // the stream ends before the upstream has accepted it
	opened bool          // the upstream says first that the request was sent
	events int           // how many events the stream brings
	stands time.Duration // how long the stream lasts
	fate   reading.Fate
	code   ending.Code
}

func (s *script) Run(ctx context.Context, a reading.Attempt, sink reading.Sink) reading.Result {
	p := play{stands: 1000 * time.Hour, code: ending.Canceled}
	if len(*s) > 0 {
		p, *s = (*s)[0], (*s)[1:]
	}
	if p.opened {
		sink.Opened()
	}
	if !p.silent {
		sink.Accepted(reading.Header{"attempt": {a.Cursor}})
	}
	for range p.events {
		if err := sink.Event(ctx, &reading.Event{}); err != nil {
			break
		}
	}
	select {
	case <-time.After(p.stands):
	case <-ctx.Done():
	}
	return reading.Result{Fate: p.fate, End: pump.NewEnd(ending.Refuse(p.code, ending.ByUpstream, ""), 0)}
}

// diary is an owner that writes down each call, and when it came.
type diary struct {
	cursor    string
	abandoned bool
	requests  bool // also write down when a request was sent

	mu    sync.Mutex
	began time.Time
	lines []string
}

func (d *diary) note(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, fmt.Sprintf("%v ", time.Since(d.began))+fmt.Sprintf(format, args...))
}

func (d *diary) Next(_ context.Context, reopening bool) reading.Attempt {
	d.note("open %q %v", d.cursor, reopening)
	return reading.Attempt{Cursor: d.cursor, HasCursor: d.cursor != "", Reopening: reopening}
}

func (d *diary) CursorRefused(context.Context) { d.cursor = ""; d.note("refused") }
func (d *diary) Opened() {
	if d.requests {
		d.note("sent")
	}
}
func (d *diary) Accepted(reading.Header)                           { d.note("accepted") }
func (d *diary) Event(ctx context.Context, _ *reading.Event) error { d.note("event"); return ctx.Err() }
func (d *diary) Abandoned() bool                                   { return d.abandoned }
func (d *diary) Reopened(by ending.Code)                           { d.note("reopened after %v", by) }
func (d *diary) Stale(by ending.Code)                              { d.note("stale %v", by) }
func (d *diary) Live()                                             { d.note("live") }
func (d *diary) read(ctx context.Context, r *reading.Reader) []string {
	d.began = time.Now()
	r.Owner = d
	end := r.Run(ctx)
	d.note("end %v", end.Ending.Code)
	time.Sleep(time.Hour) // no call may come after Run has returned
	return d.lines
}

// broken is an upstream stream that ends after a while, and may be opened again.
func broken(stands time.Duration, code ending.Code) play {
	return play{stands: stands, fate: reading.Broken, code: code}
}

func over(code ending.Code) play { return play{fate: reading.Over, code: code} }

func TestWhatFollowsTheEndOfAnUpstreamStream(t *testing.T) {
	const minute = time.Minute
	down := play{silent: true, fate: reading.Broken, code: ending.Unavailable}
	for name, tt := range map[string]struct {
		cursor    string
		abandoned bool
		streams   script
		maxAge    time.Duration
		lasts     time.Duration // until the context ends
		attempts  int
		want      []string
	}{
		"the stream is over": {
			streams: script{over(ending.NotFound)},
			want:    []string{`0s open "" false`, "0s accepted", "0s end NOT_FOUND"},
		},
		"the stream breaks before the upstream has ever accepted": {
			streams: script{down},
			want:    []string{`0s open "" false`, "0s end UNAVAILABLE"},
		},
		"the stream breaks": {
			streams: script{broken(minute, ending.Unavailable), over(ending.OK)},
			want: []string{
				`0s open "" false`, "0s accepted", "1m0s reopened after UNAVAILABLE", `1m0s open "" true`, "1m0s accepted", "1m0s end OK",
			},
		},
		"the attempts are used up": {
			attempts: 1,
			streams:  script{broken(0, ending.Unavailable), broken(0, ending.Internal)},
			want:     []string{`0s open "" false`, "0s accepted", "0s reopened after UNAVAILABLE", `0s open "" true`, "0s accepted", "0s end INTERNAL"},
		},
		"the stream breaks, and has no clients left": {
			abandoned: true,
			streams:   script{broken(0, ending.Unavailable)},
			want:      []string{`0s open "" false`, "0s accepted", "0s end UNAVAILABLE"},
		},
		"the cursor is refused": {
			cursor:  "7",
			streams: script{{silent: true, fate: reading.Refused, code: ending.OutOfRange}, over(ending.OK)},
			want:    []string{`0s open "7" false`, "0s refused", `0s open "" false`, "0s accepted", "0s end OK"},
		},
		"the cursor is refused, and the stream has no clients left": {
			cursor: "7", abandoned: true,
			streams: script{{silent: true, fate: reading.Refused, code: ending.OutOfRange}},
			want:    []string{`0s open "7" false`, "0s refused", "0s end OUT_OF_RANGE"},
		},
		"refused, without a cursor": {
			streams: script{{silent: true, fate: reading.Refused, code: ending.OutOfRange}},
			want:    []string{`0s open "" false`, "0s end OUT_OF_RANGE"},
		},
		"refused, after an event": {
			cursor:  "7",
			streams: script{{events: 1, fate: reading.Refused, code: ending.OutOfRange}},
			want:    []string{`0s open "7" false`, "0s accepted", "0s event", "0s end OUT_OF_RANGE"},
		},
		"the context ends": {
			streams: script{}, lasts: minute,
			want: []string{`0s open "" false`, "0s accepted", "1m0s end CANCELLED"},
		},
		"the context ends while the upstream refuses the cursor": {
			cursor: "7", streams: script{{silent: true, stands: time.Hour, fate: reading.Refused, code: ending.OutOfRange}}, lasts: minute,
			want: []string{`0s open "7" false`, "1m0s end OUT_OF_RANGE"},
		},
		"the context ends during the wait for the next attempt": {
			streams: script{broken(0, ending.Unavailable), down, down, down, down, down, down, down, down}, lasts: minute,
			want: []string{`0s open "" false`, "0s accepted", "0s reopened after UNAVAILABLE", `0s open "" true`},
		},
		"a stream that reaches its age does not count as broken": {
			streams: script{{stands: 1000 * time.Hour, fate: reading.Broken, code: ending.Canceled}, over(ending.OK)}, maxAge: minute,
			want: []string{`0s open "" false`, "0s accepted", "1m0s reopened after OK", `1m0s open "" true`, "1m0s accepted", "1m0s end OK"},
		},
		"a stream that reaches its age is replaced after every kind of end": {
			streams: script{{stands: 1000 * time.Hour, fate: reading.Over, code: ending.NotFound}, over(ending.OK)}, maxAge: minute,
			want: []string{`0s open "" false`, "0s accepted", "1m0s reopened after OK", `1m0s open "" true`, "1m0s accepted", "1m0s end OK"},
		},
		"an event counts as acceptance": {
			streams: script{{silent: true, events: 2, fate: reading.Broken, code: ending.Unavailable}, over(ending.OK)},
			want: []string{
				`0s open "" false`, "0s accepted", "0s event", "0s event", "0s reopened after UNAVAILABLE", `0s open "" true`, "0s accepted", "0s end OK",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx := t.Context()
				if tt.lasts > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, tt.lasts)
					defer cancel()
				}
				d := &diary{cursor: tt.cursor, abandoned: tt.abandoned}
				got := d.read(ctx, &reading.Reader{
					Upstream: &tt.streams, ReopenAfter: tt.maxAge, Backoff: backoff.Policy{Base: 1, Max: time.Hour, Attempts: tt.attempts},
				})
				if tt.lasts > 0 && len(tt.want) == 4 {
					got = got[:4]
				}
				assert.Len(t, got, len(tt.want))
				for i := range min(len(got), len(tt.want)) {
					requireLine(t, tt.want[i], got[i])
				}
			})
		})
	}
}

// requireLine compares a line of a diary with the expected line. The times may differ by the jitter.
func requireLine(t *testing.T, want, got string) {
	t.Helper()
	split := func(line string) (at time.Duration, what string) {
		var text string
		_, err := fmt.Sscan(line, &text)
		assert.NoError(t, err)
		at, err = time.ParseDuration(text)
		assert.NoError(t, err)
		return at, line[len(text)+1:]
	}
	wantAt, wantWhat := split(want)
	gotAt, gotWhat := split(got)
	assert.Equal(t, wantWhat, gotWhat)
	assert.InDelta(t, wantAt, gotAt, float64(wantAt)/4+float64(time.Millisecond), "%s and %s", want, got)
}

func TestTheOwnerIsToldOfALongGap(t *testing.T) {
	down := func(code ending.Code) play { return play{silent: true, fate: reading.Broken, code: code} }
	for name, tt := range map[string]struct {
		base    time.Duration // the base of the back-off, which is the length of the first gap
		streams script
		want    []string
	}{
		"a short gap is not told": {
			3 * time.Second,
			script{broken(0, ending.Unavailable), broken(time.Hour, ending.Unavailable), over(ending.OK)},
			nil,
		},
		"a long gap is told": {
			7 * time.Second,
			script{broken(0, ending.Unavailable), over(ending.OK)},
			[]string{"stale UNAVAILABLE", "live"},
		},
		"two long gaps are told": {
			7 * time.Second,
			script{broken(0, ending.Unavailable), broken(time.Hour, ending.Internal), over(ending.OK)},
			[]string{"stale UNAVAILABLE", "live", "stale INTERNAL", "live"},
		},
		"a gap with several attempts is told once, with the newest code": {
			time.Second,
			script{broken(0, ending.Unavailable), down(ending.Internal), down(ending.Aborted), down(ending.Unknown), down(ending.Unknown), over(ending.OK)},
			[]string{"stale ABORTED", "live"},
		},
		"a short gap after a long gap is not told": {
			time.Second,
			script{
				broken(0, ending.Unavailable), down(ending.Unavailable), down(ending.Unavailable), broken(time.Hour, ending.Internal),
				broken(time.Hour, ending.Internal), over(ending.OK),
			},
			[]string{"stale UNAVAILABLE", "live"},
		},
		"the stream ends in a gap that was told": {
			7 * time.Second,
			script{broken(0, ending.Unavailable), {silent: true, fate: reading.Over, code: ending.NotFound}},
			[]string{"stale UNAVAILABLE"},
		},
		"the stream ends at the beginning of a gap": {
			time.Second,
			script{broken(0, ending.Unavailable), {silent: true, fate: reading.Over, code: ending.NotFound}},
			nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := &diary{}
				var got []string
				for _, line := range d.read(t.Context(), &reading.Reader{Upstream: &tt.streams, Backoff: backoff.Policy{Base: tt.base, Max: time.Minute}}) {
					var at, what, code string
					_, _ = fmt.Sscan(line, &at, &what, &code)
					switch what {
					case "stale":
						got = append(got, "stale "+code)
					case "live":
						got = append(got, "live")
					}
				}
				assert.Equal(t, tt.want, got)
			})
		})
	}
}

func TestAnOKEndAfterEventsDoesNotCountAsAFailedAttempt(t *testing.T) {
	for name, tt := range map[string]struct {
		code   ending.Code
		events int
		opens  int
	}{
		"with events":                      {ending.OK, 1, 20},
		"without events":                   {ending.OK, 0, 3},
		"with an error after an event":     {ending.Unavailable, 1, 3},
		"with an error and without events": {ending.Unavailable, 0, 3},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var streams script
				for range 19 {
					streams = append(streams, play{events: tt.events, fate: reading.Broken, code: tt.code})
				}
				streams = append(streams, over(ending.OK))
				opens := 0
				for _, line := range (&diary{}).read(t.Context(), &reading.Reader{
					Upstream: &streams, Backoff: backoff.Policy{Base: time.Second, Max: time.Minute, Attempts: 2},
				}) {
					var at, what string
					_, _ = fmt.Sscan(line, &at, &what)
					if what == "open" {
						opens++
					}
				}
				assert.Equal(t, tt.opens, opens)
			})
		})
	}
}

func TestTheOwnerIsToldOnceThatARequestWasSent(t *testing.T) {
	down := play{silent: true, fate: reading.Broken, code: ending.Unavailable}
	unanswered := down
	unanswered.opened = true
	for name, tt := range map[string]struct {
		play play
		want []string
	}{
		"the request could not be sent":                {down, []string{`0s open "" false`, "0s end UNAVAILABLE"}},
		"the upstream has not answered":                {unanswered, []string{`0s open "" false`, "0s sent", "0s end UNAVAILABLE"}},
		"the upstream has accepted":                    {over(ending.OK), []string{`0s open "" false`, "0s sent", "0s accepted", "0s end OK"}},
		"the upstream has accepted after a wait":       {play{opened: true}, []string{`0s open "" false`, "0s sent", "0s accepted", "0s end OK"}},
		"an event says that the upstream has accepted": {play{events: 1}, []string{`0s open "" false`, "0s sent", "0s accepted", "0s event", "0s end OK"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := &diary{requests: true}
				assert.Equal(t, tt.want, d.read(t.Context(), &reading.Reader{Upstream: &script{tt.play}}))
			})
		})
	}
}

// A persistent reader repeats its first attempt, too. The owner is told of each attempt whose request was sent.
func TestAPersistentReaderRepeatsItsFirstAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		down := play{silent: true, opened: true, fate: reading.Broken, code: ending.Unavailable}
		d := &diary{requests: true, cursor: "7"}
		r := &reading.Reader{
			Upstream: &script{down, over(ending.OK)}, Persistent: true,
			Backoff: backoff.Policy{Base: time.Second, Max: time.Second},
		}
		got := d.read(t.Context(), r)
		require.Len(t, got, 7)
		assert.Equal(t, []string{`0s open "7" false`, "0s sent"}, got[:2])
		for i, want := range []string{"reopened", `open "7" false`, "sent", "accepted", "end OK"} {
			assert.Contains(t, got[2+i], want)
		}
	})
}
