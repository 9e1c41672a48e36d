package probe

import (
	"hash/maphash"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

// late is a body whose parts arrive a second after one another, the first one too.
type late struct{ parts []string }

func (l *late) Read(p []byte) (int, error) {
	if len(l.parts) == 0 {
		return 0, io.EOF
	}
	time.Sleep(time.Second) // of fake time
	n := copy(p, l.parts[0])
	l.parts = l.parts[1:]
	return n, nil
}

// The wait for the first bytes is no pause of the stream: a server may wait for its upstream, and then send all that is known.
func TestWhatAStreamBeginsWithIsNoLump(t *testing.T) {
	const lump, beats = "data: 1\n\ndata: 2\n\ndata: 3\n\n", ":\n:\n"
	for name, tt := range map[string]struct {
		parts                         []string
		pauses, bursts, beats, clumps int
	}{
		"events first":   {parts: []string{lump, lump, lump}, pauses: 2, bursts: 2},
		"comments first": {parts: []string{beats, beats}, pauses: 1, beats: 1, clumps: 1},
		"one part":       {parts: []string{lump + beats}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &look{names: map[string]bool{}}
				began := time.Now()
				looker{seed: maphash.MakeSeed()}.read(&late{tt.parts}, s, began, func(*look) bool { return false })
				assert.Equal(t, []int{tt.pauses, tt.bursts, tt.beats, tt.clumps}, []int{s.pauses, s.bursts, s.beats, s.clumps})
				assert.Equal(t, time.Second, s.first)
				assert.Equal(t, time.Second, s.silence, "the wait counts as silence")
				assert.True(t, s.ended)
			})
		})
	}
}
