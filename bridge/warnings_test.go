package bridge

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
		w.once("a", "said")
	}
	assert.Equal(t, 1, strings.Count(text.String(), "said"))

	now := time.Now()
	assert.False(t, w.begin("a", now.Add(warnAgain-time.Minute)))
	assert.True(t, w.begin("a", now.Add(warnAgain+time.Minute)), "an hour later it is news again")
	said := 0
	for i := range 10 * warningsKept {
		if w.begin("b"+strconv.Itoa(i), now.Add(2*warnAgain)) {
			said++
		}
	}
	assert.Less(t, said, warningsKept+1)
	assert.LessOrEqual(t, len(w.said), warningsKept)
	assert.True(t, w.begin("c", now.Add(4*warnAgain)), "old ones make room")
	long := strings.Repeat("x", 1000)
	assert.True(t, w.begin(long, now.Add(8*warnAgain)))
	for key := range w.said {
		assert.Less(t, len(key), 300, "what a client sends is not kept whole")
	}
}
