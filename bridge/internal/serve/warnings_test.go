package serve

import (
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestAWarningIsLoggedOnceAndTheNumberOfWarningsIsBounded(t *testing.T) {
	var text strings.Builder
	w := warnings{log: slog.New(slog.NewTextHandler(&text, nil))}
	for range 10 {
		w.once("host", "a", "said")
	}
	assert.Equal(t, 1, strings.Count(text.String(), "said"))

	now := time.Now()
	admit := func(subject string, after time.Duration) bool {
		ok, _ := w.admit("host", subject, now.Add(after))
		return ok
	}
	assert.False(t, admit("a", warnAgain-time.Minute))
	assert.True(t, admit("a", warnAgain+time.Minute), "after an hour the warning is logged again")
	logged, lasts := 0, 0
	for i := range 10 * warningsKept {
		ok, last := w.admit("host", "b"+strconv.Itoa(i), now.Add(3*warnAgain))
		if ok {
			logged++
		}
		if last {
			lasts++
		}
	}
	assert.Equal(t, warningsKept, logged)
	assert.Equal(t, 1, lasts, "the last warning says that more are not logged")
	assert.Len(t, w.logged["host"], warningsKept)
	other, _ := w.admit("origin /watch", "a", now.Add(3*warnAgain))
	assert.True(t, other, "made-up subjects of one kind do not hide another kind")
	assert.True(t, admit("c", 5*warnAgain), "old subjects make room")
	long := strings.Repeat("x", 1000)
	assert.True(t, admit(long, 8*warnAgain))
	for key := range w.logged["host"] {
		assert.Less(t, len(key), 300, "only the beginning of a long subject is kept")
	}
}
