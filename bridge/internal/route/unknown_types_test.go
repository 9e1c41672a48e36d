package route

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// The names of unknown types come from the upstream, so their number is bounded.
func TestUnknownTypesAreBounded(t *testing.T) {
	var u UnknownTypes
	assert.Nil(t, u.Take())
	names, firsts := map[string]bool{}, 0
	for i := range 1000 {
		u.add(fmt.Sprintf("x/a.Type%d", i))
		if i%2 == 0 {
			continue
		}
		for _, news := range u.Take() {
			names[news.Name] = true
			if news.First {
				firsts++
			}
		}
	}
	assert.Len(t, names, maxUnknownTypes+1)
	assert.Equal(t, len(names), firsts, "each name is First once")
	assert.True(t, names[otherTypes])
	for range 1000 {
		u.add("x/a.Type1")
	}
	assert.LessOrEqual(t, len(u.Take()), maxUnknownPending, "types that are not taken do not accumulate")
	for _, url := range []string{"", "/", "x/", "x/a b", "x/a\nb", "x/" + strings.Repeat("a", 300)} {
		u.add(url)
		for _, news := range u.Take() {
			assert.Contains(t, []string{malformedType, otherTypes}, news.Name)
		}
	}
}
