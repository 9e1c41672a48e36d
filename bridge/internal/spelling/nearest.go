// Package spelling guesses which of some words a person meant.
package spelling

import (
	"strings"
	"unicode/utf8"
)

// longestWord bounds, in characters, what [Nearest] compares: a longer word is no typing error.
const longestWord = 200

// Nearest returns the candidate that word is most likely a misspelling of, or "" where none comes close. Case does not
// count. Two words are close when at most a third of the characters, or one, were changed, added, left out or swapped with their
// neighbour. Of several candidates that are equally close, the first is returned.
func Nearest[T ~string](word string, candidates []T) T {
	length := utf8.RuneCountInString(word)
	if length == 0 || length > longestWord {
		return ""
	}
	best, bestDistance := T(""), max(1, length/3)+1
	folded := []rune(strings.ToLower(word))
	for _, candidate := range candidates {
		if n := utf8.RuneCountInString(string(candidate)); n >= length+bestDistance || n <= length-bestDistance {
			continue
		}
		if d := distance(folded, []rune(strings.ToLower(string(candidate)))); d < bestDistance {
			best, bestDistance = candidate, d
		}
	}
	return best
}

// distance is the optimal string alignment distance: the number of characters changed, added, left out, or swapped with
// their neighbour.
func distance(a, b []rune) int {
	beforeLast, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			changed := last[j-1]
			if a[i-1] != b[j-1] {
				changed++
			}
			row[j] = min(changed, last[j]+1, row[j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], beforeLast[j-2]+1)
			}
		}
		beforeLast, last, row = last, row, beforeLast
	}
	return last[len(b)]
}
