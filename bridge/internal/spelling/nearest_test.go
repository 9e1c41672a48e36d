package spelling_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"

	"github.com/grpcsse/grpcsse/bridge/internal/spelling"
)

func TestNearest(t *testing.T) {
	methods := []string{"WatchQuotes", "WatchTrades", "Get"}
	tests := []struct {
		word, want string
		candidates []string
	}{
		{"WatchQuote", "WatchQuotes", methods},
		{"watchquotes", "WatchQuotes", methods},
		{"WacthTrades", "WatchTrades", methods},
		{"Gte", "Get", methods},
		{"Subscribe", "", methods},
		{"", "", methods},
		{"x", "", nil},
		{"ab", "aa", []string{"aa", "ac"}}, // the first of equals
		{"id", "ic", []string{"ic", "xy"}},
		{"demo.market.MarketService", "demo.market.v1.MarketService", []string{"grpc.health.v1.Health", "demo.market.v1.MarketService"}},
		{"Überall", "überall", []string{"überall"}},
		{strings.Repeat("a", 1000), "", []string{strings.Repeat("a", 999)}},
	}
	for _, tt := range tests {
		assert.Equal(t, tt.want, spelling.Nearest(tt.word, tt.candidates), tt.word)
	}
}

func TestNearestForgivesOneMistake(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.StringMatching(`[a-z]{3,20}`).Draw(t, "word")
		at := rapid.IntRange(0, len(word)-1).Draw(t, "at")
		mistakes := []string{
			word[:at] + word[at+1:],
			word[:at] + "x" + word[at:],
			word[:at] + "x" + word[at+1:],
			word[:at] + word[at+1:min(at+2, len(word))] + word[at:at+1] + word[min(at+2, len(word)):],
		}
		for _, mistake := range mistakes {
			if got := spelling.Nearest(mistake, []string{"0123456789", word}); got != word {
				t.Fatalf("%q: got %q, want %q", mistake, got, word)
			}
		}
	})
}
