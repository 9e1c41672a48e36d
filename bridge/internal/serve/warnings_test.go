package serve

import (
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestAWarningIsSaidOnceAndTheirNumberIsBounded(t *testing.T) {
	var text strings.Builder
	w := warnings{log: slog.New(slog.NewTextHandler(&text, nil))}
	for range 10 {
		w.once("host", "a", "said")
	}
	assert.Equal(t, 1, strings.Count(text.String(), "said"))

	now := time.Now()
	begin := func(thing string, after time.Duration) bool {
		say, _ := w.begin("host", thing, now.Add(after))
		return say
	}
	assert.False(t, begin("a", warnAgain-time.Minute))
	assert.True(t, begin("a", warnAgain+time.Minute), "an hour later it is news again")
	said, lasts := 0, 0
	for i := range 10 * warningsKept {
		say, last := w.begin("host", "b"+strconv.Itoa(i), now.Add(3*warnAgain))
		if say {
			said++
		}
		if last {
			lasts++
		}
	}
	assert.Equal(t, warningsKept, said)
	assert.Equal(t, 1, lasts, "one of them says that more are not logged")
	assert.Len(t, w.said["host"], warningsKept)
	other, _ := w.begin("origin /watch", "a", now.Add(3*warnAgain))
	assert.True(t, other, "made-up things of one kind hide no other kind")
	assert.True(t, begin("c", 5*warnAgain), "old ones make room")
	long := strings.Repeat("x", 1000)
	assert.True(t, begin(long, 8*warnAgain))
	for key := range w.said["host"] {
		assert.Less(t, len(key), 300, "what a client sends is not kept whole")
	}
}
