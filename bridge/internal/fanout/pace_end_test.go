package fanout_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/internal/fanout"
	"github.com/grpcsse/grpcsse/bridge/internal/reading"
	"github.com/grpcsse/grpcsse/bridge/internal/replay"
)

// However a stream ends, its end comes at once, behind the events that have waited.
func TestAnEndComesAtOnceBehindWhatHasWaited(t *testing.T) {
	for name, end := range map[string]func(w *world, up *attempt){
		"of the upstream": func(_ *world, up *attempt) { up.end(reading.Over, "over") },
		"of the process": func(w *world, _ *attempt) {
			end := closed()
			end.Ending.Reason = "over"
			w.registry.Close(end)
			after(0)
		},
	} {
		for waiting, want := range map[int]string{0: "[10ms [end: over]]", 1: "[10ms [1 end: over]]", 3: "[10ms [1 2 3 end: over]]"} {
			t.Run(fmt.Sprint(name, ", ", waiting, " wait"), func(t *testing.T) {
				s := paced(false)
				s.Pace.Every = time.Hour
				inPacedWorld(t, s, func(w *world, p *page, up *attempt) {
					one := w.join(fanout.Newcomer{})
					one.read()
					require.NoError(t, up.send("0#0"))
					after(10 * ms)
					require.Equal(t, []string{"0s [0]"}, p.news())
					require.Equal(t, []string{"0"}, one.read())
					for i := range waiting {
						require.NoError(t, up.send(fmt.Sprint(i+1, "#", i+1)))
					}
					require.Empty(t, p.news())
					end(w, up)
					assert.Equal(t, want, fmt.Sprint(p.news()), "it was called, and read all")
					for i := range waiting {
						pieces, end := one.Peek(nil, 1)
						require.Len(t, pieces, 1)
						require.Equal(t, fmt.Sprint(i+1), one.textOf(string(pieces[0])))
						require.Equal(t, i == waiting-1, end != nil, "the end is behind the last event")
						one.Advance(1)
					}
				})
			})
		}
	}
}

// Where so much waits that the log may lose some of it, the round begins with the event that makes it so much, and not before it.
func TestACrowdBeginsTheNextRound(t *testing.T) {
	for name, tt := range map[string]struct {
		bounds replay.Bounds
		most   int // how many events may wait
	}{
		"events":           {replay.Bounds{Events: 20}, 5},
		"events, few":      {replay.Bounds{Events: 8}, 2},
		"bytes":            {replay.Bounds{Bytes: 20_000}, 0},
		"neither is short": {replay.Bounds{Events: 1000, Bytes: 1 << 20}, 100},
	} {
		t.Run(name, func(t *testing.T) {
			s := paced(false)
			s.Bounds, s.Pace.Every = tt.bounds, time.Hour
			inPacedWorld(t, s, func(_ *world, p *page, up *attempt) {
				require.NoError(t, up.send("0#0"))
				require.Equal(t, []string{"0s [0]"}, p.news())
				waited := 0
				for i := 1; i <= 100 && len(p.log) == p.last; i++ {
					require.NoError(t, up.send(fmt.Sprint(i, "#", i)))
					waited = i
				}
				if news := p.news(); tt.most < 100 {
					require.Len(t, news, 1, "without any time")
					if tt.most > 0 {
						assert.Equal(t, tt.most+1, waited)
					}
					assert.Less(t, waited, 100)
					assert.Len(t, p.all, waited+1, "with all that has waited")
				} else {
					assert.Empty(t, news)
				}
			})
		})
	}
}
