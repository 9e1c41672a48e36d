package crowd

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"
)

func TestSeries(t *testing.T) {
	tests := map[string]struct {
		ids  []string // "reset" and "@7", a place, stand for the words of the server
		want Ledger
	}{
		"nothing":             {nil, Ledger{}},
		"in order":            {[]string{"7", "8", "9"}, Ledger{}},
		"one left out":        {[]string{"7", "9"}, Ledger{Gaps: 1}},
		"many left out":       {[]string{"7", "1007"}, Ledger{Gaps: 999}},
		"twice":               {[]string{"7", "8", "8", "9"}, Ledger{Repeats: 1}},
		"all again":           {[]string{"7", "8", "7", "8", "9"}, Ledger{Repeats: 2}},
		"swapped":             {[]string{"7", "9", "8", "10"}, Ledger{Disorders: 1}},
		"late, and again":     {[]string{"7", "9", "8", "8"}, Ledger{Disorders: 1, Repeats: 1}},
		"from before":         {[]string{"7", "6", "8"}, Ledger{Disorders: 1}},
		"very late":           {[]string{"7", "80", "10", "81"}, Ledger{Gaps: 72, Repeats: 1}},
		"not a number":        {[]string{"7", "epoch-3", "", "8"}, Ledger{Disorders: 2}},
		"left out, and told":  {[]string{"7", "reset", "9", "10"}, Ledger{Resets: 1}},
		"from 1 on, and told": {[]string{"7", "reset", "1", "2"}, Ledger{Resets: 1}},
		"again, and told":     {[]string{"7", "reset", "7", "8"}, Ledger{Resets: 1}},
		"behind a place":      {[]string{"@7", "8", "9"}, Ledger{}},
		"left out there":      {[]string{"@7", "9", "10"}, Ledger{Gaps: 1}},
		"the place again":     {[]string{"@7", "7", "8"}, Ledger{Repeats: 1}},
		"told, and a place":   {[]string{"7", "reset", "@9", "11"}, Ledger{Resets: 1, Gaps: 1}},
		"a place in between":  {[]string{"7", "@9", "10"}, Ledger{Gaps: 2}},
		"a place unknown":     {[]string{"@", "7", "8"}, Ledger{}},
		"left out after that": {[]string{"7", "reset", "9", "11"}, Ledger{Resets: 1, Gaps: 1}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var s series
			var found Ledger
			for _, id := range test.ids {
				if place, ok := strings.CutPrefix(id, "@"); ok {
					s.place(place)
				} else if id == "reset" {
					s.reset(&found)
				} else {
					s.take(id, &found)
				}
			}
			assert.Equal(t, test.want, found)
		})
	}
}

// What is lost and what is sent twice is counted exactly, wherever it is.
func TestSeriesCountsLossAndRepetition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		times := rapid.SliceOfN(rapid.IntRange(0, 3), 0, 200).Draw(t, "how often each number comes")
		var s series
		var found, want Ledger
		s.take("1000", &found)
		missing := int64(0)
		for i, n := range times {
			for range n {
				s.take(itoa(1001+i), &found)
			}
			if n == 0 {
				missing++
				continue
			}
			want.Gaps += missing
			want.Repeats += int64(n - 1)
			missing = 0
		}
		assert.Equal(t, want, found)
	})
}
