package access

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"
)

func TestAFloodIsSampled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s sampler
		s.set(100, time.Second)
		written, told := 0, 0
		flood := func(n int) {
			for range n {
				if leftOut, ok := s.admit(time.Now()); ok {
					written, told = written+1, told+leftOut
				}
			}
		}
		flood(100)
		assert.Equal(t, 100, written, "the rate")
		flood(99)
		assert.Equal(t, 100, written, "above the rate")
		flood(1)
		assert.Equal(t, 101, written, "one in a hundred")
		assert.Equal(t, 99, told)
		flood(10_050)
		assert.Equal(t, 201, written)
		time.Sleep(time.Second - 1)
		flood(1)
		assert.Equal(t, 201, written, "the window is not over")
		time.Sleep(time.Nanosecond)
		flood(1)
		assert.Equal(t, 202, written, "a new window")
		assert.Equal(t, 202+told, 100+99+1+10_050+2, "each line was written or counted")
		time.Sleep(time.Hour)
		flood(100)
		assert.Equal(t, 302, written)
	})
}

func TestWithoutARateEveryLineIsWritten(t *testing.T) {
	var s sampler
	for range 10_000 {
		leftOut, ok := s.admit(time.Unix(0, 0))
		assert.True(t, ok)
		assert.Zero(t, leftOut)
	}
}

// Each line is written, or counted in a later one or at the end. In each window, not much more than the rate is written.
func TestEveryLineCounts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s sampler
		now := time.Unix(1_000_000, 0)
		lines, accounted := 0, 0
		for range rapid.IntRange(1, 50).Draw(t, "steps") {
			count, per := rapid.IntRange(0, 20).Draw(t, "count"), time.Duration(rapid.IntRange(1, 3).Draw(t, "per"))*time.Second
			s.set(count, per)
			now = now.Add(time.Duration(rapid.IntRange(0, 3000).Draw(t, "pause")) * time.Millisecond)
			n := rapid.IntRange(1, 500).Draw(t, "lines")
			written := 0
			for range n {
				if leftOut, ok := s.admit(now); ok {
					written++
					accounted += 1 + leftOut
				}
			}
			lines += n
			if count == 0 && written != n {
				t.Fatalf("without a rate, %d of %d lines were written", written, n)
			}
			if most := count + n/share + 1; count > 0 && written > most {
				t.Fatalf("%d of %d lines were written, %d at most were expected", written, n, most)
			}
		}
		if accounted += s.close(); accounted != lines {
			t.Fatalf("%d of %d lines are accounted for", accounted, lines)
		}
	})
}
